"""What the end of a call says of the service: whether it works, whatever it said to what was asked."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.connectors.outcome import Answer, Failure, ReadFailed
from handrail.runbooks.limits.circuit import CallVerdict

# No answer came. Answers that can't be used (partial, stale, not JSON, …) show that the service is there.
_NO_ANSWER = frozenset(
    {
        Failure.DNS,
        Failure.CONNECT,
        Failure.TLS,
        Failure.TIMEOUT_BEFORE_SEND,
        Failure.TIMEOUT_AFTER_SEND,
        Failure.CONNECTION_LOST,
    }
)
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Heard:
    """``why``: the failure, in a word of ours. ``asked_seconds``: the pause that a failing service asked for."""

    verdict: CallVerdict
    why: str = ""
    asked_seconds: float | None = None


def of_answer(answer: Answer) -> Heard:
    """What an answer says, or its absence."""
    return _heard(answer.failure, answer.status, answer.retry_after_seconds)


def of_read_failed(error: ReadFailed) -> Heard:
    """What a failed read says."""
    return _heard(error.failure, error.http_status, error.retry_after_seconds)


def _heard(failure: Failure | None, status: int | None, asked_seconds: float | None) -> Heard:
    if failure in _NO_ANSWER:
        return Heard(CallVerdict.FAILS, why=str(failure))
    if status is not None and (status >= _SERVER_ERROR or status == _TOO_MANY_REQUESTS):
        return Heard(CallVerdict.FAILS, why=f"status {status}", asked_seconds=asked_seconds)
    return Heard(CallVerdict.WORKS)
