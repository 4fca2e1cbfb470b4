"""The outcome of an outside call, stated honestly: answered, certainly not sent, or perhaps sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue

from handrail.kernel.errors import Unavailable

# An answer with one of these means "not now": asking again later may well help.
RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class Failure(StrEnum):
    """Why the answer is missing or unusable."""

    # Not one byte of the request left this machine; nothing can have happened over there.
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT_BEFORE_SEND = "timeout-before-send"
    # At least one byte may have left; what happened over there is unknown.
    TIMEOUT_AFTER_SEND = "timeout-after-send"
    CONNECTION_LOST = "connection-lost"  # also: the answer was cut short or breaks HTTP
    # It answered, and the answer's status is known, but its body is not to be used.
    TOO_LARGE = "too-large"
    NOT_JSON = "not-json"
    REDIRECT = "redirect"
    # Only of reads: an answer came, but it isn't the whole, not from now, or about something else.
    PARTIAL = "partial"
    STALE = "stale"
    CHANGED = "changed"  # a list of several pages, between one page and the next
    NOT_OURS = "not-ours"

    @property
    def sent(self) -> bool:
        """False only when it is certain that nothing was sent."""
        return self not in _NOT_SENT

    @property
    def answered(self) -> bool:
        """Whether the other side answered with a status at all."""
        return self in _ANSWERED


_NOT_SENT = frozenset({Failure.DNS, Failure.CONNECT, Failure.TLS, Failure.TIMEOUT_BEFORE_SEND})
_ANSWERED = frozenset(
    {
        Failure.TOO_LARGE,
        Failure.NOT_JSON,
        Failure.REDIRECT,
        Failure.PARTIAL,
        Failure.STALE,
        Failure.CHANGED,
        Failure.NOT_OURS,
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of one effectful or polling call. It is returned, never raised.

    ``failure`` None: a whole answer came; ``status`` is set, ``body`` is its JSON (None for an empty body).
    ``failure`` set: ``body`` is None. ``status`` is set only where ``failure.answered``; a result table's row that
    names a status alone must not match such an answer, because its body was not understood.
    ``headers`` holds etag, retry-after, location, link and content-type only, by lower-case name.
    ``digest`` is ``sha256:…`` over the decoded body bytes; ``seconds`` the time that the call took. ``reason``, if
    it isn't empty, tells more about the failure, as the end of a sentence about the other side, without outside text.
    ``may_pass``: status 401 to credentials that come from a file. Nothing happened, and with the next ones it may work.
    """

    status: int | None
    body: JsonValue | None = None
    etag: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after_seconds: float | None = None
    failure: Failure | None = None
    digest: str | None = None
    seconds: float = 0.0
    reason: str = ""
    may_pass: bool = False

    @property
    def sent(self) -> bool:
        """False only when it is certain that nothing was sent."""
        return self.failure is None or self.failure.sent


@dataclass(frozen=True, slots=True)
class Reading:
    """Authoritative state as it was at ``read_at`` (UTC).

    ``value`` is the whole parsed answer, or the list of all matching resources. ``version`` is the ETag (or the
    protocol's own version token) where there is one. ``digest`` is ``sha256:…``: over the body bytes of a single
    answer, over the JSON (names sorted) of a list that was gathered from several. ``link`` is the ``Link`` header.
    """

    value: JsonValue
    version: str | None
    digest: str
    status: int
    read_at: datetime
    link: str = ""


class ReadFailed(Unavailable):
    """A read brought no usable state. ``retryable`` says whether asking again may help."""

    code = "read-failed"

    def __init__(
        self,
        message: str,
        *,
        failure: Failure | None = None,
        status: int | None = None,
        retryable: bool,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.failure = failure
        self.http_status = status
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds
