"""Exception packets are due when their runbook says, are late once, and are resolved with one of its outcomes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from handrail.audit.models import AuditEvent
from handrail.definitions.runbook.format import DEFAULT_OUTCOMES
from handrail.kernel.clock import now
from handrail.kernel.errors import Invalid
from handrail.runbooks import metrics
from handrail.runbooks.actions import exceptions, handover, together
from handrail.runbooks.actions.overdue import note_overdue
from handrail.runbooks.evaluation import evaluate
from handrail.runbooks.handling import contradictions
from handrail.runbooks.models import ExceptionPacket
from handrail.runbooks.queries.exceptions import (
    DUE,
    ExceptionFilter,
    count_exceptions,
    get_exception,
    list_exceptions,
)
from tests.factories.changes import COPIED, PANEL, senior, world
from tests.factories.log import superuser
from tests.factories.runs import Runs
from tests.factories.switches import FORBIDDEN, ODD, SwitchBoard

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("R2-17")]

PEOPLE = (
    "due_within: 4h, due_within_by_cause: {terminal-result: 1h}, outcomes: {fixed: Fixed, wrong-ticket: Wrong ticket}"
)
TIMED = PANEL.replace(COPIED, f"{COPIED[:-1]}, {PEOPLE}}}")


def stopped(estate: Runs, board: SwitchBoard, *, key: str = "TASK-1", switch: str = "s1") -> ExceptionPacket:
    board.script = [ODD]
    run = estate.advance(estate.start(key, switch))
    return ExceptionPacket.objects.get(run=run)


def late(packet: ExceptionPacket, by: timedelta = timedelta(minutes=1)) -> None:
    """Moves when ``packet`` was due into the past, as time would."""
    with superuser("runbooks_exceptionpacket"), connection.cursor() as cursor:
        cursor.execute("UPDATE runbooks_exceptionpacket SET due_at = %s WHERE id = %s", [now() - by, packet.pk])


def test_due_time_is_counted_from_the_stop_by_the_databases_clock() -> None:
    with world(TIMED) as (estate, board, _):
        packet = stopped(estate, board)
        board.script = [FORBIDDEN]
        board.add("s2", owner=estate.tenant.key)
        other = ExceptionPacket.objects.get(run=estate.advance(estate.start("TASK-2", "s2")))
        assert packet.due_at is not None
        assert other.due_at is not None
        assert (packet.due_at - packet.at, other.due_at - other.at) == (timedelta(hours=4), timedelta(hours=1))


def test_without_one_in_the_runbook_there_is_no_due_time() -> None:
    with world() as (estate, board, _):
        assert stopped(estate, board).due_at is None


def test_late_is_noted_once_with_who_has_it_and_only_while_unresolved() -> None:
    with world(TIMED) as (estate, board, _):
        who, packet = senior(estate), stopped(estate, board)
        assert note_overdue(name="worker") == 0
        exceptions.take(ref=packet.ref, by=who)
        late(packet)
        assert [note_overdue(name="worker") for _ in range(2)] == [1, 0]
        (event,) = AuditEvent.objects.filter(event="exception.overdue")
        assert (event.subject, event.context["handling"], event.context["taken_by"]) == (packet.ref, "taken", who.name)
        assert get_exception(who, packet.ref).summary.is_late
        assert metric() == 1
        assert contradictions([packet.pk]) == {}
        exceptions.resolve(ref=packet.ref, outcome="fixed", note="Done.", by=who)
        assert not get_exception(who, packet.ref).summary.is_late
        assert metric() == 0
        assert contradictions([packet.pk]) == {}


def metric() -> float:
    (found,) = [one for one in metrics.read() if one.name == "handrail_exception_packets_late"]
    (value,) = found.values.values()
    return value


def test_resolved_in_time_is_never_noted_late() -> None:
    with world(TIMED) as (estate, board, _):
        who, packet = senior(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        exceptions.resolve(ref=packet.ref, outcome="fixed", note="Done.", by=who)
        late(packet)
        assert note_overdue(name="worker") == 0


@pytest.mark.parametrize(
    "change",
    [
        "due_at = due_at + interval '1 day'",
        "overdue_at = now(), note = 'x'",
        "overdue_at = due_at - interval '1 minute'",
        "outcome = 'fixed'",
        "handling = 'taken', taken_at = now(), taken_by = 'x', overdue_at = now()",
    ],
)
def test_database_refuses_what_no_action_does(change: str) -> None:
    with world(TIMED) as (estate, board, _):
        packet = stopped(estate, board)
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE runbooks_exceptionpacket SET {change} WHERE id = %s", [packet.pk])


def test_list_answers_which_are_mine_and_late() -> None:
    with world(TIMED) as (estate, board, _):
        who = senior(estate)
        packets = []
        for number in range(4):
            board.add(f"t{number}", owner=estate.tenant.key)
            packets.append(stopped(estate, board, key=f"T-{number}", switch=f"t{number}"))
        first, second, third, fourth = packets
        late(first, timedelta(minutes=1))
        late(second, timedelta(hours=3))
        late(third, timedelta(hours=-2))
        for packet in (first, second, fourth):
            exceptions.take(ref=packet.ref, by=who)
        exceptions.resolve(ref=fourth.ref, outcome="fixed", note="Done.", by=who)

        def found(**wanted: str) -> list[str]:
            return [one.ref for one in list_exceptions(who, ExceptionFilter(**wanted))]  # type: ignore[arg-type]

        assert found(owner="mine", due="late", sort=DUE) == [second.ref, first.ref]
        assert count_exceptions(who, ExceptionFilter(owner="mine", due="late")) == 2
        assert found(due="3h", sort=DUE) == [second.ref, first.ref, third.ref]
        assert found(due="none") == []
        assert found(sort=DUE) == [second.ref, first.ref, third.ref, fourth.ref]
        assert found(sort=DUE, after=first.ref) == [third.ref, fourth.ref]
        with pytest.raises(Invalid) as refused:
            found(due="tomorrow")
        assert [fault.where for fault in refused.value.faults] == ["due"]


def test_paging_by_due_time_loses_none_of_one_moment_and_none_without() -> None:
    with world(TIMED) as (estate, board, _):
        who = senior(estate)
        for number in range(5):
            board.add(f"t{number}", owner=estate.tenant.key)
            stopped(estate, board, key=f"T-{number}", switch=f"t{number}")
        rows = list(ExceptionPacket.objects.order_by("pk"))
        with superuser("runbooks_exceptionpacket"):
            ExceptionPacket.objects.filter(pk__in=[row.pk for row in rows[:2]]).update(due_at=rows[0].at)
            ExceptionPacket.objects.filter(pk__in=[row.pk for row in rows[2:4]]).update(due_at=None)
        seen, after = [], ""
        while page := list_exceptions(who, ExceptionFilter(sort=DUE, after=after, limit=1)):
            after = page[0].ref
            seen.append(after)
        assert seen == [rows[number].ref for number in (0, 1, 4, 2, 3)]


@pytest.mark.parametrize("outcome", ["", "fixed-by-hand", "FIXED", "fixed "])
def test_resolution_needs_one_of_the_runbooks_outcomes(outcome: str) -> None:
    with world(TIMED) as (estate, board, _):
        who, packet = senior(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        with pytest.raises(Invalid) as refused:
            exceptions.resolve(ref=packet.ref, outcome=outcome, note="Done.", by=who)
        (fault,) = refused.value.faults
        assert (fault.where, fault.message) == ("outcome", "one of: fixed, wrong-ticket")
        assert ExceptionPacket.objects.get(pk=packet.pk).handling == "taken"
        with pytest.raises(Invalid):
            together.resolve_together(refs=[packet.ref], outcome=outcome, note="Done.", by=who)


def test_outcome_is_kept_shown_and_in_the_sealed_event() -> None:
    with world(TIMED) as (estate, board, _):
        who, packet = senior(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        assert get_exception(who, packet.ref).outcomes == {"fixed": "Fixed", "wrong-ticket": "Wrong ticket"}
        exceptions.resolve(ref=packet.ref, outcome="wrong-ticket", note="Done.", by=who)
        detail = get_exception(who, packet.ref)
        assert (detail.summary.outcome, detail.outcome_title) == ("wrong-ticket", "Wrong ticket")
        (event,) = AuditEvent.objects.filter(event="exception.resolved")
        assert event.context["result"] == "wrong-ticket"
        with superuser("runbooks_exceptionpacket"):
            ExceptionPacket.objects.filter(pk=packet.pk).update(outcome="fixed")
        assert list(contradictions([packet.pk])) == [packet.pk]


def test_packet_whose_definition_can_not_be_read_is_resolved_with_a_usual_outcome() -> None:
    with world(TIMED) as (estate, board, _):
        who, packet = senior(estate), stopped(estate, board)
        handover.add_note(ref=packet.ref, note="Looked.", by=who)
        exceptions.take(ref=packet.ref, by=who)
        with superuser("definitions_definition"), connection.cursor() as cursor:
            cursor.execute("UPDATE definitions_definition SET text = 'nothing'")
        assert get_exception(who, packet.ref).outcomes == dict(DEFAULT_OUTCOMES)
        exceptions.resolve(ref=packet.ref, outcome="defect", note="Done.", by=who)


def test_time_to_take_counts_the_first_take_also_where_it_was_handed_back() -> None:
    with world(TIMED) as (estate, board, _):
        who, packet = senior(estate), stopped(estate, board)
        handover.add_note(ref=packet.ref, note="Looked.", by=who)
        assert evaluate(who).takeover_seconds is None
        exceptions.take(ref=packet.ref, by=who)
        first = AuditEvent.objects.get(event="exception.taken").at
        handover.hand_back(ref=packet.ref, note="Not mine.", by=who)
        exceptions.take(ref=packet.ref, by=who)
        assert evaluate(who).takeover_seconds == pytest.approx((first - packet.at).total_seconds(), abs=0.001)
