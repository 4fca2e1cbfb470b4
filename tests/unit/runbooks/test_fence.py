"""A stop behind a call that may have acted keeps other runs from its subject, until it is resolved."""

from __future__ import annotations

import pytest

from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer, Reading
from handrail.kernel.errors import Invalid, Misconfigured
from handrail.runbooks.actions import exceptions
from handrail.runbooks.models import Checkpoint, ExceptionPacket, OperationRun
from handrail.runbooks.queries.runs import get_run, list_runs
from tests.factories.changes import PANEL, ending, senior, told, world
from tests.factories.runs import Runs
from tests.factories.switches import (
    CLAIMS_DONE,
    FORBIDDEN,
    ODD,
    UNREACHABLE,
    BoardConnector,
    SwitchBoard,
    Turn,
)

pytestmark = pytest.mark.django_db


def stopped(estate: Runs, board: SwitchBoard, *script: Turn) -> tuple[OperationRun, OperationRun]:
    """A run that stopped, and the next one of its subject after a worker has had it."""
    board.script = list(script)
    first = estate.advance(estate.start("TASK-1"))
    board.script = []
    return first, estate.advance(estate.start("TASK-2"))


@pytest.mark.requirement("R2-07")
@pytest.mark.parametrize("turn", [ODD, FORBIDDEN, CLAIMS_DONE])
def test_no_other_run_of_the_subject_acts_while_a_stop_behind_a_call_is_unresolved(turn: Turn) -> None:
    with world() as (estate, board, _):
        first, second = stopped(estate, board, turn)
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


@pytest.mark.requirement("R2-07")
def test_a_stop_before_anything_was_sent_fences_nothing() -> None:
    with world() as (estate, board, _):
        first, second = stopped(estate, board, *[UNREACHABLE] * 4)
        assert (first.state, second.state) == ("exception", "completed")


@pytest.mark.requirement("R2-07")
@pytest.mark.parametrize("label", ["", ".."])
def test_a_call_that_can_not_be_written_down_fences_nothing(label: str) -> None:
    text = PANEL.replace("fuse: string", "fuse: string\n      label: string")
    text = text.replace('put: "/switches/{task.switch_id}"', 'put: "/switches/{switch.label}"')
    with world(text) as (estate, board, _):
        board.switches["s1"]["label"] = label
        first = estate.advance(estate.start("TASK-1"))
        account = told(estate, first).account
        assert (ending(first), account["changed"], account["why"]) == ("call-not-renderable", "no", "Nothing was sent.")
        board.switches["s1"]["label"] = "s1"
        assert estate.advance(estate.start("TASK-2")).state == "completed"


@pytest.mark.requirement("R2-07")
def test_a_call_that_its_connector_refuses_fences_nothing() -> None:
    class Refuses(BoardConnector):
        def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
            raise Misconfigured("board: a path outside the allowed origins", code="refused-path")

    with world() as (estate, board, connectors):
        connectors["board"] = Refuses(board)
        first = estate.advance(estate.start("TASK-1"))
        account = told(estate, first).account
        assert (ending(first), account["changed"], account["why"]) == ("connector-unusable", "no", "Nothing was sent.")
        connectors["board"] = BoardConnector(board)
        assert estate.advance(estate.start("TASK-2")).state == "completed"


@pytest.mark.requirement("R2-07")
def test_a_stop_before_any_call_fences_nothing() -> None:
    with world() as (estate, board, _):
        board.switches["s1"]["fuse"] = "sealed"
        first = estate.advance(estate.start("TASK-1"))
        board.switches["s1"]["fuse"] = "ok"
        assert (first.state, estate.advance(estate.start("TASK-2")).state) == ("exception", "completed")


@pytest.mark.requirement("R2-07")
def test_other_subjects_go_on() -> None:
    with world() as (estate, board, _):
        stopped(estate, board, ODD)
        board.add("s2", owner=estate.tenant.key)
        assert estate.advance(estate.start("TASK-3", "s2")).state == "completed"


def test_runs_that_end_while_a_worker_looks_at_the_next_one_count_no_lost_worker() -> None:
    with world() as (estate, board, connectors):
        ended: list[str] = []

        class EndsAnother(BoardConnector):
            def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
                found = super().read(operation, deadline_seconds=deadline_seconds)
                if len(ended) < 3:
                    ended.append("begun")
                    connectors["panel"] = BoardConnector(board, name="panel")
                    ended[-1] = estate.advance(estate.start(f"OTHER-{len(ended)}")).state
                    connectors["panel"] = self
                return found

        run = estate.start("TASK-1")
        connectors["panel"] = EndsAnother(board, name="panel")
        for _ in range(3):
            assert (estate.advance(run).state, run.failures) == ("received", 0)
        assert ended == ["completed"] * 3
        assert estate.advance(run).state == "completed"
        assert not Checkpoint.objects.filter(run=run, detail__has_key="taken_over").exists()


@pytest.mark.requirement("R2-07")
def test_a_resolution_must_say_what_becomes_of_the_waiting_runs() -> None:
    with world() as (estate, board, _):
        first, second = stopped(estate, board, ODD)
        ref, who = told(estate, first).summary.ref, senior(estate)
        exceptions.take(ref=ref, by=who)
        with pytest.raises(Invalid) as refused:
            exceptions.resolve(ref=ref, outcome="fixed-by-hand", note="Looked.", by=who)
        assert refused.value.faults[0].where == "waiting"
        assert second.ref in refused.value.faults[0].message
        assert ExceptionPacket.objects.get(ref=ref).handling == "taken"


@pytest.mark.requirement("R2-07")
def test_let_go_on_the_waiting_run_acts() -> None:
    with world() as (estate, board, _):
        first, second = stopped(estate, board, ODD)
        ref, who = told(estate, first).summary.ref, senior(estate)
        exceptions.take(ref=ref, by=who)
        exceptions.resolve(ref=ref, outcome="fixed-by-hand", note="Looked.", waiting="go-on", by=who)
        assert estate.advance(OperationRun.objects.get(pk=second.pk)).state == "completed"


@pytest.mark.requirement("R2-07")
def test_refused_the_waiting_run_is_cancelled_and_says_by_what() -> None:
    with world() as (estate, board, _):
        first, second = stopped(estate, board, ODD)
        ref, who = told(estate, first).summary.ref, senior(estate)
        exceptions.take(ref=ref, by=who)
        exceptions.resolve(ref=ref, outcome="fixed-by-hand", note="Looked.", waiting="refuse", by=who)
        second.refresh_from_db()
        assert second.state == "cancelled"
        last = Checkpoint.objects.filter(run=second).order_by("-sequence")[0]
        assert last.detail == {"by": "senior@example.com", "refused_with": ref}
        assert len(board.calls) == 1


@pytest.mark.requirement("R2-07")
def test_a_decision_that_is_none_is_refused() -> None:
    with world() as (estate, board, _):
        first, _second = stopped(estate, board, ODD)
        ref, who = told(estate, first).summary.ref, senior(estate)
        exceptions.take(ref=ref, by=who)
        with pytest.raises(Invalid, match="not known"):
            exceptions.resolve(ref=ref, outcome="fixed-by-hand", note="Looked.", waiting="maybe", by=who)
