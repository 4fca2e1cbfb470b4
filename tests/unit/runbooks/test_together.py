"""Like exception packets taken over and resolved together, each on its own."""

from __future__ import annotations

import dataclasses

import pytest

from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.access.decisions import Proof
from handrail.access.models import Membership, Tenant
from handrail.access.proofs import just_now
from handrail.access.queries import member_actor
from handrail.audit.models import AuditEvent
from handrail.definitions.models import Definition
from handrail.kernel.errors import Denied, Invalid
from handrail.runbooks.actions import exceptions, together
from handrail.runbooks.models import ExceptionPacket
from tests.factories import rows

pytestmark = pytest.mark.requirement("R2-17")


@pytest.fixture
def tenant(db: None) -> Tenant:
    return rows.tenant(rows.workspace())


@pytest.fixture
def definition(tenant: Tenant) -> Definition:
    return rows.definition(tenant.workspace)


@pytest.fixture
def senior(tenant: Tenant) -> Actor:
    rows.member(tenant.workspace, Role.SENIOR_SUPPORT, email="senior@example.com")
    return member_actor(Membership.objects.get(user__email="senior@example.com"), Proof.SESSION, just_now())


def handled(refs: list[str]) -> list[tuple[str, str | None]]:
    rows_of = {one.ref: (one.handling, one.taken_by) for one in ExceptionPacket.objects.filter(ref__in=refs)}
    return [rows_of[ref] for ref in refs]


def test_each_is_taken_on_its_own_and_what_failed_is_named(
    tenant: Tenant, definition: Definition, senior: Actor
) -> None:
    first, second, third = (rows.exception(tenant, definition).ref for _ in range(3))
    other = dataclasses.replace(senior, name="other@example.com")
    exceptions.take(ref=second, by=other)
    hidden = rows.exception(rows.tenant(rows.workspace("Another")), rows.definition(tenant.workspace, name="b")).ref
    ended = together.take_together(refs=[first, second, third, first, hidden], by=senior)
    assert [(one.ref, one.code) for one in ended] == [
        (first, ""),
        (second, "exception-taken"),
        (third, ""),
        (hidden, "not-found"),
    ]
    assert "other@example.com has taken this over" in ended[1].message
    assert handled([first, second, third]) == [
        ("taken", senior.name),
        ("taken", "other@example.com"),
        ("taken", senior.name),
    ]
    assert AuditEvent.objects.filter(event="exception.taken", actor=senior.name).count() == 2


def test_each_is_resolved_with_the_note_and_an_event_of_its_own(
    tenant: Tenant, definition: Definition, senior: Actor
) -> None:
    refs = [rows.exception(tenant, definition).ref for _ in range(3)]
    together.take_together(refs=refs[:2], by=senior)
    ended = together.resolve_together(refs=refs, outcome="other", note="Mended the sync service.", by=senior)
    assert [one.code for one in ended] == ["", "", "exception-open"]
    told = {(one.ref, one.note) for one in ExceptionPacket.objects.filter(handling="resolved")}
    assert told == {(ref, "Mended the sync service.") for ref in refs[:2]}
    assert AuditEvent.objects.filter(event="exception.resolved").count() == 2


@pytest.mark.parametrize("unlike", ["reason", "runbook"])
def test_unlike_ones_are_refused_whole(tenant: Tenant, definition: Definition, senior: Actor, unlike: str) -> None:
    one = rows.exception(tenant, definition)
    another = rows.definition(tenant.workspace, name="another", text=rows.runbook_text())
    other = rows.exception(
        tenant, another if unlike == "runbook" else definition, reason="odd" if unlike == "reason" else one.reason
    )
    for act in (together.take_together, lambda **of: together.resolve_together(outcome="other", note="Done.", **of)):
        with pytest.raises(Invalid, match="together"):
            act(refs=[one.ref, other.ref], by=senior)
    assert handled([one.ref, other.ref]) == [("open", None)] * 2


@pytest.mark.parametrize("count", [0, 51])
def test_none_and_more_than_fifty_are_refused(senior: Actor, count: int) -> None:
    with pytest.raises(Invalid, match="together"):
        together.take_together(refs=[f"EXC-{number}" for number in range(count)], by=senior)


@pytest.mark.parametrize("note", ["", " ", "x" * 4001])
def test_note_that_resolves_none_is_refused_whole(
    tenant: Tenant, definition: Definition, senior: Actor, note: str
) -> None:
    ref = rows.exception(tenant, definition).ref
    together.take_together(refs=[ref], by=senior)
    with pytest.raises(Invalid) as caught:
        together.resolve_together(refs=[ref], outcome="other", note=note, by=senior)
    assert caught.value.faults[0].where == "note"


def test_without_the_capability_nothing_is_tried(tenant: Tenant, definition: Definition, senior: Actor) -> None:
    ref = rows.exception(tenant, definition).ref
    operator = dataclasses.replace(senior, capabilities=frozenset())
    with pytest.raises(Denied):
        together.take_together(refs=[ref], by=operator)
    with pytest.raises(Denied):
        together.resolve_together(refs=[ref], outcome="other", note="Done.", by=operator)
    assert handled([ref]) == [("open", None)]
