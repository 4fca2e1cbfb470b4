"""A run that a person starts from an exception packet: what lets it pass, and what stops it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.models import AuditEvent
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer, Reading
from handrail.definitions import actions as definitions
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, HandrailError, Invalid, NotFound
from handrail.kernel.scope import entered
from handrail.runbooks import timing
from handrail.runbooks.actions import exceptions, follow_ups, handover, runs
from handrail.runbooks.engine import advance
from handrail.runbooks.engine.position import Phase
from handrail.runbooks.evaluation import evaluate
from handrail.runbooks.models import Checkpoint, ExceptionPacket, FollowUp, OperationRun, Report
from handrail.runbooks.queries import exceptions as queries
from handrail.runbooks.queries.follow_ups import FollowUpOf, follow_up_form
from handrail.runbooks.queries.runs import RunFilter, get_run, list_runs
from handrail.runbooks.timing import Timing
from handrail.runbooks.wavemodels import Wave
from tests.factories import rows
from tests.factories.changes import COPIED, PANEL, SECOND, ending, senior, world
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import ODD, BoardConnector, SwitchBoard, Turn

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("R2-17")]

PEOPLE = (
    "follow_up: [{runbook: flip-switch, by: [senior-support, board-team]}, {runbook: unknown, by: [senior-support]}]"
)
FOLLOWED = PANEL.replace(COPIED, f"{COPIED[:-1]}, {PEOPLE}}}")
TWO = FOLLOWED.replace("\ncompletion:", SECOND)


def person(estate: Runs, name: str = "senior@example.com", **changes: object) -> Actor:
    return as_person(senior(estate), name, **{"roles": frozenset({"senior-support"}), **changes})


def stopped(estate: Runs, board: SwitchBoard, key: str = "TASK-1", turn: Turn = ODD) -> ExceptionPacket:
    """The packet of a run that stopped behind a call; the switch is off again, so that something is to do."""
    board.script = [turn]
    run = estate.advance(estate.start(key))
    board.script = []
    board.switches["s1"]["state"] = "off"
    return ExceptionPacket.objects.get(run=run)


def followed(packet: ExceptionPacket, by: Actor, number: int = 1, **inputs: object) -> OperationRun:
    ref = follow_ups.start(ref=packet.ref, runbook="flip-switch", by=by, number=number, inputs=inputs).ref
    return OperationRun.objects.select_related("definition").get(ref=ref)


@pytest.mark.requirement("R2-07")
def test_it_alone_passes_the_fence_of_its_own_exception_and_is_linked_both_ways() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        waits = estate.advance(estate.start("TASK-2"))
        exceptions.take(ref=packet.ref, by=who)
        run = followed(packet, who)
        assert get_run(who, run.ref).summary.blocking is None
        assert [one.ref for one in list_runs(who, RunFilter(situation="fenced"))] == [waits.ref]
        assert estate.advance(run).state == "completed"
        assert estate.advance(waits).state == "received"
        detail = queries.get_exception(who, packet.ref)
        assert [(one.run, one.number, one.state, one.by) for one in detail.follow_ups] == [
            (run.ref, 1, "completed", who.name)
        ]
        assert detail.fenced == [waits.ref]
        assert get_run(who, run.ref).follow_up_of == FollowUpOf(packet.ref, packet.run.ref, 1, who.name)
        (event,) = AuditEvent.objects.filter(event="exception.follow_up_started")
        assert (event.subject, event.context["run"], event.context["number"]) == (packet.ref, run.ref, 1)


def test_it_is_advanced_in_the_scope_and_with_the_rights_of_a_worker() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        run = followed(packet, who)
        with entered(estate.worker.scope):
            assert estate.advance(run).state == "completed"


@pytest.mark.requirement("R2-30")
def test_it_does_not_count_as_completed_without_a_person() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        estate.advance(followed(packet, who))
        total = evaluate(who).total
        assert (total.ended, total.completed, total.unattended) == (2, 1, 0)


@pytest.mark.requirement("R2-07")
def test_the_fence_of_another_exception_of_its_subject_still_holds() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, first = person(estate), stopped(estate, board)
        exceptions.take(ref=first.ref, by=who)
        board.script = [ODD]
        second = ExceptionPacket.objects.get(run=estate.advance(followed(first, who)))
        board.switches["s1"]["state"] = "off"
        third = followed(first, who, number=2)
        assert estate.advance(third).state == "received"
        blocking = get_run(who, third.ref).summary.blocking
        assert blocking is not None
        assert (blocking.kind, blocking.exception) == ("fenced", second.ref)
        exceptions.take(ref=second.ref, by=who)
        exceptions.resolve(ref=second.ref, outcome="other", note="Looked.", waiting="go-on", by=who)
        assert estate.advance(third).state == "completed"


def given_up(act: str, packet: ExceptionPacket, who: Actor, other: Actor) -> None:
    if act == "handed back":
        handover.hand_back(ref=packet.ref, note="Not mine.", by=who)
    elif act == "taken over":
        exceptions.take(ref=packet.ref, by=other, instead_of=who.name)
    else:
        exceptions.resolve(ref=packet.ref, outcome="not-needed", note="Looked.", by=who)


@pytest.mark.parametrize("act", ["handed back", "taken over", "resolved"])
def test_it_stops_before_its_first_call_once_the_person_has_the_exception_no_more(act: str) -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        run, calls = followed(packet, who), len(board.calls)
        given_up(act, packet, who, person(estate, "other@example.com"))
        assert ending(estate.advance(run)) == "follow-up-not-held"
        assert len(board.calls) == calls
        assert queries.get_exception(who, ExceptionPacket.objects.get(run=run).ref).account["changed"] == "no"


@pytest.mark.parametrize("act", ["handed back", "taken over", "resolved"])
def test_it_stops_while_it_reads_for_its_first_call(act: str) -> None:
    with world(FOLLOWED) as (estate, board, connectors):
        who, other, packet = person(estate), person(estate, "other@example.com"), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        run, calls, acted = followed(packet, who), len(board.calls), []

        class Meanwhile(BoardConnector):
            def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
                found = super().read(operation, deadline_seconds=deadline_seconds)
                if not acted:
                    acted.append(act)
                    given_up(act, packet, who, other)
                return found

        connectors["panel"] = Meanwhile(board, name="panel")
        estate.advance(run)  # which loses its lease
        assert ending(estate.advance(run)) == "follow-up-not-held"
        assert (len(board.calls), acted) == (calls, [act])


def test_its_intent_is_not_written_once_the_row_says_that_somebody_else_has_it() -> None:
    with world(FOLLOWED) as (estate, board, connectors):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        run, calls = followed(packet, who), len(board.calls)

        class Meanwhile(BoardConnector):
            def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
                taken = {"taken_by": "other@example.com", "taken_at": now()}
                ExceptionPacket.objects.filter(pk=packet.pk).exclude(taken_by=taken["taken_by"]).update(**taken)
                return super().read(operation, deadline_seconds=deadline_seconds)

        connectors["panel"] = Meanwhile(board, name="panel")
        assert ending(estate.advance(run)) == "follow-up-not-held"
        assert len(board.calls) == calls


@pytest.mark.parametrize("act", ["handed back", "taken over", "resolved"])
def test_it_stops_between_two_steps_and_tells_what_it_changed(act: str) -> None:
    with world(TWO) as (estate, board, connectors):
        who, other = person(estate), person(estate, "other@example.com")
        packet = stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        run = followed(packet, who)

        class Meanwhile(BoardConnector):
            def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
                answer = super().call(operation, deadline_seconds=deadline_seconds)
                given_up(act, packet, who, other)
                return answer

        connectors["board"] = Meanwhile(board)
        assert ending(estate.advance(run)) == "follow-up-not-held"
        intents = Checkpoint.objects.filter(run=run, kind="intent").values_list("step", flat=True)
        assert list(intents) == ["flip"]
        mine = ExceptionPacket.objects.get(run=run)
        assert queries.get_exception(who, mine.ref).account["changed"] == "yes"


def test_prerequisites_hold_for_it_as_for_any_run() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        board.switches["s1"]["fuse"] = "sealed"
        assert ending(estate.advance(followed(packet, who))) == "fuse-sealed"


def test_what_must_not_change_holds_for_it_as_for_any_run() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        board.script = [Turn(also=lambda board, _: board.switches["s1"].update(fuse="blown"))]
        assert ending(estate.advance(followed(packet, who))) == "changed-switch-fuse"


def test_repeated_it_is_the_same_run_and_another_waits_for_its_end() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        run = followed(packet, who)
        again = follow_ups.start(ref=packet.ref, runbook="flip-switch", by=who)
        assert (again.ref, again.created) == (run.ref, False)
        assert refused(lambda: followed(packet, who, budget=2)) == "follow-up-number"
        assert refused(lambda: followed(packet, who, number=3)) == "follow-up-number"
        assert refused(lambda: followed(packet, who, number=2)) == "follow-up-open"
        estate.advance(run)
        assert followed(packet, who).pk == run.pk
        board.switches["s1"]["state"] = "off"
        assert estate.advance(followed(packet, who, number=2)).state == "completed"
        assert FollowUp.objects.count() == 2


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(HandrailError) as caught:
        act()
    return caught.value.code


def test_only_the_person_who_has_it_and_whom_the_runbook_names_may() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)

        def start(by: Actor, runbook: str = "flip-switch") -> str:
            return refused(lambda: follow_ups.start(ref=packet.ref, runbook=runbook, by=by))

        assert start(who) == "exception-open"
        exceptions.take(ref=packet.ref, by=who)
        assert start(person(estate, "other@example.com")) == "exception-taken"
        assert start(person(estate, roles=frozenset({"operator"}))) == "follow-up-not-yours"
        assert start(who, "rotate") == "follow-up-unnamed"
        assert start(who, "unknown") == "not-found"
        without = who.capabilities - {Capability.EXCEPTION_TAKE}
        with pytest.raises(Denied):
            follow_ups.start(ref=packet.ref, runbook="flip-switch", by=person(estate, capabilities=without))
        with pytest.raises(Denied, match="Only a person"):
            follow_ups.start(ref=packet.ref, runbook="flip-switch", by=estate.worker)
        assert not FollowUp.objects.exists()
        assert followed(packet, person(estate, roles=frozenset({"board-team"}))).requested_by == who.name


def test_without_a_name_in_the_runbook_there_is_none() -> None:
    with world() as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        assert queries.get_exception(who, packet.ref).follow_up_choices == []
        assert refused(lambda: followed(packet, who)) == "follow-up-unnamed"


def test_it_never_concerns_another_tenant() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        other = rows.tenant(estate.workspace)
        exceptions.take(ref=packet.ref, by=who)
        with pytest.raises(Invalid, match="concerns the tenant of its exception packet"):
            followed(packet, who, tenant_id=other.key)
        with pytest.raises(Invalid, match="concerns the tenant of its exception packet"):
            follow_ups.preview(ref=packet.ref, runbook="flip-switch", by=who, inputs={"tenant_id": other.key})
        assert OperationRun.objects.count() == 1


def test_packet_of_another_workspace_is_not_there() -> None:
    with world(FOLLOWED) as (estate, board, _):
        packet = stopped(estate, board)
        stranger = person(estate, workspace_id=rows.workspace("elsewhere").pk, tenant_ids=None)
        with pytest.raises(NotFound):
            followed(packet, stranger)
        with pytest.raises(NotFound):
            follow_up_form(stranger, packet.ref, "flip-switch")


def test_form_is_prefilled_and_the_preview_is_that_of_the_run() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        form = follow_up_form(who, packet.ref, "flip-switch")
        assert (form.number, form.inputs) == (1, {"tenant_id": estate.tenant.key, "switch_id": "s1"})
        shown = follow_ups.preview(ref=packet.ref, runbook="flip-switch", by=who)
        assert (shown.would_start, shown.subject, shown.definition_digest) == (True, "s1", form.definition)
        assert not FollowUp.objects.exists()
        ref = follow_ups.start(ref=packet.ref, runbook="flip-switch", by=who, definition=form.definition).ref
        assert OperationRun.objects.get(ref=ref).task == {**form.inputs, "budget": None}


def test_inputs_are_shown_to_those_who_may_see_runs_only() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        narrow = as_person(who, capabilities=frozenset({Capability.EXCEPTION_VIEW}))
        assert follow_up_form(narrow, packet.ref, "flip-switch").inputs == {}


def test_inputs_that_do_not_fit_are_refused_by_field() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        with pytest.raises(Invalid) as caught:
            followed(packet, who, budget=-1)
        assert [fault.where for fault in caught.value.faults] == ["task.budget"]


def test_version_that_was_not_previewed_is_not_started() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        previewed = follow_up_form(who, packet.ref, "flip-switch").definition
        newer = definitions.propose(text=FOLLOWED.replace("version: 1", "version: 2"), by=estate.worker)
        definitions.approve(definition_id=newer.id, by=as_person(estate.worker, "owner@example.com"))
        with pytest.raises(Conflict) as caught:
            follow_ups.start(ref=packet.ref, runbook="flip-switch", by=who, definition=previewed)
        assert caught.value.code == "definition-changed"


def test_task_that_comes_from_outside_under_its_key_is_another() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        outside = estate.start(f"{packet.ref}.1")
        run = followed(packet, who)
        assert outside.pk != run.pk
        estate.advance(run)
        assert not Report.objects.filter(run=run).exists()


def test_task_that_was_described_here_under_its_key_is_no_follow_up() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        runs.start(task=replace(estate.task(f"{packet.ref}.1"), made_here=True), by=who)
        with pytest.raises(Conflict) as caught:
            followed(packet, who)
        assert caught.value.code == "task-changed"
        assert not FollowUp.objects.exists()


def test_resolution_while_it_waits_does_not_count_it_among_those_that_wait() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        run = followed(packet, who)
        assert queries.get_exception(who, packet.ref).fenced == []
        exceptions.resolve(ref=packet.ref, outcome="not-needed", note="Looked.", by=who)
        assert ending(estate.advance(run)) == "follow-up-not-held"


def test_a_stop_that_fences_nothing_can_be_followed_too() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who = person(estate)
        board.switches["s1"]["fuse"] = "sealed"
        packet = ExceptionPacket.objects.get(run=estate.advance(estate.start("TASK-1")))
        exceptions.take(ref=packet.ref, by=who)
        board.switches["s1"]["fuse"] = "ok"
        assert estate.advance(followed(packet, who)).state == "completed"


def test_it_can_be_cancelled_or_stopped_as_any_run() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        runs.cancel(ref=followed(packet, who).ref, by=who)
        second = followed(packet, who, number=2)
        runs.stop(ref=second.ref, reason="Not now.", by=who)
        assert ending(estate.advance(second)) == "stopped-by-person"


def test_no_more_than_twenty_of_one_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        monkeypatch.setattr(follow_ups, "FOLLOW_UPS_LIMIT", 1)
        runs.cancel(ref=followed(packet, who).ref, by=who)
        assert refused(lambda: followed(packet, who, number=2)) == "follow-up-limit"


def test_closed_tenant_begins_none() -> None:
    with world(FOLLOWED) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        close(estate)
        assert refused(lambda: followed(packet, who)) == "tenant-closed"


def close(estate: Runs) -> None:
    estate.tenant.closed_at, estate.tenant.closed_by, estate.tenant.closed_reason = now(), "x", "Gone."
    estate.tenant.save()


class Died(BaseException):
    """Stands for the end of the process: nothing after it runs."""


@pytest.mark.parametrize(("took_effect", "how"), [(True, "completed"), (False, "follow-up-not-held")])
def test_worker_dies_in_the_call_and_the_packet_is_handed_back(
    monkeypatch: pytest.MonkeyPatch, took_effect: bool, how: str
) -> None:
    """What may have happened is looked for; only another call is not made any more."""
    with world(FOLLOWED) as (estate, board, _), timing.use(Timing(intent_margin_seconds=0, result_margin_seconds=-2)):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        run, calls = followed(packet, who), len(board.calls)

        def die(*_: object) -> advance.Next:
            raise Died

        with monkeypatch.context() as patched:
            patched.setitem(advance.MOVES, Phase.IN_FLIGHT, die)  # type: ignore[arg-type]
            with pytest.raises(Died):
                estate.advance(run)
        board.switches["s1"]["state"] = "on" if took_effect else "off"
        handover.hand_back(ref=packet.ref, note="Not mine.", by=who)
        deadline = Checkpoint.objects.get(run=run, kind="intent").deadline_at
        assert deadline is not None
        time.sleep(max((deadline - now()).total_seconds(), 0))
        assert ending(estate.advance(run)) == how
        assert len(board.calls) == calls


def test_it_joins_no_wave_of_its_event() -> None:
    text = (
        FOLLOWED.replace("  budget?:", "  event?: {type: string}\n  budget?:")
        + "\nwaves: {by: task.event, canary: 1}\n"
    )
    with world(text) as (estate, board, _):
        who, packet = person(estate), stopped(estate, board)
        exceptions.take(ref=packet.ref, by=who)
        run = followed(packet, who, event="drift-17")
        assert (run.task["event"], run.wave_id) == ("drift-17", None)
        assert estate.advance(run).state == "completed"
        assert not Wave.objects.exists()
