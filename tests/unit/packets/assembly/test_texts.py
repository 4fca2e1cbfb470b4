"""Whatever is planted in whatever text would leave is held there, and nothing of it leaves; a mask takes its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from handrail.definitions.profile.format import Carried
from handrail.definitions.profile.holds import IN_TEXTS
from handrail.definitions.table import compile_table
from handrail.packets.assembly.assemble import assemble
from handrail.packets.assembly.cleaning import clean
from handrail.packets.assembly.compare import Documents, compare
from handrail.packets.assembly.results import Assembled, HoldClearance
from handrail.packets.assembly.texts import mask_digest
from handrail.packets.findings import CARRIED, CODES
from tests.lanes import share
from tests.unit.definitions.profile_samples import TABLES
from tests.unit.packets.assembly.estate import AT, SALT, Estate, codes, event, leaving, sample, tables
from tests.unit.packets.findings.planted import PLANTED


def entry(estate: Estate, text: str) -> None:
    estate.case["timeline"][1]["text"] = text


def actor(estate: Estate, text: str) -> None:
    estate.case["timeline"][0]["actor"] = text


def listed(estate: Estate, text: str) -> None:
    estate["/connectors"]["items"].append({"entity_id": "https://other.example", "kind": text})


def contact(estate: Estate, text: str) -> None:
    estate["/roster"]["emails"].append(text)


def identifier(estate: Estate, text: str) -> None:
    estate["/tenants/ten_a"]["federation"]["entity_id"] = text
    estate["/connectors"]["items"][0]["entity_id"] = text
    estate["/metadata/ten_a"]["entity_id"] = text


SLOTS: dict[str, Callable[[Estate, str], None]] = {
    "text of an entry": entry,
    "actor of an entry": actor,
    "one of a list": listed,
    "contact": contact,
    "value that an inventory confirms": identifier,
}


def refuse_leak(assembled: Assembled, planted: str, *, of: str) -> None:
    for form in {planted, " ".join(planted.split())}:
        written = json.dumps(form, ensure_ascii=False)[1:-1].encode()
        assert not [path for path, data in leaving(assembled).items() if written in data], of


@pytest.mark.requirement("P-15")
@pytest.mark.parametrize("slot", SLOTS)
def test_what_is_planted_is_held_in_every_text(slot: str, counted: Callable[[str], None]) -> None:
    names = list(share(list(PLANTED), list(SLOTS).index(slot), 17))
    counted(f"{len(names)} kinds planted in the {slot}")
    for name in names:
        code, sentence, planted = PLANTED[name]
        if slot == "contact" and name.startswith("e-mail"):
            continue  # it carries them on purpose
        estate = Estate()
        SLOTS[slot](estate, sentence.format(planted))
        assembled = estate.assemble()
        assert code in {hold.code for hold in assembled.holds}, name
        refuse_leak(assembled, planted, of=name)


def test_what_is_planted_in_a_table_is_held() -> None:
    text = next(text for text in TABLES if "plan-labels" in text)
    old = tables()["plan-labels"].rows["ent"]
    table = compile_table(text.replace(str(old), '"Enterprise, key AKIAIOSFODNN7EXAMPLE"'))
    estate = Estate()
    assembled = estate.assemble(tables={**tables(), table.name: table})
    assert ("secret-in-text", "tenant.plan") in codes(assembled)
    refuse_leak(assembled, "AKIAIOSFODNN7EXAMPLE", of="table")


@pytest.mark.parametrize(
    ("old", "new", "target"),
    [
        ("title: Vendor escalation of an outage", "title: Ask jane.doe@customer.example", "packet.about.title"),
        (
            "message: It was not sanitised.",
            "message: Ask jane.doe@customer.example.",
            "holds.unsanitised-artifact on other-1.says",
        ),
        (
            "released_by: a clean capture",
            "released_by: jane.doe@customer.example",
            "holds.unsanitised-artifact on other-1.released_by",
        ),
    ],
)
def test_finding_outside_the_fields_holds_the_revision_and_names_its_place(old: str, new: str, target: str) -> None:
    assembled = Estate().assemble(sample((old, new)))
    (hold,) = [hold for hold in assembled.holds if hold.code == "personal-data-in-text"]
    assert (hold.scope, hold.target, hold.blocks, hold.masks) == ("revision", target, True, ())


def test_record_id_with_a_finding_is_given_salted() -> None:
    estate = Estate()
    estate.case["id"] = "CASE-7 of jane.doe@customer.example"
    estate.records["/cases/CASE-7 of jane.doe@customer.example/attachments"] = {"items": []}
    assembled = estate.assemble()
    assert assembled.trace["sources"]["case"]["record"].startswith("record-")
    refuse_leak(assembled, "jane.doe@customer.example", of="record")


def test_hold_counts_its_places_and_kinds_in_words() -> None:
    estate = Estate()
    entry(estate, "Call +49 30 901820 or +49 30 901821.")
    estate.case["timeline"].append(event("update", "Call +49 30 901822."))
    hold = next(hold for hold in estate.assemble().holds if hold.code == "personal-data-in-text")
    assert hold.message == (
        "Personal data stand in a text that would leave. Found in entry 2: telephone number (2); in entry 4: "
        "telephone number."
    )


def test_hold_with_very_many_places_names_the_first() -> None:
    estate = Estate()
    estate.case["timeline"] += [event("update", f"Call +49 30 9018{n:02}.") for n in range(30)]
    hold = next(hold for hold in estate.assemble().holds if hold.code == "personal-data-in-text")
    assert hold.message.endswith("telephone number; and in 10 more.")


def masks(assembled: Assembled, *, role: str = "privacy") -> list[HoldClearance]:
    """The decision to mask all that was found."""
    return [
        HoldClearance(
            hold.code, hold.target, hold.digest, role, "cy", "Masked.", AT,
            tuple(mask_digest(SALT, hold.code, hold.target, fact) for fact in hold.internal["facts"]),
        )
        for hold in assembled.holds
        if hold.code in CODES and isinstance(hold.internal["facts"], list)
    ]  # fmt: skip


@pytest.mark.parametrize("slot", ["text of an entry", "one of a list"])
def test_masked_text_leaves_with_marks_and_without_holds(slot: str) -> None:
    estate = Estate()
    for name in share(list(PLANTED), 0, 10):
        _, sentence, planted = PLANTED[name]
        SLOTS[slot](estate, sentence.format(planted))
        inputs = estate.inputs()
        held = assemble(inputs)
        decided = masks(held)
        made = assemble(replace(inputs, clearances=decided))
        assert not {hold.code for hold in made.holds} & set(CODES), name
        assert b"[masked: " in made.packet_bytes
        assert set(made.masked) == set(decided)
        refuse_leak(made, planted, of=name)


def test_masks_are_looked_for_in_the_original_whatever_their_order() -> None:
    estate = Estate()
    entry(estate, "Call +49 30 901820; the password is Winter2026! and dc01.corp is down.")
    inputs = estate.inputs()
    decided = masks(assemble(inputs))
    both = [assemble(replace(inputs, clearances=some)) for some in (decided, decided[::-1])]
    assert both[0].documents == both[1].documents
    one = assemble(replace(inputs, clearances=[one for one in decided if one.code == "secret-in-text"]))
    assert {hold.code for hold in one.holds} >= {"personal-data-in-text", "internal-host-in-text"}


def test_mask_by_a_role_that_the_profile_no_longer_names_does_not_count() -> None:
    estate = Estate()
    entry(estate, "Call +49 30 901820.")
    inputs = estate.inputs()
    decided = masks(assemble(inputs), role="escalation-owner")
    assert ("personal-data-in-text", "timeline[].text") in codes(assemble(replace(inputs, clearances=decided)))


def test_masks_are_counted_in_the_lineage_and_in_the_comparison() -> None:
    estate = Estate()
    entry(estate, "Call +49 30 901820 or +49 30 901821.")
    inputs = estate.inputs()
    held = assemble(inputs)
    made = assemble(replace(inputs, clearances=masks(held)))
    traced = made.trace["fields"]["timeline[].text"]
    assert traced["masked"] == {"rule": "masked", "kinds": {"telephone number": 2}}
    compared = compare(Documents.of(held), Documents.of(made))
    assert [one.where for one in compared.lineage] == ["timeline[].text.masked"]


def test_value_that_breaks_its_rules_once_it_is_masked_is_held() -> None:
    estate = Estate()
    profile = sample(("text: {from: item.text, multiline: true}", "text: {from: item.text, maxLength: 30}"))
    entry(estate, "Call +49 30 901820 today.")
    inputs = estate.inputs(profile)
    made = assemble(replace(inputs, clearances=masks(assemble(inputs))))
    assert ("unfit-value", "timeline[].text") in codes(made)
    refuse_leak(made, "+49 30 901820", of="too long")


def test_field_with_a_format_or_a_pattern_raises_no_alarm_and_hides_no_certain_secret() -> None:
    profile = sample(
        ("  contacts: {from: roster.emails, carries: email}", "  contacts: {from: roster.emails, pattern: '^[^ ]+$'}")
    )
    estate = Estate()
    estate["/roster"]["emails"] = ["9f86d081884c7d659a2feaa0c55ad015", "dc01", "0171-2345678"]
    assert codes(estate.assemble(profile)) == {("unsanitised-artifact", "other-1")}
    estate["/roster"]["emails"] = ["AKIAIOSFODNN7EXAMPLE"]
    assert ("secret-in-text", "contacts") in codes(estate.assemble(profile))


def test_pattern_that_lets_prose_through_binds_nothing() -> None:
    profile = sample(
        ("  contacts: {from: roster.emails, carries: email}", "  contacts: {from: roster.emails, pattern: '^.*$'}")
    )
    estate = Estate()
    estate["/roster"]["emails"] = ["ask on dc01 for it"]
    assert ("internal-host-in-text", "contacts") in codes(estate.assemble(profile))


def test_log_that_quotes_an_internal_note_stays_inside() -> None:
    estate = Estate()
    profile = sample(
        ("    other: {clear: never}", '    log: {where: annex.kind == "log", clear: log/v1}\n    other: {clear: never}')
    )
    estate.case["bridge_notes"] = ["We think that their own proxy drops the request before it arrives."]
    estate.attach(
        "ATT-5", "log", b"2026-11-22T09:00:00Z INFO their own proxy drops the request\n", content_type="text/plain"
    )
    assembled = estate.assemble(profile)
    quoted = ("internal-note", "log-1") in codes(assembled)
    shown = b"".join(annex.data for annex in assembled.annexes if annex.name.startswith("log"))
    assert quoted or b"proxy drops the request" not in shown


def test_words_of_the_format_are_those_of_the_findings() -> None:
    assert set(Carried.__args__) == set(CARRIED)
    assert IN_TEXTS == CODES


def test_cleaned_text_is_what_is_looked_through() -> None:
    hidden: Any = clean("AKIA\u200bIOSFODNN7EXAMPLE", multiline=False)
    assert hidden == "AKIAIOSFODNN7EXAMPLE"
