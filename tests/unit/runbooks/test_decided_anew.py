"""What the outside world does between two calls of a run is seen before the next one is sent, and told after a stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from handrail.access.actor import Actor
from handrail.access.capabilities import Role, bundled
from handrail.connectors import registry
from handrail.connectors.operation import Performer
from handrail.connectors.outcome import Answer, Failure, ReadFailed
from handrail.definitions.models import Definition
from handrail.kernel.clock import now
from handrail.kernel.errors import Invalid
from handrail.runbooks import timing
from handrail.runbooks.actions import exceptions
from handrail.runbooks.actions.reports import outcome_of
from handrail.runbooks.models import Checkpoint, ExceptionPacket, OperationRun
from handrail.runbooks.queries.exceptions import ExceptionDetail, get_exception
from handrail.runbooks.queries.runs import get_run, list_runs
from handrail.runbooks.timing import Timing
from tests.factories.installation import Installation
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import (
    BUSY,
    CLAIMS_DONE,
    FORBIDDEN,
    ODD,
    RUNBOOK,
    UNREACHABLE,
    BoardConnector,
    SwitchBoard,
    Turn,
)

# Everything is read from the panel and done at the board. The second step begins where the first was verified.
SECOND = """
  - name: fasten
    effect: mutating
    deduplicates: true
    call: {connector: board, put: "/switches/{task.switch_id}", json: {state: "on"}}
    answer: {status: string}
    result: {succeeded: [{status: [200]}]}
    verify:
      reads: [switch]
      conditions: [{condition: switch.state == "on", reason: not-on}]
      unchanged: [switch.owner]
