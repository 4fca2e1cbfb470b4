"""From an exchange of bytes to an Answer or a Reading: JSON, versions, and when to ask again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pydantic import JsonValue

from handrail.connectors.http import freshness, wholeness
from handrail.connectors.http.client import Exchange
from handrail.connectors.http.jsontext import NotJson, parse_json
from handrail.connectors.outcome import RETRYABLE_STATUSES, Answer, Failure, ReadFailed, Reading
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now

KEPT_HEADERS = frozenset({"etag", "retry-after", "location", "link", "content-type"})
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
        Failure.STALE,
        Failure.CHANGED,
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
    Failure.PARTIAL: "its answer is only part of what was asked for",
    Failure.CHANGED: "the list changed while it was read",
    Failure.STALE: "its answer came out of a cache and may be from before the call",
    Failure.NOT_OURS: "its answer is about something else than was asked for",
}


# What to do about the failures whose sentence doesn't say it.
_ADVICE = {
    Failure.PARTIAL: " Ask for less, or for larger pages.",
    Failure.STALE: " Handrail sends Cache-Control: no-cache; let these requests pass the gateway's cache.",
    Failure.NOT_OURS: " Check the path that it is asked at.",
}
_LIMITED = frozenset({429, 503})
_RESETS = frozenset(
    {"retry-after-ms", "x-ms-retry-after-ms", "ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"}
)
_EPOCH_SECONDS, _EPOCH_MILLISECONDS = 1e9, 1e12
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def describe(failure: Failure) -> str:
    """The failure as the end of a sentence about the other side; holds no outside text."""
    return _WORDS[failure]


def to_answer(exchange: Exchange, *, parse: Callable[[bytes], JsonValue] = parse_json) -> Answer:
    """The exchange with its body as JSON, which ``parse`` reads.

    A body must be JSON when it says so, or when the status reports success. An error page in another format (HTML from
    a proxy, say) does not count as a failure: the status is enough, and ``body`` is None.
    """
    failure, body = exchange.failure, None
    if failure is None and exchange.body:
        try:
            body = parse(exchange.body)
        except NotJson:
            is_error = (exchange.status or 0) >= _ERROR
            failure = None if is_error and not claims_json(exchange.headers) else Failure.NOT_JSON
    return Answer(
        status=exchange.status,
        body=body,
        etag=exchange.headers.get("etag"),
        headers={name: value for name, value in exchange.headers.items() if name in KEPT_HEADERS},
        retry_after_seconds=_wait_seconds(exchange, now()),
        failure=failure,
        digest=digest_bytes(exchange.body) if exchange.body else None,
        seconds=exchange.seconds,
        may_pass=exchange.may_pass,
    )


def to_state(exchange: Exchange) -> Answer:
    """The exchange of a read: no state (``failure``) if it is from before the call or says that there is more."""
    answer = to_current(exchange)
    if answer.failure is not None or not _is_success(answer.status):
        return answer
    part = wholeness.part_of(answer.status, exchange.headers, answer.body)
    return answer if part is None else unusable(answer, Failure.PARTIAL, part.why)


def to_current(exchange: Exchange, *, parse: Callable[[bytes], JsonValue] = parse_json) -> Answer:
    """The exchange of a read that may be part of something. ``stale`` if a cache answered with what it had before."""
    answer = to_answer(exchange, parse=parse)
    if answer.failure is not None or not freshness.is_from_before(exchange.headers, exchange.seconds):
        return answer
    stale = unusable(answer, Failure.STALE)
    return replace(stale, retry_after_seconds=answer.retry_after_seconds or freshness.seconds_kept(exchange.headers))


def unusable(answer: Answer, failure: Failure, reason: str = "") -> Answer:
    """The answer, whose body is not to be used."""
    return replace(answer, body=None, digest=None, etag=None, failure=failure, reason=reason)


def _is_success(status: int | None) -> bool:
    return status is not None and 200 <= status < 300  # noqa: PLR2004 - HTTP success


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
    return Reading(
        value=answer.body,
        version=answer.etag,
        digest=answer.digest,
        status=answer.status,
        read_at=now(),
        link=answer.headers.get("link", ""),
    )


def read_failed(name: str, answer: Answer) -> ReadFailed:
    """Why the answer is not a state, in one sentence without outside text."""
    if answer.failure is not None:
        why, retryable = answer.reason or describe(answer.failure), answer.failure in _PASSING or answer.may_pass
    elif answer.status == 200:  # noqa: PLR2004 - HTTP OK
        why, retryable = "its answer is empty", False
    elif answer.may_pass:
        why, retryable = f"it refused the credentials that their file holds (status {answer.status})", True
    else:
        why, retryable = f"it answered with status {answer.status}", answer.status in RETRYABLE_STATUSES
    return ReadFailed(
        f"{name} could not be read: {why}." + (_ADVICE.get(answer.failure, "") if answer.failure else ""),
        failure=answer.failure,
        status=answer.status,
        retryable=retryable,
        retry_after_seconds=answer.retry_after_seconds,
    )


def retry_after_seconds(value: str | None, at: datetime) -> float | None:
    """``Retry-After`` in seconds from ``at``: a count or an HTTP date, between 0 and one day; None when unreadable.

    Fractions, which some services send, are rounded up: asking too early makes many of them wait longer. Of several
    counts the largest is meant.
    """
    if value is None:
        return None
    text = value.strip()
    counts = [_SECONDS.fullmatch(part.strip()) for part in text.split(",")]
    if all(counts):
        longest = max(float(found[0]) for found in counts if found)
        return float(math.ceil(min(longest, MAX_RETRY_AFTER_SECONDS)))
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # An HTTP date is GMT (RFC 9110 §5.6.7); one without a zone can mean nothing else.
    seconds = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - at).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _wait_seconds(exchange: Exchange, at: datetime) -> float | None:
    """``Retry-After``; where a service that limits calls doesn't send it, what it says beside."""
    named = retry_after_seconds(exchange.headers.get("retry-after"), at)
    if named is not None or exchange.status not in _LIMITED:
        return named
    for name, value in exchange.headers.items():
        number = float(value) if name in _RESETS and _SECONDS.fullmatch(value.strip()) else None
        if number is None:
            continue
        seconds = number / 1000 if name.endswith("-ms") or number > _EPOCH_MILLISECONDS else number
        # Some count from now, some name the instant; nobody waits for thirty years.
        seconds = seconds - at.timestamp() if seconds > _EPOCH_SECONDS else seconds
        return float(math.ceil(min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)))
    return None


def json_bytes(value: JsonValue) -> bytes:
    """``value`` as compact UTF-8 JSON. Raises ValueError for NaN and infinities."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
