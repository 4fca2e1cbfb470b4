"""What was found in a text is masked in one act, by those whom the profile names; who did it never signs the result."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.packets import leases, packing, permissions, queries
from handrail.packets.actions import holds
from handrail.packets.models import Clearance, HoldRow, Revision
from tests.factories.packets import Packets
from tests.unit.packets.assembly.estate import event
from tests.unit.packets.findings.planted import JWT

# The entry that two owners once signed, and that was delivered.
SHOWN = {
    "secret-in-text": [JWT, "Winter2026!", "AKIAIOSFODNN7EXAMPLE"],
    "personal-data-in-text": ["+49 30 901820"],
    "internal-host-in-text": ["dc01.alder.corp"],
}
ENTRY = (
    "Called +49 30 901820; on dc01.alder.corp the password is Winter2026! and the key AKIAIOSFODNN7EXAMPLE. "
    f"It got {JWT}"
)
REASON = "Written into the case by mistake."
TEXT = "timeline[].text"


@pytest.fixture
def held(desk: Packets) -> Revision:
    desk.sources.case["timeline"].append(event("update", ENTRY))
    return desk.assemble()


def mask(
    desk: Packets, revision: Revision, name: str, *targets: str, code: str = "secret-in-text", **more: Any
) -> Revision:
    told = {"targets": targets or (TEXT,), "reason": REASON, **more}
    asked = holds.mask(ref=revision.packet.ref, revision=revision.number, code=code, by=desk.person(name), **told)
    return desk.build(asked.id)


def writings(secret: str) -> list[bytes]:
    raw = secret.encode()
    shifted = [base64.b64encode(b"-" * before + raw)[4 * (before > 0) : -4] for before in range(3)]
    return [raw, raw[::-1], raw.hex().encode(), raw.lower(), *shifted]


@pytest.mark.requirement("P-15")
def test_what_was_shown_is_held_masked_signed_by_others_and_not_in_the_package(desk: Packets, held: Revision) -> None:
    assert held.state == "held"
    found = {row.code: row for row in HoldRow.objects.filter(revision=held, target=TEXT)}
    assert found.keys() == SHOWN.keys()
    for name in ("ada", "ben"):
        with pytest.raises(Conflict, match="Holds are open"):
            desk.approve(held, name)
    revision = held
    for code in SHOWN:
        revision = mask(desk, revision, "cy", code=code)
    assert revision.state == "in_review"
    with pytest.raises(Conflict, match="masked a text in it"):
        desk.approve(revision, "cy")
    desk.approve(revision, "ada", "ben")
    desk.release(revision)
    desk.deliver(revision)
    with packing.packed(revision) as path:
        package = path.read_bytes()
    assert package in desk.vendor.packages.values()
    for secret in (one for secrets in SHOWN.values() for one in secrets):
        assert not [form for form in writings(secret) if form in package], secret
    assert b"[masked: telephone number]" in package
    assert b"Called " in package


def test_mask_leaves_its_lineage_in_the_trace_and_the_original_inside(desk: Packets, held: Revision) -> None:
    revision = mask(desk, held, "cy")
    traced = queries.get_packet(desk.person("ada"), revision.packet.ref).fields
    assert traced
    trace = revision.assembly.trace
    assert '"masked":{"kinds":{"JSON web token":1,"password":1,"token":1},"rule":"masked"}' in trace
    assert HoldRow.objects.get(revision=held, code="secret-in-text").internal["facts"][0]["text"] == ENTRY


def test_open_findings_are_counted_until_they_are_masked(desk: Packets, held: Revision) -> None:
    assert leases.text_holds() == dict.fromkeys(SHOWN, 1)
    mask(desk, held, "cy")
    assert leases.text_holds() == dict.fromkeys(set(SHOWN) - {"secret-in-text"}, 1)


def test_hold_says_place_and_kind_and_never_the_value(desk: Packets, held: Revision) -> None:
    row = HoldRow.objects.get(revision=held, code="personal-data-in-text")
    assert row.message.endswith("Found in entry 4: telephone number.")
    leaves = held.assembly.packet + held.assembly.trace + held.assembly.holds
    assert not [secret for secrets in SHOWN.values() for secret in secrets if secret in leaves]


def test_those_who_decide_see_the_text_with_its_places_marked(desk: Packets, held: Revision) -> None:
    def texts(name: str) -> dict[str, list[tuple[str, str]]]:
        shown = queries.get_packet(desk.person(name), held.packet.ref).holds
        return {one.code: [(piece.text, piece.kind) for text in one.texts for piece in text.pieces] for one in shown}

    assert ("+49 30 901820", "telephone number") in texts("cy")["personal-data-in-text"]
    desk.people["dee"].membership_set.update(roles=["operator"])
    assert texts("dee")["personal-data-in-text"] == []


def test_mask_is_kept_with_who_why_and_in_which_role(desk: Packets, held: Revision) -> None:
    revision = mask(desk, held, "cy")
    kept = Clearance.objects.get()
    assert (kept.by, kept.role, kept.reason, len(kept.masks or ())) == (
        desk.person("cy").name, "privacy", REASON, 1,
    )  # fmt: skip
    assert (revision.cause, revision.cause_detail) == ("text-masked", [{"code": "secret-in-text", "target": TEXT}])
    event = AuditEvent.objects.get(event="packet.text_masked")
    assert "swordfish" not in str(event.context)
    assert event.context["code"] == "secret-in-text"


def test_masks_of_several_holds_are_one_act_and_one_revision(desk: Packets) -> None:
    desk.sources.case["timeline"].append(event("update", "Reach us at +49 30 901820."))
    desk.sources["/connectors"]["items"][0]["kind"] = "call +49 30 901820"
    revision = desk.assemble()
    masked = mask(desk, revision, "cy", TEXT, "connector.kinds", code="personal-data-in-text")
    assert (masked.number, masked.state) == (2, "in_review")
    assert masked.assembly.packet.count("[masked: telephone number]") == 2


def test_later_entry_undoes_no_mask_and_other_text_is_held_again(desk: Packets, held: Revision) -> None:
    mask(desk, held, "cy")
    desk.sources.case["timeline"].insert(0, event("update", "An entry that came late."))
    again = desk.assemble()
    assert not HoldRow.objects.filter(revision=again, code="secret-in-text").exists()
    desk.sources.case["timeline"][-1]["text"] = ENTRY.replace("Winter2026!", "Spring2027!")
    changed = desk.assemble()
    assert HoldRow.objects.filter(revision=changed, code="secret-in-text").exists()
    assert "Spring2027!" not in changed.assembly.packet


def test_maker_of_a_mask_signs_no_later_revision_that_shows_it(desk: Packets, held: Revision) -> None:
    revision = held
    for code in SHOWN:
        revision = mask(desk, revision, "cy", code=code)
    later = desk.assemble()
    refused = permissions.why_not_approve(desk.person("cy"), later)
    assert refused is not None
    assert refused.code == "hold-editor"
    assert permissions.why_not_approve(desk.person("ada"), later) is None


def test_mask_by_a_role_that_the_profile_does_not_name_is_refused(desk: Packets, held: Revision) -> None:
    with pytest.raises(Conflict, match="Only privacy can mask"):
        mask(desk, held, "ada", code="personal-data-in-text")
    assert not Clearance.objects.exists()


def test_mask_without_the_capability_is_denied(desk: Packets, held: Revision) -> None:
    desk.people["cy"].membership_set.update(roles=["auditor", "privacy"])
    with pytest.raises(Denied):
        mask(desk, held, "cy")


def test_mask_of_another_kind_of_hold_is_refused(desk: Packets) -> None:
    desk.sources.case["plan"] = "biz"
    revision = desk.assemble()
    with pytest.raises(Conflict, match="Nobody can mask"):
        mask(desk, revision, "cy", "tenant.plan", code="source-conflict")


@pytest.mark.parametrize("more", [{"reason": ""}, {"targets": []}, {"targets": [str(n) for n in range(201)]}])
def test_mask_without_reason_or_targets_is_invalid(desk: Packets, held: Revision, more: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        mask(desk, held, "cy", **more)


def test_mask_of_a_hold_that_there_is_none_of_masks_nothing(desk: Packets, held: Revision) -> None:
    with pytest.raises(NotFound):
        mask(desk, held, "cy", TEXT, "nowhere")
    assert not Clearance.objects.exists()


def test_secret_can_be_cleared_by_nobody_and_personal_data_by_whom_the_profile_names(
    desk: Packets, held: Revision
) -> None:
    told: dict[str, Any] = {"ref": held.packet.ref, "revision": 1, "target": TEXT, "reason": "A false alarm."}
    with pytest.raises(Conflict, match="Nobody can clear"):
        holds.clear(code="secret-in-text", by=desk.person("cy"), **told)
    asked = holds.clear(code="personal-data-in-text", by=desk.person("cy"), **told)
    revision = desk.build(asked.id)
    assert HoldRow.objects.get(revision=revision, code="personal-data-in-text").cleared is not None


def test_finding_in_the_title_holds_the_revision_and_can_not_be_masked(desk: Packets) -> None:
    from handrail.definitions.models import Definition
    from handrail.definitions.states import DefinitionKind
    from tests.factories.installation import define
    from tests.factories.packets import retire
    from tests.unit.definitions.profile_samples import PROFILE

    retire(DefinitionKind.PACKET)
    text = PROFILE.replace("title: Vendor escalation of an outage", "title: Escalation, call +49 30 901820")
    define(desk.workspace, text.replace("version: 2", "version: 3", 1), DefinitionKind.PACKET)
    assert Definition.objects.count() > 1
    revision = desk.assemble()
    hold = HoldRow.objects.get(revision=revision, code="personal-data-in-text")
    assert (hold.scope, hold.target, hold.blocking) == ("revision", "packet.about.title", True)
    with pytest.raises(Conflict, match="Nobody can mask"):
        mask(desk, revision, "cy", "packet.about.title", code="personal-data-in-text")


def test_what_is_read_only_once_its_neighbour_is_masked_is_held_then(desk: Packets) -> None:
    desk.sources.case["timeline"].append(
        event("update", "paid with 4111 1111 1111 1111L\u00f6senordet \u00e4r Vinter2026")
    )
    revision = desk.assemble()
    codes = list(HoldRow.objects.filter(revision=revision, target=TEXT).values_list("code", flat=True))
    assert codes == ["personal-data-in-text"]
    revision = mask(desk, revision, "cy", code="personal-data-in-text")
    assert (revision.state, "Vinter2026" in revision.assembly.packet) == ("held", False)
    revision = mask(desk, revision, "cy")
    assert revision.state == "in_review"
    assert "Vinter2026" not in revision.assembly.packet


def test_what_a_mask_makes_look_like_a_secret_is_masked_with_it(desk: Packets) -> None:
    """``JSESSIONID=`` before a mark reads as encoded text; nobody has to mask a text twice for one reason."""
    desk.sources.case["timeline"].append(
        event("update", "JSESSIONID=8F3A0C94D1B7426E95AA0D31C7E28B64", at="2026-11-22T10:30:00Z")
    )
    revision = desk.assemble()
    asked = holds.mask(
        ref=revision.packet.ref,
        revision=revision.number,
        code="secret-in-text",
        targets=["timeline[].text"],
        reason="Not for the vendor.",
        by=desk.person("cy"),
    )
    following = desk.build(asked.id)
    assert not following.holds.filter(code="secret-in-text", cleared=None).exists()
    assert "8F3A0C94" not in following.assembly.packet


def test_masked_claim_holds_no_more(desk: Packets) -> None:
    """Its mark doesn't name the claim, whose name may be what is looked for."""
    told = event("update", "We ask for a service credit and a refund.", at="2026-11-22T10:30:00Z")
    desk.sources.case["timeline"].append(told)
    revision = desk.assemble()
    asked = holds.mask(
        ref=revision.packet.ref,
        revision=revision.number,
        code="forbidden-claim",
        targets=["timeline[].text"],
        reason="Not for the vendor.",
        by=desk.person("cy"),
    )
    following = desk.build(asked.id)
    assert not following.holds.filter(code="forbidden-claim", cleared=None).exists()
    assert "We ask for a [masked: forbidden claim] and a [masked: forbidden claim]." in following.assembly.packet


def test_masking_ends_where_every_look_finds_something_new(desk: Packets, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is still found after the last look is held."""
    monkeypatch.setattr("handrail.packets.assembly.texts.MOST_LOOKS", 1)
    desk.sources.case["timeline"].append(
        event("update", "JSESSIONID=8F3A0C94D1B7426E95AA0D31C7E28B64", at="2026-11-22T10:30:00Z")
    )
    revision = desk.assemble()
    asked = holds.mask(
        ref=revision.packet.ref,
        revision=revision.number,
        code="secret-in-text",
        targets=["timeline[].text"],
        reason="Not for the vendor.",
        by=desk.person("cy"),
    )
    following = desk.build(asked.id)
    assert following.state == "held"
    assert "8F3A0C94" not in following.assembly.packet
