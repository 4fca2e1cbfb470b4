"""Time stamps of checkpoints by a service: RFC 3161. Asks nobody: what to send, and what an answer is worth.

The message that is stamped is the checkpoint's text as it was signed first, without cosignatures, so that a reader
verifies it with ``openssl ts -verify -data``. ``CF-…`` are clauses of docs/reference/checkpoint-format.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)
from rfc3161_client.tsp import PKIStatus

from handrail.kernel.errors import Invalid

SHA256 = "2.16.840.1.101.3.4.2.1"
# How far the service's clock may be from ours.
TOLERANCE = timedelta(minutes=5)
MAX_BYTES = 64 * 1024
CERTIFICATES = 0xA0  # RFC 5652, section 5.1: [0] IMPLICIT
LONGEST_SHORT = 0x7F  # a length in one byte; X.690, section 8.1.3
REQUEST_TYPE, ANSWER_TYPE = "application/timestamp-query", "application/timestamp-reply"  # RFC 3161, section 3.4


@dataclass(frozen=True, slots=True)
class StampTrust:
    """``authorities``: certificates that a chain may end at, and nothing else is trusted. ``policy``: the service's
    policy as dotted numbers; empty for any."""

    authorities: Sequence[x509.Certificate]
    policy: str = ""


@dataclass(frozen=True, slots=True)
class StampRequest:
    """``query``: the TimeStampReq in DER, with a nonce and the wish for the service's certificate."""

    query: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """``accuracy_seconds``: how exact the service says its time is; None when it says nothing."""

    at: datetime
    serial: int
    policy: str
    accuracy_seconds: float | None


class WrongStamp(Invalid):
    """An answer that is not a time stamp of this checkpoint. ``refused``: the service said no itself."""

    code = "timestamp"

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


def request(text: str) -> StampRequest:
    """CF-80: what to send for a checkpoint."""
    made = TimestampRequestBuilder().data(text.encode()).hash_algorithm(HashAlgorithm.SHA256).build()
    if made.nonce is None:
        raise Invalid("The time-stamp request has no nonce.", code="timestamp")
    return StampRequest(made.as_bytes(), made.nonce)


def verify(response: bytes, text: str, by: StampTrust, *, nonce: int | None = None) -> Stamp:
    """CF-81 to CF-84: the stamp. ``nonce`` is known only to who asked. Raises WrongStamp."""
    answer = _decoded(response)
    info = answer.tst_info
    if info.message_imprint.hash_algorithm.dotted_string != SHA256:  # CF-81
        raise WrongStamp("The time stamp is over another kind of digest than SHA-256.")
    if info.message_imprint.message != hashlib.sha256(text.encode()).digest():  # CF-81
        raise WrongStamp("The time stamp is of something else than this checkpoint.")
    if nonce is not None and info.nonce != nonce:  # CF-82
        raise WrongStamp("The time stamp answers another request: its nonce is not ours.")
    if by.policy and info.policy.dotted_string != by.policy:  # CF-83
        raise WrongStamp("The time stamp is under another policy than the configured one.")
    builder = VerifierBuilder(roots=list(by.authorities), nonce=nonce)
    try:
        builder.build().verify(answer, hashlib.sha256(text.encode()).digest())  # CF-84
    except (VerificationError, ValueError) as error:
        message = "The time stamp's signature or certificate does not hold at the time that it names."
        raise WrongStamp(message) from error
    return Stamp(info.gen_time, info.serial_number, info.policy.dotted_string, _accuracy(answer))


def check_time(stamp: Stamp, *, not_before: datetime, at: datetime) -> None:
    """CF-85: a stamp is not of before its checkpoint, nor of the future. Raises WrongStamp."""
    if not not_before - TOLERANCE <= stamp.at <= at + TOLERANCE:
        raise WrongStamp("The time stamp names a time before the checkpoint was signed, or one that is still to come.")


def _decoded(response: bytes) -> TimeStampResponse:
    if len(response) > MAX_BYTES:
        raise WrongStamp(f"The answer is over {MAX_BYTES} bytes.")
    try:
        answer = decode_timestamp_response(_in_order(response))
        if PKIStatus(answer.status) is PKIStatus.GRANTED:  # RFC 3161, section 2.4.2
            answer.tst_info  # noqa: B018 - a token that is missing or no time stamp fails where it is read first
            return answer
    except (ValueError, IndexError):
        raise WrongStamp("The answer is not a time-stamp response.") from None
    raise WrongStamp("The service has granted no time stamp.", refused=True)


def _in_order(response: bytes) -> bytes:
    """The response with the certificates of its token in the order of DER (X.690, section 11.6).

    OpenSSL's service, and those built on it, send the service's own certificate first. The set is not signed, the
    decoder takes DER only, and what is kept is the response as it came.
    """
    _, *rest = _elements(response, *_inside(response, 0))
    if not rest:  # a refusal has no token
        return response
    _, content = _elements(response, *_inside(response, rest[0][0]))
    (signed,) = _elements(response, *_inside(response, content[0]))
    found = next(
        (one for one in _elements(response, *_inside(response, signed[0])) if response[one[0]] == CERTIFICATES), None
    )
    if found is None:
        return response
    begin, end = _inside(response, found[0])
    parts = sorted(response[one:last] for one, last in _elements(response, begin, end))
    return response[:begin] + b"".join(parts) + response[end:]


def _inside(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the DER element at ``at`` begins and ends. Raises ValueError, IndexError."""
    length, begin = data[at + 1], at + 2
    if length > LONGEST_SHORT:
        count = length - LONGEST_SHORT - 1
        length, begin = int.from_bytes(data[begin : begin + count], "big"), begin + count
    if begin + length > len(data):
        raise ValueError("an element ends beyond its data")
    return begin, begin + length


def _elements(data: bytes, begin: int, end: int) -> list[tuple[int, int]]:
    """Where each DER element between ``begin`` and ``end`` begins and ends. Raises ValueError, IndexError."""
    found = []
    while begin < end:
        last = _inside(data, begin)[1]
        found.append((begin, last))
        begin = last
    return found


def _accuracy(answer: TimeStampResponse) -> float | None:
    given = answer.tst_info.accuracy
    if given is None:
        return None
    return (given.seconds or 0) + (given.millis or 0) / 1e3 + (given.micros or 0) / 1e6
