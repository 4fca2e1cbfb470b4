"""A completed run that was found wrong: marked once, by a person, and counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Role, bundled
from handrail.audit.models import AuditEvent
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Conflict, Denied, HandrailError, Invalid, NotFound
from handrail.runbooks.actions import corrections, exceptions
from handrail.runbooks.evaluation import RunbookFigures, evaluate
from handrail.runbooks.models import ExceptionPacket, OperationRun, WrongCompletion
from handrail.runbooks.queries.runs import get_run
from tests.factories import rows
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import ODD, SwitchBoard

pytestmark = pytest.mark.django_db


@pytest.fixture
def senior(estate: Runs) -> Actor:
    return as_person(estate.worker, "senior@example.com", capabilities=bundled([Role.SENIOR_SUPPORT]))


@pytest.fixture
def completed(estate: Runs, board: SwitchBoard) -> OperationRun:
    return estate.advance(estate.start())


@pytest.fixture
def packet(estate: Runs, board: SwitchBoard, completed: OperationRun, senior: Actor) -> ExceptionPacket:
    """A later exception packet, taken over."""
    board.script = [ODD]
    board.add("s2", owner=estate.tenant.key)
    found = ExceptionPacket.objects.get(run=estate.advance(estate.start("TASK-2", "s2")))
    exceptions.take(ref=found.ref, by=senior)
    return found


def total(by: Actor) -> RunbookFigures:
    return evaluate(by).total


@pytest.mark.requirement("R2-31")
def test_a_mark_is_counted_shown_and_audited(completed: OperationRun, senior: Actor) -> None:
    assert (total(senior).found_wrong, total(senior).unattended) == (0, 1)
    corrections.mark_wrong(ref=completed.ref, reason="The other switch was meant.", by=senior)
    assert (total(senior).completed, total(senior).found_wrong, total(senior).unattended) == (1, 1, 0)
    shown = get_run(senior, completed.ref)
    assert shown.wrong is not None
    assert (shown.wrong.by, shown.wrong.reason) == ("senior@example.com", "The other switch was meant.")
    event = AuditEvent.objects.get(event="run.found_wrong")
    assert (event.subject, event.context["reason"]) == (
        completed.ref,
        digest_bytes(b"The other switch was meant."),
    )


@pytest.mark.requirement("R2-31")
def test_the_resolution_of_a_packet_marks_the_run_that_it_shows_to_be_wrong(
    completed: OperationRun, packet: ExceptionPacket, senior: Actor
) -> None:
    exceptions.resolve(
        ref=packet.ref,
        outcome="fixed-by-hand",
        note="Turned s1 off again.\nMore.",
        found_wrong=completed.ref,
        by=senior,
    )
    mark = WrongCompletion.objects.get(run=completed)
    assert (mark.found_in, mark.reason, mark.by) == (packet.ref, "Turned s1 off again.", "senior@example.com")


@pytest.mark.parametrize("named", ["RUN-0000000000", "stopped", "twice"])
def test_a_resolution_that_names_no_such_run_changes_nothing(
    named: str, completed: OperationRun, packet: ExceptionPacket, senior: Actor
) -> None:
    ref = {"stopped": packet.run.ref, "twice": completed.ref}.get(named, named)
    if named == "twice":
        corrections.mark_wrong(ref=ref, reason="Seen.", by=senior)
    with pytest.raises(Invalid) as refused:
        exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="Done.", found_wrong=ref, by=senior)
    assert refused.value.faults[0].where == "found_wrong"
    packet.refresh_from_db()
    assert packet.handling == "taken"


@pytest.fixture
def elsewhere(estate: Runs) -> OperationRun:
    """A completed run of another tenant, whom everybody with all tenants sees."""
    return rows.completed_run(rows.tenant(estate.workspace, name="Other"), estate.definition)


def test_the_note_of_a_packet_is_not_told_to_another_tenant(
    packet: ExceptionPacket, elsewhere: OperationRun, senior: Actor
) -> None:
    with pytest.raises(Invalid) as refused:
        exceptions.resolve(
            ref=packet.ref, outcome="fixed-by-hand", note="Called Ada of s2.", found_wrong=elsewhere.ref, by=senior
        )
    assert refused.value.faults[0].where == "found_wrong"
    with pytest.raises(Invalid) as refused:
        corrections.mark_wrong(ref=elsewhere.ref, reason="Seen.", found_in=packet.ref, by=senior)
    assert refused.value.faults[0].where == "found_in"
    assert not WrongCompletion.objects.exists()
    packet.refresh_from_db()
    assert packet.handling == "taken"


def by_the_worker(estate: Runs, _: Actor) -> Actor:
    return estate.worker


def by_an_operator(estate: Runs, _: Actor) -> Actor:
    return as_person(estate.worker, capabilities=bundled([Role.OPERATOR]))


def by_somebody_elsewhere(estate: Runs, senior: Actor) -> Actor:
    other = rows.tenant(estate.workspace, name="Other")
    return as_person(senior, tenant_ids=frozenset({other.pk}))


@pytest.mark.parametrize(
    ("who", "error"),
    [(by_the_worker, Denied), (by_an_operator, Denied), (by_somebody_elsewhere, NotFound)],
)
def test_who_may_not_mark(
    who: Callable[[Runs, Actor], Actor],
    error: type[HandrailError],
    estate: Runs,
    completed: OperationRun,
    senior: Actor,
) -> None:
    with pytest.raises(error):
        corrections.mark_wrong(ref=completed.ref, reason="No.", by=who(estate, senior))
    assert not WrongCompletion.objects.exists()


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"reason": "  "}, Invalid, ""),
        ({"reason": "x" * 501}, Invalid, ""),
        ({"found_in": "EXC-0000000000"}, Invalid, ""),
        ({"found_in": "RUN-0000000000"}, Invalid, ""),
        ({"found_in": "SR-123"}, Invalid, ""),
    ],
)
def test_what_is_no_mark(
    change: dict[str, Any], error: type[HandrailError], code: str, completed: OperationRun, senior: Actor
) -> None:
    with pytest.raises(error):
        corrections.mark_wrong(**{"ref": completed.ref, "reason": "Seen.", **change}, by=senior)
    assert not WrongCompletion.objects.exists()


def test_a_support_request_can_be_what_shows_it(completed: OperationRun, senior: Actor) -> None:
    corrections.mark_wrong(ref=completed.ref, reason="Seen.", found_in="SR-0123456789", by=senior)
    assert WrongCompletion.objects.get().found_in == "SR-0123456789"


def test_only_what_completed_is_marked_and_once(
    estate: Runs, completed: OperationRun, packet: ExceptionPacket, senior: Actor
) -> None:
    with pytest.raises(Conflict) as stopped:
        corrections.mark_wrong(ref=packet.run.ref, reason="Seen.", by=senior)
    corrections.mark_wrong(ref=completed.ref, reason="Seen.", by=senior)
    with pytest.raises(Conflict) as twice:
        corrections.mark_wrong(ref=completed.ref, reason="Seen.", by=senior)
    assert (stopped.value.code, twice.value.code) == ("run-not-completed", "found-wrong")


def test_two_marks_at_once_are_one(completed: OperationRun, senior: Actor) -> None:
    corrections.write_wrong(completed, senior, reason="Seen.", found_in="")
    with pytest.raises(Conflict):
        corrections.write_wrong(completed, senior, reason="Seen too.", found_in="")
    assert WrongCompletion.objects.get().reason == "Seen."


@pytest.mark.parametrize(
    "statement", ["DELETE FROM runbooks_wrongcompletion", "UPDATE runbooks_wrongcompletion SET reason = 'x'"]
)
def test_a_mark_stays(statement: str, completed: OperationRun, senior: Actor) -> None:
    corrections.mark_wrong(ref=completed.ref, reason="Seen.", by=senior)
    with (
        pytest.raises(Exception, match=r"append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
