"""What a connector's row allows, in any order of calls that begin, end well or badly, or never end."""

from __future__ import annotations

import json
from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from handrail.connectors.config import BreakerSettings, CallLimits, PassageSettings
from handrail.connectors.outcome import Answer, Failure, ReadFailed
from handrail.runbooks.limits.circuit import CallVerdict, CircuitState
from handrail.runbooks.limits.gatestate import AGAIN_SECONDS, SEEN_SECONDS, Admitted, GateState, TurnedAway, WaitCause
from handrail.runbooks.limits.verdicts import of_answer, of_read_failed

HELD = 10.0
BREAKER = BreakerSettings(failures=3, window_seconds=60, open_seconds=30, most_open_seconds=100)


def passage(breaker: BreakerSettings | None = None, **limits: float) -> PassageSettings:
    return PassageSettings(CallLimits.model_validate(limits), breaker)


def admitted(
    state: GateState, settings: PassageSettings, now: float, call: str = "c", turn_wait: float = 0.0
) -> tuple[GateState, Admitted | TurnedAway]:
    return state.admit(call, settings, now, seconds=HELD, turn_wait=turn_wait)


def failed(state: GateState, settings: PassageSettings, now: float, times: int = 1) -> GateState:
    for n in range(times):
        state, answer = admitted(state, settings, now, f"f{n}")
        assert isinstance(answer, Admitted)
        state = state.ended(f"f{n}", CallVerdict.FAILS, settings, now, why="status 503")
    return state


def test_slot_is_free_once_its_call_has_ended() -> None:
    one = passage(calls_at_once=1)
    state, _ = admitted(GateState(), one, 0.0, "a")
    assert admitted(state, one, 1.0, "b") == (state, TurnedAway(WaitCause.AT_ONCE))
    state = state.ended("a", CallVerdict.WORKS, one, 2.0)
    assert isinstance(admitted(state, one, 2.0, "b")[1], Admitted)


def test_slot_of_a_worker_that_died_is_free_once_its_time_is_over() -> None:
    one = passage(calls_at_once=1)
    state, _ = admitted(GateState(), one, 0.0, "a")
    assert isinstance(admitted(state, one, HELD - 0.1, "b")[1], TurnedAway)
    assert isinstance(admitted(state, one, HELD, "b")[1], Admitted)


def test_calls_come_evenly_and_one_whose_turn_is_too_far_off_is_turned_away() -> None:
    two_a_second = passage(calls_a_second=2)
    state, turns = GateState(), []
    for n in range(4):
        state, answer = admitted(state, two_a_second, 100.0, str(n), turn_wait=1.0)
        turns.append(answer.at if isinstance(answer, Admitted) else answer.cause)
    assert turns == [100.0, 100.5, 101.0, WaitCause.RATE]


def test_burst_comes_at_once_after_a_pause_only() -> None:
    bursts = passage(calls_a_second=1, burst=3)
    state, turns = GateState(), []
    for n in range(4):
        state, answer = admitted(state, bursts, 50.0, str(n), turn_wait=5.0)
        assert isinstance(answer, Admitted)
        turns.append(answer.at)
    assert turns == [50.0, 50.0, 50.0, 51.0]


def test_further_request_of_a_call_takes_a_turn_and_keeps_the_slot() -> None:
    both = passage(calls_at_once=1, calls_a_second=1)
    state, _ = admitted(GateState(), both, 0.0, "a")
    state, turn = state.go_on("a", both, 0.2, seconds=HELD)
    assert (turn.at, state.held) == (1.0, {"a": 11.0})


def test_lowered_limits_let_nothing_more_in() -> None:
    state, lowered = GateState(), passage(calls_at_once=1)
    for n in range(3):
        state, _ = admitted(state, passage(calls_at_once=3), 0.0, str(n))
    assert isinstance(admitted(state, lowered, 1.0, "x")[1], TurnedAway)
    state = state.ended("0", CallVerdict.WORKS, lowered, 1.0).ended("1", CallVerdict.WORKS, lowered, 1.0)
    assert isinstance(admitted(state, lowered, 1.0, "x")[1], TurnedAway)
    assert isinstance(admitted(state.ended("2", CallVerdict.WORKS, lowered, 1.0), lowered, 1.0, "x")[1], Admitted)


