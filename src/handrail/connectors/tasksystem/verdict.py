"""What an answer means, and whether a message is kept. Pure, and linear in the size of what came from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import JsonValue

from handrail.connectors.extract import ExtractFailed, extract
from handrail.connectors.http import describe
from handrail.connectors.outcome import RETRYABLE_STATUSES, Answer, Failure
from handrail.connectors.tasksystem.config import AnswerRow, LookFor, Status, WriteCall
from handrail.connectors.template import render_text


class AnswerMeaning(StrEnum):
    """What became of a message that was sent."""

    KEPT = "kept"
    LOOK = "look"  # accepted, but nothing shows yet that it is kept
    UNKNOWN = "unknown"  # it may have been taken or not
    AGAIN = "again"  # it was not taken; later it may be
    REFUSED = "refused"  # it was not taken, and the same message never will be


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """``why`` is the end of a sentence about the task system, without outside text; empty for what is kept."""

    meaning: AnswerMeaning
    why: str = ""


_ANY = {"2xx": 2, "3xx": 3, "4xx": 4, "5xx": 5}
_MEANINGS = {
    "kept": AnswerMeaning.KEPT,
    "look": AnswerMeaning.LOOK,
    "refused": AnswerMeaning.REFUSED,
    "again": AnswerMeaning.AGAIN,
}
# A wrong credential is corrected on this side; after that the message is accepted, so tries go on.
_OURS_TO_FIX = frozenset({401, 403, 407})
_CONFLICT, _REQUEST_TIMEOUT = 409, 408
_WORDS = {
    Failure.REDIRECT: "it redirected, as to a log-in page",
    Failure.NOT_JSON: "its answer is not JSON, but perhaps a log-in page",
}


def judge_answer(call: WriteCall, answer: Answer, names: Mapping[str, str]) -> JudgedAnswer:
    """What ``answer`` says of the message whose ``names`` (key, run …) stand in ``holds``."""
    status, failure = answer.status or 0, answer.failure
    if failure is not None and not failure.answered:
        return JudgedAnswer(AnswerMeaning.UNKNOWN if answer.sent else AnswerMeaning.AGAIN, str(failure))
    whole = failure is None
    for row in call.answers:
        if _fits(row, answer, names, whole=whole):
            return JudgedAnswer(
                _MEANINGS[row.means], "" if row.means == "kept" else f"status {status}, and what it says"
            )
    if failure is Failure.REDIRECT or 300 <= status < 400:  # noqa: PLR2004 - HTTP redirection
        return JudgedAnswer(AnswerMeaning.UNKNOWN, f"{_WORDS[Failure.REDIRECT]} (status {status})")
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP success
        if failure is None and call.kept == "by-status":
            return JudgedAnswer(AnswerMeaning.KEPT)
        why = f"status {status}" if failure is None else _WORDS.get(failure) or describe(failure)
        return JudgedAnswer(AnswerMeaning.LOOK, why)
    if status == _CONFLICT:
        return JudgedAnswer(AnswerMeaning.LOOK if call.look else AnswerMeaning.REFUSED, f"status {status}")
    if status in _OURS_TO_FIX or status in RETRYABLE_STATUSES:
        # A server, or a proxy before it, may fail after the message was taken.
        unknown = status >= 500 or status == _REQUEST_TIMEOUT  # noqa: PLR2004 - HTTP server errors
        return JudgedAnswer(AnswerMeaning.UNKNOWN if unknown else AnswerMeaning.AGAIN, f"status {status}")
    if 400 <= status < 500:  # noqa: PLR2004 - HTTP client errors
        return JudgedAnswer(AnswerMeaning.REFUSED, f"status {status}")
    return JudgedAnswer(AnswerMeaning.UNKNOWN, f"status {status}")


def holds(body: JsonValue, at: str, text: str) -> bool:
    """Whether ``text`` stands in any text or number that is ``at`` there, however deep."""
    try:
        found = extract(body, at)
    except ExtractFailed:
        return False
    waiting = [found]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str | int) and not isinstance(value, bool) and text in str(value):
            return True
    return False


def is_shown(look: LookFor, body: JsonValue, names: Mapping[str, str]) -> bool:
    """Whether what was read back shows the message."""
    wanted = render_text(look.holds, names)
    return bool(wanted.strip()) and holds(body, look.at, wanted)


def _fits(row: AnswerRow, answer: Answer, names: Mapping[str, str], *, whole: bool) -> bool:
    """Whether the row is about this answer. One whose body was not understood fits no row about a success or a body."""
    status = answer.status or 0
    if row.status and not any(_is(status, wanted) for wanted in row.status):
        return False
    if row.at is None:
        return whole or row.means != "kept"
    if not whole:
        return False
    if row.holds is not None:
        wanted = render_text(row.holds, names)
        return bool(wanted.strip()) and holds(answer.body, row.at, wanted)
    try:
        return bool(extract(answer.body, row.at))
    except ExtractFailed:
        return False


def _is(status: int, wanted: Status) -> bool:
    return status == wanted if isinstance(wanted, int) else status // 100 == _ANY[wanted]
