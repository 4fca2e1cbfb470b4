"""The context envelope: what it says, and what it can never hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.access.capabilities import Capability
from handrail.access.models import Tenant
from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.errors import Denied, NotFound
from handrail.runbooks.states import EventKind, RunState
from handrail.support import context
from handrail.support.models import SupportRequest
from tests.factories import rows
from tests.factories.support import Support
from tests.lanes import examples


def envelope(house: Support, **place: Any) -> dict[str, Any]:
    found = context.find_context(
        house.operator, Capability.SUPPORT_REQUEST, tenant=place.get("tenant"), run=place.get("run")
    )
    return context.build(found)


@pytest.mark.requirement("H-30")
def test_envelope_of_a_tenant_names_it_and_its_recent_runs(house: Support) -> None:
    built = envelope(house, tenant=house.tenant.key)
    assert set(built) == {"primary_context", "tenant", "recent_runs"}
    assert built["primary_context"] == "tenant"
    assert built["tenant"] == {"key": house.tenant.key, "name": house.tenant.name}
    assert [run["ref"] for run in built["recent_runs"]] == [house.run.ref]


def test_envelope_of_a_run_says_where_it_stands(house: Support) -> None:
    run = envelope(house, run=house.run.ref)["run"]
    assert run == {
        "ref": house.run.ref,
        "runbook": "flip-switch v1",
        "state": "invoking",
        "reason": None,
        "created_at": f"{house.run.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "finished_at": None,
        "definition_digest": house.run.definition_digest,
        "updated_at": f"{house.run.updated_at:%Y-%m-%dT%H:%M:%SZ}",
        "last_checkpoint": {"label": "Looked", "at": run["last_checkpoint"]["at"]},
        "exception": None,
    }


def test_envelope_of_a_stopped_run_says_why(house: Support) -> None:
    packet = rows.exception(house.tenant, house.run.definition)
    run = envelope(house, run=packet.run.ref)["run"]
    assert run["state"] == "exception"
    assert run["reason"] == packet.reason
    assert run["exception"] == {"ref": packet.ref, "cause": packet.cause}
    assert run["last_checkpoint"]["label"] == packet.checkpoint
    text = context.as_text(envelope(house, run=packet.run.ref))
    assert f"Exception packet: {packet.ref}, {packet.cause}" in text
    assert f"Last checkpoint: {packet.checkpoint}" in text


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        (EventKind.INTENT, "Flipped"),
        (EventKind.RESULT, "Looked"),
        (EventKind.VERIFIED, "Seen"),
        (EventKind.COMPLETED, "Out"),
    ],
)
def test_envelope_names_the_last_checkpoint_in_the_runbooks_words(house: Support, kind: EventKind, label: str) -> None:
    rows.entry(house.run, kind)
    assert envelope(house, run=house.run.ref)["run"]["last_checkpoint"]["label"] == label


def test_envelope_of_a_run_before_its_first_checkpoint_has_none(house: Support) -> None:
    fresh = rows.run(house.tenant, house.run.definition)
    assert envelope(house, run=fresh.ref)["run"]["last_checkpoint"] is None


def test_envelope_survives_a_definition_that_can_not_be_read_any_more(house: Support) -> None:
    old = rows.definition(house.tenant.workspace, text="handrail: runbook/v0\n")
    run = rows.run(house.tenant, old)
    rows.entry(run, EventKind.CHECKED)
    assert envelope(house, run=run.ref)["run"]["last_checkpoint"]["label"] == "checked"


def test_envelope_names_other_runs_of_this_tenant_only_and_at_most_five(house: Support) -> None:
    for _ in range(7):
        rows.run(house.tenant, house.run.definition, state=RunState.COMPLETED)
    other = rows.run(rows.tenant(house.tenant.workspace), house.run.definition)
    recent = [run["ref"] for run in envelope(house, run=house.run.ref)["recent_runs"]]
    assert len(recent) == 5
    assert house.run.ref not in recent
    assert other.ref not in recent


@pytest.mark.requirement("H-26")
def test_envelope_holds_nothing_of_payload_readings_or_evidence(house: Support) -> None:
    """Canaries stand in every free field of a run and its ledger."""
    packet = rows.exception(house.tenant, house.run.definition, message="canary-says")
    stopped = packet.run
    secret = {"password": "canary-secret", "holders": ["canary@example.com"]}
    rows.entry(stopped, EventKind.RESULT, detail=secret, key="canary-key", step="canary-step")
    for place in ({"tenant": house.tenant.key}, {"run": stopped.ref}, {"run": house.run.ref}):
        text = json.dumps(envelope(house, **place))
        for leak in ("canary", "ada@contoso", stopped.task_key, stopped.requested_by):
            assert leak not in text


@pytest.mark.requirement("H-30")
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200))
def test_envelope_is_bounded_and_clean_whatever_the_tenant_is_called(house: Support, name: str) -> None:
    Tenant.objects.filter(pk=house.tenant.pk).update(name=name)
    built = envelope(house, run=house.run.ref)
    assert len(canonical_bytes(built)) <= context.MAX_BYTES
    assert not any(ord(c) < 32 or c in "\u202e\u200b" for c in built["tenant"]["name"])
    assert built["tenant"]["name"] in context.as_text(built)


def test_envelope_drops_recent_runs_to_keep_its_size(house: Support, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        rows.run(house.tenant, house.run.definition, state=RunState.COMPLETED)
    full = envelope(house, run=house.run.ref)
    monkeypatch.setattr(context, "MAX_BYTES", len(canonical_bytes(full)) - 1)
    assert envelope(house, run=house.run.ref)["recent_runs"] == full["recent_runs"][:2]


@pytest.mark.requirement("H-30")
def test_diagnostics_shows_exactly_what_is_attached(house: Support) -> None:
    for place in ({"tenant": house.tenant.key}, {"run": house.run.ref}):
        shown = context.diagnostics(house.operator, **place)
        ref = house.submit(**place).handoff.ref
        assert SupportRequest.objects.get(ref=ref).context_envelope == shown.envelope
        assert shown.size_bytes == len(canonical_bytes(shown.envelope))


def test_diagnostics_follow_the_same_rules_as_submitting(house: Support) -> None:
    with pytest.raises(Denied):
        context.diagnostics(house.auditor, tenant=house.tenant.key)
    with pytest.raises(NotFound):
        context.diagnostics(house.outsider(), run=house.run.ref)


def test_find_place_needs_exactly_one_place(house: Support) -> None:
    with pytest.raises(ValueError, match="either"):
        context.diagnostics(house.operator)
    with pytest.raises(ValueError, match="either"):
        context.diagnostics(house.operator, tenant=house.tenant.key, run=house.run.ref)