@pytest.mark.parametrize(
    ("strict", "loose", "cause"),
    [
        (passage(calls_at_once=1), passage(calls_at_once=4), WaitCause.AT_ONCE),
        (passage(calls_at_once=1), passage(calls_a_second=9000), WaitCause.AT_ONCE),
        (passage(calls_a_second=1), passage(calls_a_second=9, burst=5), WaitCause.RATE),
        (passage(calls_a_second=1), passage(calls_at_once=4), WaitCause.RATE),
        (passage(calls_a_second=9000, burst=1), passage(calls_a_second=9000, burst=5), WaitCause.RATE),
    ],
)
def test_while_workers_have_different_limits_the_strictest_hold_for_all(
    strict: PassageSettings, loose: PassageSettings, cause: WaitCause
) -> None:
    """As while they are restarted one after the other; and for a minute after the last look of the stricter ones."""
    state, _ = admitted(GateState(), strict, 1000.0, "a")
    assert admitted(state, loose, 1000.0, "b")[1] == TurnedAway(cause, mock.ANY)
    state = state.ended("a", CallVerdict.WORKS, strict, 1001.0)
    state, answer = admitted(state, loose, 1030.0, "c")
    assert isinstance(answer, Admitted)
    assert admitted(state, loose, 1030.0, "d")[1] == TurnedAway(cause, mock.ANY)
    state, turned_away = admitted(state, strict, 1030.0, "e")  # that it looked counts, whatever came of it
    assert isinstance(turned_away, TurnedAway)
    state = state.ended("c", CallVerdict.WORKS, loose, 1031.0)
    state, _ = admitted(state, loose, 1030.0 + SEEN_SECONDS - 1, "f")
    assert admitted(state, loose, 1030.0 + SEEN_SECONDS - 1, "g")[1] == TurnedAway(cause, mock.ANY)
    assert isinstance(admitted(state, loose, 1030.0 + SEEN_SECONDS, "h")[1], Admitted)


def test_who_has_limits_says_so_once_in_a_while_and_not_at_each_look() -> None:
    one = passage(calls_at_once=1)
    state, _ = admitted(GateState(), one, 0.0, "a")
    assert admitted(state, one, 5.0, "b")[0] == state
    assert admitted(state, one, 20.0, "b")[0] != state
    assert admitted(GateState(), passage(BREAKER), 0.0)[0].limits_seen == {}


def test_breaker_opens_after_failures_within_the_window_only() -> None:
    watched = passage(BREAKER)
    spread = failed(GateState(), watched, 0.0, 2)
    assert failed(spread, watched, 120.0).circuit.state is CircuitState.CLOSED
    assert failed(spread, watched, 30.0).circuit.state is CircuitState.OPEN


def test_breaker_with_a_share_stays_closed_while_most_calls_work() -> None:
    watched = passage(BREAKER.model_copy(update={"share": 0.5}))
    state = GateState()
    for n in range(10):
        state = state.ended(f"w{n}", CallVerdict.WORKS, watched, 1.0)
    assert failed(state, watched, 2.0, 9).circuit.state is CircuitState.CLOSED
    assert failed(state, watched, 2.0, 10).circuit.state is CircuitState.OPEN


def test_open_breaker_lets_one_call_through_and_opens_longer_each_time_up_to_the_limit() -> None:
    watched, now = passage(BREAKER), 1000.0
    state, lengths = failed(GateState(), watched, now, 3), []
    for n in range(4):
        lengths.append(state.circuit.until - now)
        assert admitted(state, watched, state.circuit.until - 0.1) == (
            state,
            TurnedAway(WaitCause.BREAKER, state.circuit.until),
        )
        now = state.circuit.until
        state, trial = admitted(state, watched, now, f"t{n}")
        assert trial == Admitted(now, trial=True)
        assert isinstance(admitted(state, watched, now, "other")[1], TurnedAway)
        state = state.ended(f"t{n}", CallVerdict.FAILS, watched, now)
    assert lengths == [30.0, 60.0, 100.0, 100.0]