completion:"""
PANEL = RUNBOOK.replace("reads:\n  switch:\n    connector: board", "reads:\n  switch:\n    connector: panel")
COPIED = next(line for line in RUNBOOK.splitlines() if line.startswith("exception:"))
NARROW = PANEL.replace(COPIED, "exception: {copy: [task.switch_id, switch.state]}")
TWO_STEPS = PANEL.replace("\ncompletion:", SECOND)
OFF = "  - {condition: switch.state == 'off', reason: on-already%s}\nsteps:"
SEALED = "fuse-sealed"


@contextmanager
def world(text: str = PANEL) -> Iterator[tuple[Runs, SwitchBoard, dict[str, Performer]]]:
    """An installation with the runbook ``text``, its board, and its connectors, which may be taken away."""
    estate, board = Installation(text).runs, SwitchBoard()
    board.add("s1", owner=estate.tenant.key)
    connectors: dict[str, Performer] = {"board": BoardConnector(board), "panel": BoardConnector(board, name="panel")}
    with registry.use(registry.Registry(MappingProxyType(connectors))):
        yield estate, board, connectors


def after_a_call(turn: Turn, change: Callable[[SwitchBoard], object]) -> Turn:
    """``turn``, and right after it ``change`` outside."""
    return replace(turn, also=lambda board, _: change(board))


def set_to(**values: str) -> Callable[[SwitchBoard], object]:
    return lambda board: board.switches["s1"].update(values)


def ending(run: OperationRun) -> str:
    packet = ExceptionPacket.objects.filter(run=run).first()
    return packet.reason if packet else run.state


def kinds(run: OperationRun) -> list[str]:
    return list(Checkpoint.objects.filter(run=run).order_by("sequence").values_list("kind", flat=True))


def senior(estate: Runs) -> Actor:
    return as_person(estate.worker, "senior@example.com", capabilities=bundled([Role.SENIOR_SUPPORT]))


def told(estate: Runs, run: OperationRun) -> ExceptionDetail:
    return get_exception(senior(estate), ExceptionPacket.objects.get(run=run).ref)


@pytest.mark.django_db
@pytest.mark.requirement("R2-04")
class TestBeforeEveryCall:
    def test_what_changed_during_the_first_step_stops_the_second(self) -> None:
        with world(TWO_STEPS) as (estate, board, _):
            board.script = [after_a_call(Turn(), set_to(owner="somebody-else"))]
            run = estate.advance(estate.start())
            assert ending(run) == "owner-mismatch"
            assert len(board.calls) == 1

    def test_what_changed_during_a_wait_stops_the_retry(self) -> None:
        with world() as (estate, board, _):
            board.script = [after_a_call(BUSY, set_to(fuse="sealed"))]
            run = estate.advance(estate.start())
            assert ending(run) == SEALED
            assert board.effects == []
            assert len(board.calls) == 1

    def test_a_version_taken_out_of_use_is_not_called_again(self) -> None:
        with world() as (estate, board, _):

            def deprecate(_: SwitchBoard) -> None:
                at = now()
                Definition.objects.update(state="deprecated", deprecated_at=at, deprecated_by="gina@example.com")

            board.script = [after_a_call(BUSY, deprecate)]
            run = estate.advance(estate.start())
            assert run.state == "invoking"
            assert get_run(senior(estate), run.ref).summary.paused is not None
            assert len(board.calls) == 1

    def test_a_connector_that_was_removed_stops_the_retry_that_nothing_could_verify(self) -> None:
        with world() as (estate, board, connectors):
            board.script = [after_a_call(BUSY, lambda _: connectors.pop("panel"))]
            run = estate.advance(estate.start())
            assert ending(run) == "connector-unusable"
            assert len(board.calls) == 1

    def test_a_call_after_an_unknown_outcome_is_decided_anew_too(self) -> None:
        with world() as (estate, board, _):
            lost = Turn(effect=False, answer=Answer(status=None, failure=Failure.CONNECTION_LOST))
            board.script = [after_a_call(lost, set_to(fuse="sealed"))]
            run = estate.advance(estate.start())
            assert ending(run) == SEALED
            assert len(board.calls) == 1

    def test_a_value_that_a_verified_step_was_to_change_is_not_decided_again(self) -> None:
        with world(TWO_STEPS.replace("steps:", OFF % "", 1)) as (estate, board, _):
            run = estate.advance(estate.start())
            assert ending(run) == "completed"
            assert len(board.calls) == 2

    def test_a_prerequisite_may_ask_to_be_decided_always(self) -> None:
        with world(TWO_STEPS.replace("steps:", OFF % ", decided: always", 1)) as (estate, board, _):
            run = estate.advance(estate.start())
            assert ending(run) == "on-already"
            assert len(board.calls) == 1

    def test_a_prerequisite_may_ask_to_be_decided_at_the_start_only(self) -> None:
        text = TWO_STEPS.replace("reason: owner-mismatch}", "reason: owner-mismatch, decided: start}")
        with world(text.replace("      unchanged: [switch.owner]\n", "")) as (estate, board, _):
            board.script = [after_a_call(Turn(), set_to(owner="somebody-else"))]
            run = estate.advance(estate.start())
            assert ending(run) == "completed"

    def test_a_value_to_stay_the_same_is_compared_with_the_start(self) -> None:
        text = TWO_STEPS.replace("reason: owner-mismatch}", "reason: owner-mismatch, decided: start}")
        with world(text) as (estate, board, _):
            board.script = [after_a_call(Turn(), set_to(owner="somebody-else"))]
            run = estate.advance(estate.start())
            assert ending(run) == "changed-switch-owner"
            assert len(board.calls) == 1

    def test_each_intent_says_what_was_decided_anew(self) -> None:
        with world() as (estate, board, _):
            board.script = [BUSY]
            run = estate.advance(estate.start())
            first, second = Checkpoint.objects.filter(run=run, kind="intent").order_by("sequence")
            assert "decided_again" not in first.detail
            assert second.detail["decided_again"]["prerequisites"] == ["owner-mismatch", SEALED]
            assert [one["source"] for one in second.detail["decided_again"]["evidence"]] == ["switch"]


@pytest.mark.django_db
@pytest.mark.requirement("R2-07")
class TestFence:
    def stopped(self, estate: Runs, board: SwitchBoard, *script: Turn) -> tuple[OperationRun, OperationRun]:
        """A run that stopped, and the next one of its subject after a worker has had it."""
        board.script = list(script)
        first = estate.advance(estate.start("TASK-1"))
        board.script = []
        return first, estate.advance(estate.start("TASK-2"))

    @pytest.mark.parametrize("turn", [ODD, FORBIDDEN, CLAIMS_DONE])
    def test_no_other_run_of_the_subject_acts_while_a_stop_behind_a_call_is_unresolved(self, turn: Turn) -> None:
        with world() as (estate, board, _):
            first, second = self.stopped(estate, board, turn)
            calls = len(board.calls)
            assert (first.state, second.state, calls) == ("exception", "received", 1)
            blocking = get_run(senior(estate), second.ref).summary.blocking
            assert blocking is not None
            assert (blocking.kind, blocking.run, blocking.exception) == (
                "fenced",
                first.ref,
                told(estate, first).summary.ref,
            )
            assert [one.blocking for one in list_runs(senior(estate)) if one.ref == second.ref] == [blocking]
            assert told(estate, first).fenced == [second.ref]

    def test_a_stop_before_anything_was_sent_fences_nothing(self) -> None:
        with world() as (estate, board, _):
            first, second = self.stopped(estate, board, *[UNREACHABLE] * 4)
            assert (first.state, second.state) == ("exception", "completed")

    def test_a_stop_before_any_call_fences_nothing(self) -> None:
        with world() as (estate, board, _):
            board.switches["s1"]["fuse"] = "sealed"
            first = estate.advance(estate.start("TASK-1"))
            board.switches["s1"]["fuse"] = "ok"
            assert (first.state, estate.advance(estate.start("TASK-2")).state) == ("exception", "completed")

    def test_other_subjects_go_on(self) -> None:
        with world() as (estate, board, _):
            self.stopped(estate, board, ODD)
            board.add("s2", owner=estate.tenant.key)
            assert estate.advance(estate.start("TASK-3", "s2")).state == "completed"

    def test_a_resolution_must_say_what_becomes_of_the_waiting_runs(self) -> None:
        with world() as (estate, board, _):
            first, second = self.stopped(estate, board, ODD)
            ref, who = told(estate, first).summary.ref, senior(estate)
            exceptions.take(ref=ref, by=who)
            with pytest.raises(Invalid) as refused:
                exceptions.resolve(ref=ref, note="Looked.", by=who)
            assert refused.value.faults[0].where == "waiting"
            assert second.ref in refused.value.faults[0].message
            assert ExceptionPacket.objects.get(ref=ref).handling == "taken"

    def test_let_go_on_the_waiting_run_acts(self) -> None:
        with world() as (estate, board, _):
            first, second = self.stopped(estate, board, ODD)
            ref, who = told(estate, first).summary.ref, senior(estate)
            exceptions.take(ref=ref, by=who)
            exceptions.resolve(ref=ref, note="Looked.", waiting="go-on", by=who)
            assert estate.advance(OperationRun.objects.get(pk=second.pk)).state == "completed"

    def test_refused_the_waiting_run_is_cancelled_and_says_by_what(self) -> None:
        with world() as (estate, board, _):
            first, second = self.stopped(estate, board, ODD)
            ref, who = told(estate, first).summary.ref, senior(estate)
            exceptions.take(ref=ref, by=who)
            exceptions.resolve(ref=ref, note="Looked.", waiting="refuse", by=who)
            second.refresh_from_db()
            assert second.state == "cancelled"
            last = Checkpoint.objects.filter(run=second).order_by("-sequence")[0]
            assert last.detail == {"by": "senior@example.com", "refused_with": ref}
            assert len(board.calls) == 1

    def test_a_decision_that_is_none_is_refused(self) -> None:
        with world() as (estate, board, _):
            first, _second = self.stopped(estate, board, ODD)
            ref, who = told(estate, first).summary.ref, senior(estate)
            exceptions.take(ref=ref, by=who)
            with pytest.raises(Invalid, match="not known"):
                exceptions.resolve(ref=ref, note="Looked.", waiting="maybe", by=who)


@pytest.mark.django_db
@pytest.mark.requirement("R2-18")
class TestToldWhole:
    def account(self, *script: Turn) -> dict[str, Any]:
        with world() as (estate, board, _):
            board.script = list(script)
            return told(estate, estate.advance(estate.start())).account

    @pytest.mark.parametrize(
        ("turn", "changed"),
        [
            (ODD, "yes"),
            (replace(ODD, effect=False), "unknown"),
            (FORBIDDEN, "no"),
            (CLAIMS_DONE, "no"),
            (after_a_call(Turn(), set_to(marker="alarm")), "yes"),
        ],
    )
    def test_a_stop_says_whether_something_changed_outside(self, turn: Turn, changed: str) -> None:
        assert self.account(turn)["changed"] == changed

    def test_a_stop_whose_sources_can_not_be_read_says_that_it_is_unknown(self) -> None:
        with world() as (estate, board, connectors):
            board.script = [after_a_call(FORBIDDEN, lambda _: connectors.pop("panel"))]
            account = told(estate, estate.advance(estate.start())).account
            assert (account["changed"], account["unread"]) == ("unknown", ["switch"])

    def test_a_stop_before_any_call_says_no(self) -> None:
        with world() as (estate, board, _):
            board.switches["s1"]["fuse"] = "sealed"
            account = told(estate, estate.advance(estate.start())).account
            assert (account["changed"], account["why"]) == ("no", "Nothing was sent.")

    def test_before_and_after_stand_side_by_side_with_what_was_required(self) -> None:
        state = {row["name"]: row for row in self.account(ODD)["state"]}
        assert (state["switch.state"]["before"], state["switch.state"]["after"]) == ("off", "on")
        assert state["switch.state"]["required"] == ['switch.state == "on"']

    def test_values_that_the_packet_may_not_carry_are_withheld(self) -> None:
        with world(NARROW) as (estate, board, _):
            board.script = [after_a_call(Turn(), set_to(marker="alarm"))]
            account = told(estate, estate.advance(estate.start())).account
        state = {row["name"]: row for row in account["state"]}
        assert state["switch.marker"]["withheld"]
        assert "alarm" not in str({key: value for key, value in state["switch.marker"].items() if key != "required"})

    def test_the_idempotency_key_and_an_ambiguous_answer_are_told(self) -> None:
        [call] = self.account(ODD)["calls"]
        assert call["idempotency_key"].endswith(":flip")
        assert call["answer"] == {"status": "kind-of"}

    def test_an_answer_that_was_understood_is_not_copied(self) -> None:
        [call] = self.account(FORBIDDEN)["calls"]
        assert "answer" not in call

    def test_the_next_action_is_the_runbooks_own(self) -> None:
        text = PANEL.replace(COPIED, COPIED[:-1] + ", next_actions: {terminal-result: Call the board.}}")
        with world(text) as (estate, board, _):
            board.script = [FORBIDDEN]
            run = estate.advance(estate.start())
            assert told(estate, run).account["next_action"] == "Call the board."
            assert outcome_of(run)["changed_outside"] == "no"

    def test_the_readings_of_a_failed_verification_are_in_the_ledger(self) -> None:
        with world() as (estate, board, _):
            board.script = [CLAIMS_DONE]
            run = estate.advance(estate.start())
            last = Checkpoint.objects.filter(run=run).order_by("-sequence")[0]
            assert last.detail["verification"]["switch"]["state"] == "off"
            assert last.detail["after"]["switch"]["state"] == "off"

    def test_the_result_that_stops_a_run_is_written_before_the_sources_are_read(self) -> None:
        with world() as (estate, board, _):
            board.script = [ODD]
            run = estate.start()
            seen: list[list[str]] = []
            panel = registry.get("panel")
            assert isinstance(panel, BoardConnector)
            reading = panel.read

            def read(*args: Any, **more: Any) -> Any:
                seen.append(kinds(run))
                return reading(*args, **more)

            panel.read = read  # type: ignore[method-assign]
            estate.advance(run)
            assert seen[-1][-1] == "result"


@pytest.mark.django_db
class TestAlreadyAsRequired:
    TEXT = PANEL.replace("steps:", "already_as_required: {condition: switch.state == 'on'}\nsteps:", 1)

    def test_a_run_with_nothing_to_do_completes_without_a_call(self) -> None:
        with world(self.TEXT) as (estate, board, _):
            board.switches["s1"]["state"] = "on"
            run = estate.advance(estate.start())
            assert (run.state, board.calls) == ("completed", [])
            assert kinds(run) == ["received", "claimed", "checked", "completed"]
            last = Checkpoint.objects.filter(run=run).order_by("-sequence")[0]
            assert last.detail["already_as_required"] is True
            assert run.completion.fields == {"task.switch_id": "s1", "switch.state": "on"}
            assert get_run(senior(estate), run.ref).summary.already_as_required
            assert outcome_of(run)["completion"]["already_as_required"] is True

    def test_a_run_with_something_to_do_does_it(self) -> None:
        with world(self.TEXT) as (estate, board, _):
            run = estate.advance(estate.start())
            assert (run.state, len(board.calls)) == ("completed", 1)
            assert not get_run(senior(estate), run.ref).summary.already_as_required

    def test_prerequisites_come_first(self) -> None:
        with world(self.TEXT) as (estate, board, _):
            board.switches["s1"] |= {"state": "on", "fuse": "sealed"}
            assert ending(estate.advance(estate.start())) == SEALED


@pytest.mark.django_db
class TestPassingTrouble:
    QUICK = Timing(read_pause_seconds=0.0, read_interval_seconds=0.01)
    DOWN = ReadFailed("panel: status 503", status=503, retryable=True)

    def test_reads_before_a_call_are_waited_for(self) -> None:
        with world() as (estate, board, _), timing.use(self.QUICK):
            board.read_failures = [self.DOWN] * 7
            run = estate.advance(estate.start())
            assert (run.state, len(board.calls)) == ("completed", 1)

    def test_a_person_is_asked_once_the_budget_is_over(self) -> None:
        text = PANEL.replace("\nreads:", "\nread_budget: 0s\nreads:")
        with world(text) as (estate, board, _), timing.use(self.QUICK):
            board.read_failures = [self.DOWN] * 7
            assert ending(estate.advance(estate.start())) == "source-unreadable-switch"

    def test_what_will_not_pass_is_not_waited_for(self) -> None:
        with world() as (estate, board, _), timing.use(self.QUICK):
            board.read_failures = [ReadFailed("panel: status 400", status=400, retryable=False)]
            assert ending(estate.advance(estate.start())) == "source-unreadable-switch"

    def test_reads_before_a_retry_are_waited_for(self) -> None:
        with world() as (estate, board, _), timing.use(self.QUICK):
            board.script = [after_a_call(BUSY, lambda board: board.read_failures.extend([self.DOWN] * 4))]
            run = estate.advance(estate.start())
            assert (run.state, len(board.calls)) == ("completed", 2)

    def test_a_pause_that_a_source_asks_for_is_kept(self) -> None:
        with world() as (estate, board, _), timing.use(self.QUICK):
            busy = ReadFailed("panel: status 429", status=429, retryable=True, retry_after_seconds=60)
            board.read_failures = [busy] * 6
            started = estate.start()
            run = estate.advance(started)
            assert run.due_at is not None
            assert 50 < (run.due_at - now()).total_seconds() <= 61

    @pytest.mark.parametrize("missing", [{"status": 404}, {}])
    def test_what_a_verification_does_not_find_yet_is_looked_for_again(self, missing: dict[str, int]) -> None:
        with world() as (estate, board, _), timing.use(self.QUICK):
            gone = ReadFailed("panel: status 404", status=404, retryable=False)

            def hide(board: SwitchBoard) -> None:
                if missing:
                    board.read_failures.append(gone)

            board.script = [after_a_call(Turn(), hide)]
            assert estate.advance(estate.start()).state == "completed"
