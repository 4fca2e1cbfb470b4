"""One attempt to write a message to a task system: looked for where it may be there already, sent, and found there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from handrail.connectors import registry
from handrail.connectors.operation import Performer
from handrail.connectors.outcome import Answer, ReadFailed
from handrail.connectors.tasksystem import (
    AnswerMeaning,
    LookFor,
    OutgoingMessage,
    WriteCall,
    is_shown,
    judge_answer,
    question_of,
    request_of,
)
from handrail.connectors.template import names_in
from handrail.kernel.errors import Misconfigured
from handrail.runbooks import timing
from handrail.runbooks.limits import gate
from handrail.runbooks.limits.gate import HeldUp, TurnWait
from handrail.runbooks.task_system import TaskSystem

# The task is not there, or what is asked for is not.
_MISSING = frozenset({404, 405, 410})
_CONFLICT = 409


class WriteState(StrEnum):
    KEPT = "kept"
    NOT_KEPT = "not-kept"  # accepted, and looked for in vain
    REFUSED = "refused"
    AGAIN = "again"
    LOST = "lost"  # another worker has the message by now


@dataclass(frozen=True, slots=True)
class WriteResult:
    """``why``: the end of a sentence about the task system, without outside text. ``asked_seconds``: how long it wants
    to be left alone."""

    state: WriteState
    why: str = ""
    status: int | None = None
    asked_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class WriteAttempt:
    """``is_first``: nothing was sent before. ``keep``: called before each call with the seconds that it may take; False
    where this worker has the message no more."""

    system: TaskSystem
    message: OutgoingMessage
    is_first: bool
    keep: Callable[[float], bool]

    @property
    def call(self) -> WriteCall:
        """How it is written. Raises Misconfigured where the configuration has no such message any more."""
        call = self.system.call_of(self.message.kind)
        if call is None:
            text = f"[{self.system.label}] writes no messages of the kind {self.message.kind} any more."
            raise Misconfigured(text, code="message-unconfigured")
        return call

    @property
    def target(self) -> Performer:
        return cast(Performer, registry.get(self.system.connector))


def write(attempt: WriteAttempt) -> WriteResult:
    """Writes the message, unless it is found to be there already. Raises Misconfigured, and HeldUp where it was not
    sent because of the connector's limits or circuit breaker."""
    call = attempt.call
    request = request_of(
        call,
        attempt.message,
        values=attempt.system.values,
        status=attempt.system.status_for(attempt.message),
        text_format=attempt.system.text_format,
    )
    if not attempt.is_first and not call.idempotent and call.look is not None:
        before = _look(attempt, call.look)
        if before.state is not WriteState.NOT_KEPT:
            return before
    if not attempt.keep(_seconds(attempt)):
        return WriteResult(WriteState.LOST)
    wait = timing.get().limit_wait_seconds
    slot = gate.enter(attempt.system.connector, seconds=attempt.target.deadline_seconds, turn_wait=TurnWait(wait, wait))
    answer, _ = gate.perform(slot, attempt.target, request)
    judged = judge_answer(call, answer, _names(attempt.message))
    asked = answer.retry_after_seconds or 0.0
    match judged.meaning:
        case AnswerMeaning.KEPT:
            return WriteResult(WriteState.KEPT, status=answer.status)
        case AnswerMeaning.REFUSED:
            return WriteResult(WriteState.REFUSED, judged.why, answer.status)
        case AnswerMeaning.LOOK if call.look is not None:
            return _looked_after(attempt, call.look, judged.why, answer)
        case AnswerMeaning.LOOK:
            return WriteResult(_absent(answer), judged.why, answer.status)
        case _:
            return WriteResult(WriteState.AGAIN, judged.why, answer.status, asked)


def _absent(answer: Answer) -> WriteState:
    """What it means that the message is not there after ``answer``. A log-in or maintenance page accepted nothing."""
    if answer.status == _CONFLICT:
        return WriteState.REFUSED
    return WriteState.NOT_KEPT if answer.failure is None else WriteState.AGAIN


def _looked_after(attempt: WriteAttempt, look: LookFor, why: str, answer: Answer) -> WriteResult:
    """What is found after an answer that does not show it. What can't be looked for now is looked for the next time,
    before it is sent again."""
    status = answer.status
    try:
        found = _look(attempt, look)
    except HeldUp as error:
        return WriteResult(
            WriteState.AGAIN, f"{why}; whether it is kept could not be seen yet", status, error.retry_after_seconds or 0
        )
    if found.state is WriteState.NOT_KEPT:
        return WriteResult(_absent(answer), why, status)
    return (
        found
        if found.state is not WriteState.AGAIN
        else WriteResult(WriteState.AGAIN, f"{why}; {found.why}", status, found.asked_seconds)
    )


def _look(attempt: WriteAttempt, look: LookFor) -> WriteResult:
    """Whether the message is there: KEPT, NOT_KEPT, AGAIN where it could not be seen, LOST. Raises HeldUp."""
    question = question_of(look, attempt.message, values=attempt.system.values)
    if not attempt.keep(_seconds(attempt)):
        return WriteResult(WriteState.LOST)
    wait = timing.get().limit_wait_seconds
    try:
        reading = gate.read(attempt.system.connector, attempt.target, question, turn_wait=TurnWait(wait, wait))
    except HeldUp:
        raise
    except ReadFailed as error:
        if error.http_status in _MISSING and _is_of_message(attempt.call, look):
            return WriteResult(WriteState.NOT_KEPT, f"status {error.http_status}", error.http_status)
        what = f"status {error.http_status}" if error.failure is None else str(error.failure)
        why = f"whether it is kept could not be seen ({what})"
        return WriteResult(WriteState.AGAIN, why, error.http_status, error.retry_after_seconds or 0)
    shown = is_shown(look, reading.value, _names(attempt.message))
    return WriteResult(WriteState.KEPT if shown else WriteState.NOT_KEPT)


def _is_of_message(call: WriteCall, look: LookFor) -> bool:
    """Whether what is missing there is the message, and not the task or the whole list: then it may be there, unseen.
    Where a repeat is harmless, either will do."""
    return call.idempotent or bool(names_in([look.path, dict(look.query)]) & {"key", "run"})


def _names(message: OutgoingMessage) -> dict[str, str]:
    scope = message.scope()
    return {name: str(scope[name] or "") for name in ("key", "task", "run", "exception", "kind")}


def _seconds(attempt: WriteAttempt) -> float:
    """How long one call may take, with the wait for its turn."""
    waits = timing.get()
    return attempt.target.deadline_seconds + waits.lease_margin_seconds + waits.limit_wait_seconds