def test_trial_that_works_closes_the_breaker() -> None:
    watched = passage(BREAKER)
    state = failed(GateState(), watched, 0.0, 3)
    state, _ = admitted(state, watched, 30.0, "t")
    closed = state.ended("t", CallVerdict.WORKS, watched, 31.0)
    assert closed.circuit.state is CircuitState.CLOSED
    assert isinstance(admitted(closed, watched, 31.0)[1], Admitted)


def test_trial_of_a_worker_that_died_is_followed_by_another() -> None:
    watched = passage(BREAKER)
    state = failed(GateState(), watched, 0.0, 3)
    state, _ = admitted(state, watched, 30.0, "t")
    assert isinstance(admitted(state, watched, 39.0, "u")[1], TurnedAway)
    assert admitted(state, watched, 40.0, "u")[1] == Admitted(40.0, trial=True)


def test_trial_that_was_never_made_says_nothing() -> None:
    watched = passage(BREAKER)
    state = failed(GateState(), watched, 0.0, 3)
    state, _ = admitted(state, watched, 30.0, "t")
    state = state.ended("t", CallVerdict.NOTHING, watched, 30.5)
    assert state.circuit.state is CircuitState.HALF_OPEN
    assert admitted(state, watched, 30.5, "u")[1] == Admitted(30.5, trial=True)


def test_calls_that_began_before_it_opened_change_nothing() -> None:
    watched = passage(BREAKER)
    state = failed(GateState(), watched, 0.0, 3)
    assert state.ended("old", CallVerdict.WORKS, watched, 1.0).circuit == state.circuit
    assert state.ended("old", CallVerdict.FAILS, watched, 1.0).circuit == state.circuit


def test_failing_again_soon_after_it_closed_counts_as_the_same_trouble() -> None:
    watched = passage(BREAKER)
    state = failed(GateState(), watched, 0.0, 3)
    state, _ = admitted(state, watched, 30.0, "t")
    closed = state.ended("t", CallVerdict.WORKS, watched, 31.0)
    assert failed(closed, watched, 40.0, 3).circuit.openings == 2
    assert failed(closed, watched, 400.0, 3).circuit.openings == 1


def test_pause_that_the_service_asks_for_is_kept_to_the_second() -> None:
    watched = passage(BREAKER)
    state = GateState().ended("a", CallVerdict.FAILS, watched, 0.0, why="status 429", asked_seconds=77.0)
    assert admitted(state, watched, 76.9)[1] == TurnedAway(WaitCause.ASKED, 77.0)
    assert isinstance(admitted(state, watched, 77.0)[1], Admitted)


def test_state_of_the_row_comes_back_as_it_was() -> None:
    both = passage(BREAKER, calls_at_once=2, calls_a_second=3, burst=9)
    state, _ = admitted(failed(GateState(), both, 5.0, 2), both, 9.0, "a", turn_wait=9.0)
    assert GateState.from_json(json.loads(json.dumps(state.to_json()))) == state
    assert GateState.from_json({}) == GateState()
    assert GateState.from_json({"circuit": {"of_a_later_version": 1}}) == GateState()
    odd = {
        "told": {
            "": 9.0,
            "[]": 9.0,
            "null": 9.0,
            "[1,2]": 9.0,
            '{"a": 1}': 9.0,
            "[-1,null,null]": 9.0,
            "[null,null,4]": 9.0,
        }
    }
    assert GateState.from_json(odd) == GateState()


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(200), CallVerdict.WORKS),
        (Answer(403), CallVerdict.WORKS),
        (Answer(404), CallVerdict.WORKS),
        (Answer(408), CallVerdict.WORKS),
        (Answer(422), CallVerdict.WORKS),
        (Answer(429), CallVerdict.FAILS),
        (Answer(500), CallVerdict.FAILS),
        (Answer(501), CallVerdict.FAILS),
        (Answer(503, failure=Failure.NOT_JSON), CallVerdict.FAILS),
        *[(Answer(None, failure=one), CallVerdict.FAILS) for one in Failure if not one.answered],
        *[(Answer(200, failure=one), CallVerdict.WORKS) for one in Failure if one.answered],
    ],
)
def test_what_counts_as_a_failure_of_the_service(answer: Answer, verdict: CallVerdict) -> None:
    assert of_answer(answer).verdict is verdict
    error = ReadFailed("no", failure=answer.failure, status=answer.status, retryable=True)
    assert of_read_failed(error).verdict is verdict


