"""Whatever the outside does, and wherever workers die: at most one effect, one ending, and a ledger that tells it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.runbooks import timing
from handrail.runbooks.engine import advance, holder, ledger, position
from handrail.runbooks.engine.position import Phase
from handrail.runbooks.models import CompletionRecord, ExceptionPacket, OperationRun, RetryLedgerEntry
from handrail.runbooks.states import RUN
from handrail.runbooks.timing import Timing
from tests.factories.runs import Runs
from tests.factories.switches import (
    BUSY,
    CLAIMS_DONE,
    DONE,
    FORBIDDEN,
    ODD,
    SILENT_DONE,
    SILENT_NOT_DONE,
    UNREACHABLE,
    SwitchBoard,
    Turn,
)
from tests.lanes import examples

NUMBERS = itertools.count()
TURNS = st.lists(
    st.sampled_from([DONE, BUSY, FORBIDDEN, ODD, SILENT_DONE, SILENT_NOT_DONE, UNREACHABLE, CLAIMS_DONE]), max_size=6
)
# At which moves of the run's life its worker dies: before the move, or after it with its word unspoken.
DEATHS = st.lists(st.booleans(), max_size=8)


class Died(BaseException):
    """The end of a worker: nothing after it runs."""


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Waits and margins of nothing, so that a thousand lives fit into a test."""
    monkeypatch.setattr(holder.time, "sleep", lambda _: None)
    with timing.use(
        Timing(
            intent_margin_seconds=-1,
            result_margin_seconds=-3,
            unexpected_error_wait_seconds=0.01,
            short_wait_seconds=60,
            in_process_wait_seconds=1e9,
        )
    ):
        yield


@pytest.mark.requirement("R2-06", "R2-07", "R2-20")
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=TURNS, deaths=DEATHS, budget=st.integers(0, 5))
def test_any_script_and_any_deaths_end_once(  # noqa: PLR0917 - fixtures and drawn values
    hurried: None, estate: Runs, board: SwitchBoard, script: list[Turn], deaths: list[bool], budget: int
) -> None:
    name = f"p{next(NUMBERS)}"
    board.add(name, owner=estate.tenant.key)
    board.script, calls, effects = list(script), len(board.calls), len(board.effects)
    run = estate.start(name, name, budget=budget)
    live(run, estate, list(deaths))
    run.refresh_from_db()
    assert run.state in RUN.terminal
    assert len(board.effects) - effects <= 1
    assert len(board.calls) - calls <= 1 + min(budget, 3)
    completed = CompletionRecord.objects.filter(run=run).count()
    packets = ExceptionPacket.objects.filter(run=run).count()
    assert (completed, packets) in {(1, 0), (0, 1)}
    assert RetryLedgerEntry.objects.get(run=run).attempts == sum(position.read(ledger.rows_of(run)).attempts.values())
    if completed:
        assert board.switches[name]["state"] == "on"


def live(run: OperationRun, estate: Runs, deaths: list[bool]) -> None:
    """Worker after worker carries the run; each dies at its call when ``deaths`` says so."""
    real = advance.MOVES[Phase.IN_FLIGHT]

    def mortal(execution: advance.Execution) -> advance.Next:
        if execution.own_intent and deaths and deaths.pop(0):
            raise Died
        return real(execution)

    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(advance.MOVES, Phase.IN_FLIGHT, mortal)  # type: ignore[misc]
        for _ in range(40):
            run.refresh_from_db()
            if run.state in RUN.terminal:
                return
            try:
                advance.advance(run, by=estate.worker, timing=timing.get())
            except Died:
                continue


def test_every_phase_has_a_move() -> None:
    assert set(Phase) == {*advance.MOVES, Phase.IN_FLIGHT, Phase.ENDED}
