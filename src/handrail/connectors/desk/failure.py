"""Why there is no ticket reference, in words that a support engineer can act on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from handrail.connectors.outcome import Answer, Failure

SUMMARY_LIMIT = 300
NAME_LIMIT = 40  # of the desk, so that every summary fits its limit


class Category(StrEnum):
    MISCONFIGURED = "misconfigured"
    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    NOT_FOUND = "not-found"
    REJECTED = "rejected"
    RATE_LIMITED = "rate-limited"
    DESK_BUSY = "desk-busy"  # with what the ticket would touch
    DESK_ERROR = "desk-error"
    REDIRECTED = "redirected"
    UNREADABLE_ANSWER = "unreadable-answer"
    NO_REFERENCE = "no-reference"
    ANSWER_TOO_LARGE = "answer-too-large"
    UNREACHABLE = "unreachable"
    HANDRAIL_BUSY = "handrail-busy"  # so that the desk was not asked
    NOT_TRUSTED = "not-trusted"
    TIMEOUT_UNKNOWN = "timeout-unknown"
    CONNECTION_LOST_UNKNOWN = "connection-lost-unknown"
    INTERRUPTED_UNKNOWN = "interrupted-unknown"  # Handrail itself stopped between its own row and the desk's answer


# What happened ({desk} is its name) and who can do something about it.
_TEXTS: dict[Category, str] = {
    Category.MISCONFIGURED: "Handrail's settings for {desk} can't be used. An administrator should fix them.",
    Category.CREDENTIALS: "{desk} refused Handrail's credentials. An administrator should renew them.",
    Category.PERMISSION: "{desk} does not allow Handrail to create tickets. An administrator should check its rights.",
    Category.NOT_FOUND: "{desk} found nothing at the configured place. An administrator should check queue or project.",
    Category.REJECTED: "{desk} refused the ticket's content. An administrator should check the ticket template.",
    Category.RATE_LIMITED: "{desk} accepts no more tickets from Handrail at the moment. Try again in a few minutes.",
    Category.DESK_BUSY: "{desk} could not accept the ticket at the moment. Try again in a minute.",
    Category.DESK_ERROR: "{desk} reported an error of its own.",
    Category.REDIRECTED: "{desk} redirected instead of answering. An administrator should check its address.",
    Category.UNREADABLE_ANSWER: "{desk} gave an answer that Handrail can't read.",
    Category.NO_REFERENCE: "{desk} accepted the ticket but gave no usable reference.",
    Category.ANSWER_TOO_LARGE: "{desk} gave an answer that is too large to read.",
    Category.UNREACHABLE: "{desk} can't be reached. Try again later, or ask an administrator.",
    Category.HANDRAIL_BUSY: "Handrail was too busy to ask {desk} in time. Try again in a minute.",
    Category.NOT_TRUSTED: "No trusted connection to {desk} was possible. An administrator should check certificates.",
    Category.TIMEOUT_UNKNOWN: "{desk} did not answer in time.",
    Category.CONNECTION_LOST_UNKNOWN: "The connection to {desk} broke before its answer was complete.",
    Category.INTERRUPTED_UNKNOWN: "Handrail stopped before the answer of {desk} was recorded.",
}
# Every summary of a handoff whose ticket may exist all the same has these words, and no other summary has them.
UNKNOWN_WORDS = "Outcome unknown:"
_UNKNOWN = UNKNOWN_WORDS + " a ticket may exist. Look for {reference} in {desk} before creating another."
_NO_TICKET = "No ticket was created."

_REDIRECTION, _CLIENT_ERROR, _FORBIDDEN, _SERVER_ERROR = 300, 400, 403, 500
_BY_STATUS: dict[int, Category] = {
    401: Category.CREDENTIALS,
    403: Category.PERMISSION,
    404: Category.NOT_FOUND,
    405: Category.MISCONFIGURED,
    407: Category.MISCONFIGURED,  # a proxy in between, which Handrail can't log in to
    408: Category.TIMEOUT_UNKNOWN,
    409: Category.DESK_BUSY,
    410: Category.NOT_FOUND,
    421: Category.MISCONFIGURED,
    423: Category.DESK_BUSY,
    425: Category.DESK_BUSY,
    429: Category.RATE_LIMITED,
}
_BY_FAILURE: dict[Failure, Category] = {
    Failure.DNS: Category.UNREACHABLE,
    Failure.CONNECT: Category.UNREACHABLE,
    Failure.TIMEOUT_BEFORE_SEND: Category.UNREACHABLE,
    Failure.TLS: Category.NOT_TRUSTED,
    Failure.TIMEOUT_AFTER_SEND: Category.TIMEOUT_UNKNOWN,
    Failure.CONNECTION_LOST: Category.CONNECTION_LOST_UNKNOWN,
    Failure.TOO_LARGE: Category.ANSWER_TOO_LARGE,
    Failure.NOT_JSON: Category.UNREADABLE_ANSWER,
    Failure.REDIRECT: Category.REDIRECTED,
    Failure.PARTIAL: Category.UNREADABLE_ANSWER,
    Failure.STALE: Category.UNREADABLE_ANSWER,
    Failure.CHANGED: Category.UNREADABLE_ANSWER,
    Failure.NOT_OURS: Category.UNREADABLE_ANSWER,
}
# A form's answer after it was taken in: the ticket may have been made before the redirect.
_SEE_OTHER = frozenset({302, 303})


@dataclass(frozen=True, slots=True)
class DeskFailure:
    """No reference came back. ``outcome_unknown``: a ticket may exist all the same."""

    category: Category
    outcome_unknown: bool = False

    def summary(self, *, desk: str, reference: str) -> str:
        """What to show and store: at most 300 characters, none of them from the transport or from the desk."""
        text = f"{_TEXTS[self.category]} {_UNKNOWN if self.outcome_unknown else _NO_TICKET}"
        return text.format(desk=desk[:NAME_LIMIT], reference=reference)[:SUMMARY_LIMIT]


def interrupted() -> DeskFailure:
    """For a request whose finalization never came: the process died while the desk was being asked."""
    return DeskFailure(Category.INTERRUPTED_UNKNOWN, outcome_unknown=True)


def failure_of(answer: Answer) -> DeskFailure | None:
    """Why ``answer`` is not a created ticket, or None for a 2xx whose body was understood.

    A status of 4xx or 5xx speaks for itself, whatever its body. 5xx leaves the outcome unknown: a desk, or the proxy
    before it, may fail after the ticket was made. So does 408: it is meant for a request that never became whole, and
    ours was, so that the server that says it gave up waiting for one behind it.
    """
    status = answer.status or 0
    if status >= _SERVER_ERROR:
        return DeskFailure(Category.DESK_ERROR, outcome_unknown=True)
    if status >= _CLIENT_ERROR:
        # GitHub words its secondary rate limit as 403 with Retry-After; a missing right has none.
        limited = status == _FORBIDDEN and answer.retry_after_seconds is not None
        category = Category.RATE_LIMITED if limited else _BY_STATUS.get(status, Category.REJECTED)
        return DeskFailure(category, outcome_unknown=category is Category.TIMEOUT_UNKNOWN)
    if answer.failure is Failure.REDIRECT or status >= _REDIRECTION:
        return DeskFailure(Category.REDIRECTED, outcome_unknown=status in _SEE_OTHER)
    if answer.failure is not None:
        return DeskFailure(_BY_FAILURE[answer.failure], outcome_unknown=answer.failure.sent)
    return None
