"""The gate before each call through a connector: its limits and its circuit breaker, over all workers on all machines.

What is known of a connector is one row. Each caller reads it, decides (``gatestate``, which is pure), and writes it
back if nobody else has written it since; no lock is held meanwhile, and none during the call. The database's clock is
the only one. The slot of a worker that died ends by time. A connector without settings costs no statement.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex

import structlog
from django.db import Error

from handrail.connectors import registry
from handrail.connectors.config import CallLimits, PassageSettings
from handrail.connectors.http.pacing import NoTurn, paced
from handrail.connectors.operation import Operation, Performer
from handrail.connectors.outcome import Answer, ReadFailed, Reading
from handrail.kernel.clock import steady
from handrail.runbooks.limits import store
from handrail.runbooks.limits.circuit import CallVerdict
from handrail.runbooks.limits.gatestate import Admitted, GateState, TurnedAway, WaitCause
from handrail.runbooks.limits.verdicts import Heard, of_answer, of_read_failed

log = structlog.get_logger("handrail.limits")
_Admission = Callable[[GateState, float], tuple[GateState, Admitted | TurnedAway]]

# A slot is kept so much longer than its call may take: for the statements around it.
SLACK_SECONDS = 5.0
# Between two looks whether a slot is free, and whether it is, once the caller does something else meanwhile.
_LOOK_SECONDS = 0.05
_AGAIN_SECONDS = 1.0
# However long a breaker stays open: a person may close it, and runs of other workspaces are not woken then.
_MOST_AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ConnectorWait:
    """What a call waits for. ``until``: when the service is tried again, where that is known."""

    connector: str
    cause: WaitCause
    until: datetime | None
    again_at: datetime


class HeldUp(ReadFailed):
    """The call was not made: the connector is at a limit, or its circuit breaker is open."""

    code = "connector-held-up"

    def __init__(self, wait: ConnectorWait, *, seconds: float) -> None:
        super().__init__(_MESSAGES[wait.cause].format(wait.connector), retryable=True, retry_after_seconds=seconds)
        self.wait = wait


_MESSAGES = {
    WaitCause.BREAKER: "The circuit breaker of {} is open.",
    WaitCause.ASKED: "{} asked for a pause.",
    WaitCause.AT_ONCE: "As many calls as may be are under way through {}.",
    WaitCause.RATE: "As many calls a second as may be go through {}.",
    WaitCause.RUNS_AT_ONCE: "As many runs of {} as may be are under way.",
    WaitCause.RUNS_A_MINUTE: "As many runs of {} as may begin in a minute have begun.",
}


def _no_lease(_: float) -> None:
    """Somebody who waits without holding a lease."""


@dataclass(slots=True)
class TurnWait:
    """How long a caller waits at gates: for its first call ``first_seconds``, for others ``further_seconds``, so that
    what was begun is finished first. ``keep``: called before a wait with the seconds that it and the call may take.
    ``waited_before``: at gates, before this; ``waited_seconds``: since."""

    first_seconds: float
    further_seconds: float
    keep: Callable[[float], None] = _no_lease
    waited_before: float = 0.0
    calls: int = 0
    waited_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        return self.further_seconds if self.calls else self.first_seconds


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to make one call. ``seconds``: how long it is held from the call's turn on. ``limits``: those that let
    it through, see ``GateState.limits_seen``."""

    connector: str
    call: str
    settings: PassageSettings
    seconds: float
    trial: bool
    limits: CallLimits


def enter(connector: str, *, seconds: float, turn_wait: TurnWait) -> Slot | None:
    """Waits for the turn of a call that takes at most ``seconds``; None where nothing limits it. Raises HeldUp."""
    settings = registry.passage(connector)
    if settings is None:
        return None
    call, held, most = token_hex(6), seconds + SLACK_SECONDS, turn_wait.seconds
    turn_wait.keep(seconds + most)
    began = steady()
    try:
        while True:
            left = max(most - (steady() - began), 0.0)
            at, answer = store.change(connector, _admission(call, settings, seconds=held, turn_wait=left))
            if isinstance(answer, Admitted):
                turn_wait.calls += 1
                time.sleep(max(answer.at - at, 0.0))
                return Slot(connector, call, settings, held, answer.trial, answer.limits)
            if answer.cause is not WaitCause.AT_ONCE or left <= 0:
                store.count_refused(connector)
                raise _held_up(connector, answer, at, turn_wait)
            time.sleep(min(left, _LOOK_SECONDS * random.uniform(0.5, 1.5)))  # noqa: S311 - only so that not all look
    finally:
        turn_wait.waited_seconds += steady() - began


def _admission(call: str, settings: PassageSettings, *, seconds: float, turn_wait: float) -> _Admission:
    def admit(state: GateState, now: float) -> tuple[GateState, Admitted | TurnedAway]:
        return state.admit(call, settings, now, seconds=seconds, turn_wait=turn_wait)

    return admit