def test_only_a_failing_service_may_ask_for_a_pause() -> None:
    assert of_answer(Answer(429, retry_after_seconds=9.0)).asked_seconds == 9.0
    assert of_answer(Answer(200, retry_after_seconds=9.0)).asked_seconds is None


class AnyOrder(RuleBasedStateMachine):
    """Against a model that only remembers which calls are out."""

    usual = passage(BREAKER, calls_at_once=3, calls_a_second=2, burst=2)
    stricter = passage(BREAKER, calls_at_once=1, calls_a_second=2)

    def __init__(self) -> None:
        super().__init__()
        self.state, self.now, self.number = GateState(), 1000.0, 0
        self.out: dict[str, float] = {}
        self.turns: list[float] = []
        self.trials: dict[str, float] = {}
        self.strict_until = 0.0

    @rule(turn_wait=st.sampled_from([0.0, 1.0, 15.0]), strict=st.sampled_from([False, False, True]))
    def begin(self, turn_wait: float, strict: bool) -> None:
        self.number += 1
        call, before = f"n{self.number}", self.state
        settings = self.stricter if strict else self.usual
        self.strict_until = self.now + SEEN_SECONDS - AGAIN_SECONDS if strict else self.strict_until
        self.state, answer = before.admit(call, settings, self.now, seconds=HELD, turn_wait=turn_wait)
        if isinstance(answer, TurnedAway):
            assert replace(self.state, limits_seen=before.limits_seen) == before
            return
        assert not self.out or self.now >= self.strict_until
        assert self.now <= answer.at <= self.now + turn_wait
        self.out[call] = answer.at + HELD
        self.turns.append(answer.at)
        if answer.trial:
            self.trials[call] = answer.at + HELD

    @rule(
        verdict=st.sampled_from(list(CallVerdict)), which=st.integers(0, 10), asked=st.sampled_from([None, None, 20.0])
    )
    def end(self, verdict: CallVerdict, which: int, asked: float | None) -> None:
        if self.out:
            call = sorted(self.out)[which % len(self.out)]
            del self.out[call]
            self.trials.pop(call, None)
            pause = asked if verdict is CallVerdict.FAILS else None
            self.state = self.state.ended(call, verdict, self.usual, self.now, why="status 503", asked_seconds=pause)

    @rule(seconds=st.sampled_from([0.1, 1.0, 7.0, 31.0, 200.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.out = {call: until for call, until in self.out.items() if until > self.now}
        self.trials = {call: until for call, until in self.trials.items() if until > self.now}

    @rule()
    def restart(self) -> None:
        self.state = GateState.from_json(json.loads(json.dumps(self.state.to_json())))

    @rule()
    def close_by_hand(self) -> None:
        self.state = replace(self.state, circuit=self.state.circuit.closed(self.now))
        self.trials.clear()

    @invariant()
    def never_more_at_once(self) -> None:
        assert len(self.out) <= 3

    @invariant()
    def never_more_in_any_second(self) -> None:
        last = self.turns[-8:]
        assert all(sum(1 for turn in last if start <= turn < start + 1 - 1e-6) <= 2 + 2 - 1 for start in last)

    @invariant()
    def one_trial_at_a_time(self) -> None:
        assert len(self.trials) <= 1

    @invariant()
    def it_opens_no_longer_than_the_limit(self) -> None:
        circuit = self.state.circuit
        if circuit.state is CircuitState.OPEN:
            assert circuit.until - self.now <= BREAKER.most_open_seconds
        until = circuit.refuses_until(self.now)
        assert until is None or until > self.now


AnyOrder.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
