"""Texts approved under earlier names of keys: they stay as they are, keep their digests and mean what they meant."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from handrail.definitions import compilation
from handrail.definitions.profile.compiler import compile_profile
from handrail.definitions.runbook.compiler import compile_runbook
from handrail.definitions.states import DefinitionKind
from handrail.kernel.errors import Invalid
from tests.unit.definitions.bad import edited
from tests.unit.definitions.profile_samples import PROFILE

SHIPPED = Path(__file__).parents[3] / "definitions"
OLD = Path(__file__).parent / "old_keys"
# The digests that these texts had before keys were renamed: databases, manifests and audit leaves hold them.
DIGESTS = {
    "connector-classes": "sha256:c68b2cdbc1819c79764d66e4ee216c8dcacbe443a0b8718980946b7915f6b01a",
    "database-engines": "sha256:e9d1530c6c115cc5a45c988438125897ad19b45427302c2d28cf601d92aa71ab",
    "database-latency-escalation": "sha256:b7789058414e6d4ee92f46d0a717dd5be8221b9c3b5bd0486822a02dc6a3221d",
    "database-shapes": "sha256:aa3a4239c3165cfc5197554ad697ac6a449a528e513d3b7d7adf7e2d287d8e31",
    "entitlement-resync": "sha256:8141225b4a5c58b0b6da9b7fc6a8f7818850d34bf2e92befe1a8b11a3b5ce87f",
    "event-kinds": "sha256:06266056533456e7967129eb3a7f6e112ddea17e404883c3828395b26af3de24",
    "identity-outage-vendor-escalation": "sha256:a8a2e030202cf1dc9c275f8cad2b4961f7cccf6b478ecb4ef11fb5455de1214e",
    "plan-labels": "sha256:c42a7aedc936c97c00bb931ffb0ddfe89f5bf0dd19dc15aad7d5f620c05e9d94",
    "rotate-sync-credential": "sha256:79cde9626cd18a089f141a265a6047bd3ce850e6831485cb0337995e102861b0",
    "tenant-aliases": "sha256:e12ad71df9779c76d840347e35fe3c022c93fcd720f475b3d97f864f63e9edf1",
    "vendor-product-codes": "sha256:5db6640986e38b3023c907bd5464a2c8ad51f201931a46188164b0d267fccead",
}
VERSION_2 = {
    "entitlement-resync": "sha256:e53016d863792564018ea0a088022d71ba1e8156584f2c86d77e35488d788987",
    "rotate-sync-credential": "sha256:7b1ea20da7882b7dce01faa5d57faa36f078f1b97a5400e98e0dcbcf9e708d3f",
}
PROFILE_3 = "sha256:683abd8936695f87b535e13707ae242951591fd314656410fe1fef990db5a64e"
PROFILE_2 = "sha256:f6c0f30df9d2c4171e922262b109b9329d33e3fc1424c8916c5c24dc25333d44"
SCHEMA_DIGESTS = {
    "database-latency-escalation": "sha256:00cfd3170c4093869fc260a18d3c75b8611c22ef6df818eda270d1bac0c65e69",
    "identity-outage-vendor-escalation": "sha256:d9c7f2b69b1c3936754d6a9e5cdf98b77619ce2cfd2066fde5a6a4ce0a52ef6d",
}


RUNBOOKS = ("entitlement-resync", "rotate-sync-credential")


def shipped(path: str) -> str:
    return (SHIPPED / path).read_text(encoding="utf-8")


def rules(spec: Any) -> Any:
    """``spec`` without the sentences for people, which were reworded."""
    if isinstance(spec, dict):
        return {key: rules(value) for key, value in spec.items() if key not in ("message", "released_by")}
    return [rules(one) for one in spec] if isinstance(spec, list) else spec


def old(name: str) -> str:
    return (OLD / f"{name}.yaml").read_text(encoding="utf-8")


def approved(name: str) -> str:
    """The text of version 2, which installations have approved."""
    return (OLD.parent / "approved" / f"{name}.yaml").read_text(encoding="utf-8")


def test_every_old_text_has_its_digest() -> None:
    assert {path.stem for path in OLD.glob("*.yaml")} == set(DIGESTS)


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_old_text_keeps_its_digest(name: str) -> None:
    assert compilation.check(old(name)).definition.digest == DIGESTS[name]


@pytest.mark.parametrize("name", RUNBOOKS)
def test_approved_version_2_keeps_its_digest_and_compiles(name: str) -> None:
    assert compilation.compile_text(DefinitionKind.RUNBOOK, approved(name), VERSION_2[name]).version == 2


@pytest.mark.parametrize("name", sorted(SCHEMA_DIGESTS))
def test_old_profile_keeps_the_digest_of_its_schema(name: str) -> None:
    assert compile_profile(old(name)).schema_digest == SCHEMA_DIGESTS[name]


@pytest.mark.parametrize("name", RUNBOOKS)
def test_old_runbook_means_what_its_next_version_meant(name: str) -> None:
    """They differ in the version, in the version that a ticket must name, and in sentences for people."""
    before, after = compile_runbook(old(name)).spec, compile_runbook(approved(name)).spec
    renewed = before.model_dump_json(warnings=False).replace("runbook_version == 1", "runbook_version == 2")
    assert rules(json.loads(renewed) | {"version": 2}) == rules(after.model_dump(mode="json", warnings=False))


def test_approved_profile_of_version_2_keeps_its_digest_and_compiles() -> None:
    text = approved("identity-outage-vendor-escalation")
    assert compilation.compile_text(DefinitionKind.PACKET, text, PROFILE_2).version == 2


def test_approved_profile_of_version_3_keeps_its_digest_and_asks_for_no_proof() -> None:
    text = approved("identity-outage-vendor-escalation-3")
    before = compile_profile(text)
    assert (compilation.compile_text(DefinitionKind.PACKET, text, PROFILE_3).version, before.signers.proof) == (3, {})


@pytest.mark.parametrize(
    ("name", "following"),
    [
        ("database-latency-escalation", SHIPPED / "profiles"),
        ("identity-outage-vendor-escalation", OLD.parent / "approved"),
    ],
)
def test_old_profile_means_what_its_next_version_meant(name: str, following: Path) -> None:
    text = (following / f"{name}.yaml").read_text(encoding="utf-8")
    before, after = compile_profile(old(name)).spec, compile_profile(text).spec
    renewed = re.sub(r"\bgiven\.", "inputs.", before.model_dump_json(warnings=False))
    assert rules(json.loads(renewed) | {"version": 2}) == rules(after.model_dump(mode="json", warnings=False))


@pytest.mark.parametrize("path", sorted(SHIPPED.rglob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_text_uses_todays_names(path: Path) -> None:
    assert compilation.check(path.read_text(encoding="utf-8")).warnings == ()


def test_check_warns_of_old_keys_and_names_with_line_and_new_name() -> None:
    text = old("identity-outage-vendor-escalation")
    found = {str(warning) for warning in compilation.check(text).warnings}
    for line, where, was, now in (
        ("given:", "given", "given", "inputs"),
        ("tenant: given.tenant", "tenant", "given.tenant", "inputs.tenant"),
        ('    get: "/cases/{given.case}"', "sources.case.get", "given.case", "inputs.case"),
        ("    inside: [internal_notes]", "sources.case.inside", "inside", "internal"),
        ("    take: {plan: string, tier: string}", "sources.entitlement.take", "take", "extract"),
        ("  sorts:", "annexes.sorts", "sorts", "types"),
        ("    other: {clear: never, says:", "annexes.sorts.other.says", "says", "message"),
        ("    when: case.tenant_id != given.tenant", "holds.other-tenant.when", "given.tenant", "inputs.tenant"),
    ):
        number = text[: text.index(line)].count("\n") + 1
        assert any(
            one.startswith(f"line {number}, ") and one.endswith(f"{where}: {was} is now called {now}") for one in found
        ), (line, sorted(found))


def test_warnings_name_every_old_key_of_a_runbook_once() -> None:
    text = old("rotate-sync-credential")
    found = [warning.message for warning in compilation.check(text).warnings]
    for was, now, times in (
        ("otherwise", "reason", text.count("otherwise:")),
        ("says", "message", text.count("says:")),
        ("take", "extract", text.count("take:")),
        ("that", "condition", text.count("- that:")),
        ("that", "conditions", 2),
    ):
        assert found.count(f"{was} is now called {now}") == times


@pytest.mark.parametrize(
    ("was", "bad", "where"),
    [
        ("otherwise: ticket-not-open", "otherwise: NOT OPEN", "prerequisites[0].otherwise"),
        ("that: tenant.status", "that: tenant.state", "prerequisites[4].that"),
        ("- that: task.admins.all(a, a in holders.user_names)", "- that: task.product_tier",
         "steps[0].verify.that[0].that"),
        ("      runbook: string", "      runbook: text", "reads.ticket.take.runbook"),
        ("says: The customer is not active.", "says: 7", "prerequisites[4].says"),
    ],
)  # fmt: skip
def test_faults_name_the_keys_that_the_author_wrote(was: str, bad: str, where: str) -> None:
    text = edited(old("entitlement-resync"), was, bad)
    with pytest.raises(Invalid) as refusal:
        compile_runbook(text)
    line = text[: text.index(bad)].count("\n") + 1 + bad.count("\n")
    assert [(fault.where, fault.line) for fault in refusal.value.faults] == [(where, line)]


@pytest.mark.parametrize(
    ("was", "both", "where", "names"),
    [
        ("    otherwise: ticket-not-open", "    reason: x\n    otherwise: y", "prerequisites[0].otherwise", "reason"),
        ("  - that: ticket.state", "  - condition: a.b\n    that: ticket.state", "prerequisites[0].that", "condition"),
    ],
)
def test_old_and_new_key_at_once_are_refused_naming_both(was: str, both: str, where: str, names: str) -> None:
    text = edited(old("entitlement-resync"), was, both)
    with pytest.raises(Invalid) as refusal:
        compile_runbook(text)
    (fault,) = refusal.value.faults
    was_called = where.rpartition(".")[2]
    assert (fault.where, fault.line) == (where, text[: text.index(both)].count("\n") + 2)
    assert fault.message == f"{was_called} and {names} are the same key, and both are here; keep {names}"


def test_old_name_of_an_input_is_read_beside_the_new_key() -> None:
    text = edited(PROFILE, "/cases/{inputs.case}", "/cases/{given.case}")
    profile = compile_profile(text)
    assert profile.input_scope({"tenant": "t"}) == {"inputs": {"tenant": "t"}, "given": {"tenant": "t"}}
    assert [str(one) for one in compilation.check(text).warnings] == [
        f"line {text[: text.index('{given')].count(chr(10)) + 1}, column 10: sources.case.get: "
        "given.case is now called inputs.case"
    ]


def test_input_of_an_old_text_gives_the_tenant() -> None:
    profile = compile_profile(old("identity-outage-vendor-escalation"))
    assert profile.tenant_key({"tenant": "ten_a", "case": "CASE-1"}) == "ten_a"


def test_source_called_inputs_stays_what_it_was_in_an_old_text() -> None:
    text = old("identity-outage-vendor-escalation").replace("plans.", "inputs.").replace("\n  plans:", "\n  inputs:")
    profile = compile_profile(text)
    assert "inputs" in profile.sources
    assert profile.input_scope({"tenant": "t"}) == {"given": {"tenant": "t"}}
    with pytest.raises(Invalid, match="inputs can't name a source"):
        compile_profile(edited(text, "\ngiven:", "\ninputs:"))


def test_value_called_type_stays_what_it_was_in_an_old_text() -> None:
    text = old("identity-outage-vendor-escalation")
    own = edited(text, "take: {id: string, kind: string, digest", "take: {id: string, type: string, digest")
    own = own.replace("annex.kind", "annex.type") + (
        '  typed: {when: annex.type == "har" && annex.sort == "har", scope: annex, owner: senior-support}\n'
    )
    condition = compile_profile(own).holds["typed"].condition
    assert condition is not None
    assert condition.holds({"annex": {"type": "har", "sort": "har"}})
    assert not condition.holds({"annex": {"type": "pcap", "sort": "har"}})
    with pytest.raises(Invalid, match=r"annex\.type is set by Handrail"):
        compile_profile(edited(own, "  sorts:", "  types:"))


def test_type_of_an_annex_has_both_names() -> None:
    for name in ("type", "sort"):
        condition = compile_profile(edited(PROFILE, "annex.size > 5000000", f'annex.{name} == "har"')).holds[
            "big-annex"
        ]
        assert condition.condition is not None
        assert condition.condition.holds({"annex": {name: "har", "cleared": True}})
