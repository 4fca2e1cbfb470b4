"""From an exchange of bytes to an Answer or a Reading: JSON, versions, and when to ask again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pydantic import JsonValue

from handrail.connectors.http.client import Exchange
from handrail.connectors.http.jsontext import NotJson, parse_json
from handrail.connectors.outcome import RETRYABLE_STATUSES, Answer, Failure, ReadFailed, Reading
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now

KEPT_HEADERS = frozenset({"etag", "retry-after", "location", "content-type"})
MAX_RETRY_AFTER_SECONDS = 86_400.0
JSON_TYPE = "application/json"

_ERROR = 400
# Reading again can't hurt; these may be gone by then. The others need somebody to fix something.
_PASSING = frozenset(
    {
        Failure.DNS,
        Failure.CONNECT,
        Failure.TIMEOUT_BEFORE_SEND,
        Failure.TIMEOUT_AFTER_SEND,
        Failure.CONNECTION_LOST,
    }
)
_WORDS = {
    Failure.DNS: "its host name is not known",
    Failure.CONNECT: "no connection could be made",
    Failure.TLS: "its certificate could not be verified, or TLS failed",
    Failure.TIMEOUT_BEFORE_SEND: "no connection was made in time",
    Failure.TIMEOUT_AFTER_SEND: "no whole answer came in time",
    Failure.CONNECTION_LOST: "the connection was lost before a whole answer came",
    Failure.TOO_LARGE: "its answer is over max_bytes",
    Failure.NOT_JSON: "its answer is not usable JSON",
    Failure.REDIRECT: "it answered with a redirect, which is never followed",
}


def describe(failure: Failure) -> str:
    """The failure as the end of a sentence about the other side; holds no outside text."""
    return _WORDS[failure]


def to_answer(exchange: Exchange) -> Answer:
    """The exchange with its body as JSON.

    A body must be JSON when it says so, or when the status reports success. An error page in another format (HTML from
    a proxy, say) does not count as a failure: the status is enough, and ``body`` is None.
    """
    failure, body = exchange.failure, None
    if failure is None and exchange.body:
        try:
            body = parse_json(exchange.body)
        except NotJson:
            is_error = (exchange.status or 0) >= _ERROR
            failure = None if is_error and not claims_json(exchange.headers) else Failure.NOT_JSON
    return Answer(
        status=exchange.status,
        body=body,
        etag=exchange.headers.get("etag"),
        headers={name: value for name, value in exchange.headers.items() if name in KEPT_HEADERS},
        retry_after_seconds=retry_after_seconds(exchange.headers.get("retry-after"), now()),
        failure=failure,
        digest=digest_bytes(exchange.body) if exchange.body else None,
        seconds=exchange.seconds,
    )


def claims_json(headers: Mapping[str, str]) -> bool:
    """Whether the content type is JSON, or built on it (``application/scim+json``)."""
    essence = headers.get("content-type", "").partition(";")[0].strip().lower()
    return essence == JSON_TYPE or essence.endswith("+json")


def to_reading(name: str, answer: Answer) -> Reading:
    """The answer to a read, as authoritative state. ``name`` is the connector's, for the message.

    Raises ReadFailed for every failure, every status but 200, and an empty body.
    """
    if answer.failure is not None or answer.status != 200 or answer.digest is None:  # noqa: PLR2004 - HTTP OK
        raise read_failed(name, answer)
    return Reading(value=answer.body, version=answer.etag, digest=answer.digest, status=answer.status, read_at=now())


def read_failed(name: str, answer: Answer) -> ReadFailed:
    """Why the answer is not a state, in one sentence without outside text."""
    if answer.failure is not None:
        why, retryable = describe(answer.failure), answer.failure in _PASSING
    elif answer.status == 200:  # noqa: PLR2004 - HTTP OK
        why, retryable = "its answer is empty", False
    else:
        why, retryable = f"it answered with status {answer.status}", answer.status in RETRYABLE_STATUSES
    return ReadFailed(
        f"{name} could not be read: {why}.",
        failure=answer.failure,
        status=answer.status,
        retryable=retryable,
        retry_after_seconds=answer.retry_after_seconds,
    )


def retry_after_seconds(value: str | None, at: datetime) -> float | None:
    """``Retry-After`` in seconds from ``at``: a count or an HTTP date, between 0 and one day; None when unreadable."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:20]), MAX_RETRY_AFTER_SECONDS)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # An HTTP date is GMT (RFC 9110 §5.6.7); one without a zone can mean nothing else.
    seconds = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - at).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def json_bytes(value: JsonValue) -> bytes:
    """``value`` as compact UTF-8 JSON. Raises ValueError for NaN and infinities."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