def leave(slot: Slot, heard: Heard) -> HeldUp | None:
    """Gives the slot back, with what the call said of the service. What the next call would wait for because of that;
    None where it would not.

    Never raises for the database: the answer of a call is worth more than the slot, which ends by time.
    """
    breaker = slot.settings.breaker
    counts = breaker is not None and (heard.verdict is CallVerdict.FAILS or breaker.share is not None)
    if not (counts or slot.trial or slot.limits.calls_at_once is not None):
        return None
    try:
        return _left(slot, heard)
    except Error as error:
        log.warning("a slot could not be given back", connector=slot.connector, error=type(error).__name__)
        return None


def _left(slot: Slot, heard: Heard) -> HeldUp | None:
    def ended(state: GateState, now: float) -> tuple[GateState, TurnedAway | None]:
        after = state.ended(
            slot.call, heard.verdict, slot.settings, now, why=heard.why, asked_seconds=heard.asked_seconds
        )
        until = after.circuit.refuses_until(now)
        if heard.verdict is not CallVerdict.FAILS or until is None:
            return after, None
        return after, TurnedAway(WaitCause.ASKED if after.circuit.asked_until > now else WaitCause.BREAKER, until)

    at, shut = store.change(slot.connector, ended)
    return None if shut is None else _held_up(slot.connector, shut, at, None)


def perform(
    slot: Slot | None,
    target: Performer,
    operation: Operation,
    *,
    deadline_seconds: float | None = None,
    turn_wait: TurnWait | None = None,
) -> tuple[Answer, HeldUp | None]:
    """The call for which ``slot`` is held; and what the next one would wait for because of it.

    ``turn_wait``: of a caller that may hold its lease for as long as further requests of the call wait for their turns.
    Without, the call ends within its deadline, those waits included: an intent's time stands in its row.
    """
    if slot is None:
        return target.call(operation, deadline_seconds=deadline_seconds), None
    heard = Heard(CallVerdict.NOTHING)
    shut: HeldUp | None = None
    try:
        with _pace(slot, turn_wait, deadline_seconds or target.deadline_seconds):
            answer = target.call(operation, deadline_seconds=deadline_seconds)
        heard = of_answer(answer)
    finally:
        shut = leave(slot, heard)
    return answer, shut


def call(connector: str, target: Performer, operation: Operation, *, turn_wait: TurnWait) -> Answer:
    """A call that changes nothing, once it is its turn. Raises HeldUp: also after the call, where it failed and the
    next one waits because of that."""
    slot = enter(connector, seconds=target.deadline_seconds, turn_wait=turn_wait)
    answer, shut = perform(slot, target, operation, deadline_seconds=target.deadline_seconds, turn_wait=turn_wait)
    if shut is not None:
        raise shut
    return answer


def read(connector: str, target: Performer, operation: Operation, *, turn_wait: TurnWait) -> Reading:
    """Authoritative state, likewise. Raises ReadFailed; HeldUp, which is one, as ``call`` does."""
    slot = enter(connector, seconds=target.deadline_seconds, turn_wait=turn_wait)
    if slot is None:
        return target.read(operation)
    heard = Heard(CallVerdict.NOTHING)
    failed: ReadFailed | None = None
    shut: HeldUp | None = None
    try:
        with _pace(slot, turn_wait, target.deadline_seconds):
            reading = target.read(operation)
        heard = Heard(CallVerdict.WORKS)
    except ReadFailed as error:
        heard, failed = of_read_failed(error), error
    finally:
        shut = leave(slot, heard)
    if failed is not None:
        raise shut or failed
    return reading


def _pace(slot: Slot, turn_wait: TurnWait | None, seconds: float) -> AbstractContextManager[None]:
    """Whatever else the call requests waits its turn too: beside the ``seconds`` that the call may take, or where the
    caller can't wait for longer than those, within them."""
    rate = slot.limits.calls_a_second
    if rate is None:
        return nullcontext()
    ends_at = None if turn_wait is not None else steady() + seconds

    def wait() -> None:
        try:
            at, turn = store.change(
                slot.connector,
                lambda state, now: state.go_on(slot.call, slot.settings, now, seconds=slot.seconds),
            )
            pause = max(turn.at - at, 0.0)
        except Error:
            pause = 1.0 / rate
        if ends_at is not None and steady() + pause >= ends_at:
            raise NoTurn
        if turn_wait is not None:
            turn_wait.keep(pause + slot.seconds)
        time.sleep(pause)

    return paced(wait, counts=turn_wait is None)


def _held_up(connector: str, away: TurnedAway, now: float, turn_wait: TurnWait | None) -> HeldUp:
    if away.cause.is_trouble and away.until is not None:
        seconds = min(max(away.until - now, 0.05), _MOST_AGAIN_SECONDS)
    else:
        seconds = _AGAIN_SECONDS
        if turn_wait is not None:  # who has waited long looks more rarely
            seconds = min(max(seconds, turn_wait.waited_before / 2), 5 * _AGAIN_SECONDS)
    seconds += random.uniform(0.0, min(seconds / 2, 1.0))  # noqa: S311 - only so that not all come at once
    until = None if away.until is None else datetime.fromtimestamp(away.until, UTC)
    again_at = datetime.fromtimestamp(now + seconds, UTC)
    shown = until if away.cause.is_trouble else None
    return HeldUp(ConnectorWait(connector, away.cause, shown, again_at), seconds=seconds)
