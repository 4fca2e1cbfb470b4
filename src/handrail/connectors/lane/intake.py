"""A lane over HTTP: ``PUT deliveries/{digest}``, ``GET deliveries/{digest}``, ``POST deliveries/{digest}/withdraw``,
``GET deliveries/{digest}/replies``, ``PUT deliveries/{digest}/recalls/{digest of the statement}``."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from handrail.connectors.finding import Finding
from handrail.connectors.http import Client, Exchange, describe, json_bytes, probe, retry_after_seconds
from handrail.connectors.http.jsontext import NotJson, parse_json
from handrail.connectors.lane.lane import (
    ALL,
    MAX_REPLIES,
    MAX_REPLY_BYTES,
    ErrorKind,
    LaneFailed,
    LaneState,
    Receipt,
    bounded_replies,
)
from handrail.connectors.outcome import Failure
from handrail.kernel.canonical import digest_bytes, hexadecimal
from handrail.kernel.clock import now
from handrail.kernel.errors import Invalid
from handrail.kernel.hostile import clean_text

_TAKEN = frozenset({200, 201})
_NOTHING = {404: LaneState.ABSENT, 410: LaneState.GONE}
# "Not now", said before anything was taken; other 5xx answers may come from behind a take-over that happened.
_NOT_NOW = frozenset({408, 425, 429, 503})
# A refusal for good. What else has no meaning here (202, 204, 206, 5xx …) may stand for a package that was taken.
_FOR_GOOD = range(400, 500)
# An intake that was built before there were replies and recalls.
_NO_SUCH_DOOR = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
# For a statement, which may come twice, a promise does.
_KEPT = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT})
MAX_REFERENCE, MAX_WORDS = 120, 500
ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"


class HttpLane:
    """One configured intake. A package is read into memory to be sent: at most ``max_package_bytes``."""

    kind = "http"
    abilities = ALL

    def __init__(self, name: str, client: Client, *, path: str, max_package_bytes: int) -> None:
        self.name = name
        self._client = client
        self._path = path.rstrip("/")
        self._max_package_bytes = max_package_bytes

    @property
    def deadline_seconds(self) -> float:
        return self._client.config.deadline_seconds

    def deliver(self, package: Path, manifest_digest: str) -> Receipt:
        if package.stat().st_size > self._max_package_bytes:
            limit = f"The package is over max_package_bytes ({self._max_package_bytes}) of this lane."
            raise LaneFailed(limit, ErrorKind.REFUSED)
        data = package.read_bytes()
        kind = "application/zip" if package.suffix == ".zip" else "application/octet-stream"  # encrypted
        headers = {"content-type": kind, "accept": "application/json", "idempotency-key": manifest_digest}
        exchange = self._client.send("PUT", self._one(manifest_digest), headers=headers, content=data)
        if exchange.failure is None and exchange.status in _TAKEN:
            receipt = _receipt(exchange, manifest_digest)
            if receipt.package_digest and receipt.package_digest != digest_bytes(data):
                raise LaneFailed("The lane holds another package under this manifest.", ErrorKind.REFUSED)
            return receipt
        raise failed_exchange(self.name, exchange)

    def status(self, manifest_digest: str) -> Receipt:
        exchange = self._client.send("GET", self._one(manifest_digest), headers={"accept": "application/json"})
        return self._receipt(exchange, manifest_digest)

    def withdraw(self, manifest_digest: str, reason: str) -> Receipt:
        headers = {"content-type": "application/json", "accept": "application/json"}
        path = self._one(manifest_digest) + "/withdraw"
        exchange = self._client.send("POST", path, headers=headers, content=json_bytes({"reason": reason}))
        return self._receipt(exchange, manifest_digest)

    def replies(self, manifest_digest: str) -> tuple[bytes, ...]:
        """A lane that keeps no replies answers 404; none is the same as no reply yet."""
        path = self._one(manifest_digest) + "/replies"
        limit = MAX_REPLIES * MAX_REPLY_BYTES * 2
        exchange = self._client.send("GET", path, headers={"accept": "application/json"}, max_bytes=limit)
        if exchange.failure is None and exchange.status in (*_NOTHING, *_NO_SUCH_DOOR):
            return ()
        if exchange.failure is None and exchange.status == HTTPStatus.OK:
            return _replies(exchange)
        raise failed_exchange(self.name, exchange)

    def recall(self, manifest_digest: str, statement: bytes) -> None:
        headers = {"content-type": ENVELOPE_TYPE, "accept": "application/json"}
        path = f"{self._one(manifest_digest)}/recalls/{digest_bytes(statement)}"
        exchange = self._client.send("PUT", path, headers=headers, content=statement)
        if exchange.failure is not None or exchange.status not in _KEPT:
            raise failed_exchange(self.name, exchange)

    def check(self) -> list[Finding]:
        return [probe(self.name, self._client, self._path or "/", must_exist=True)]

    def _one(self, manifest_digest: str) -> str:
        return f"{self._path}/deliveries/sha256:{hexadecimal(manifest_digest)}"

    def _receipt(self, exchange: Exchange, manifest_digest: str) -> Receipt:
        if exchange.failure is None and exchange.status in _NOTHING:
            return Receipt(_NOTHING[exchange.status])
        if exchange.failure is None and exchange.status in _TAKEN:
            return _receipt(exchange, manifest_digest)
        raise failed_exchange(self.name, exchange)


def failed_exchange(name: str, exchange: Exchange) -> LaneFailed:
    """What an exchange means that brought no usable answer, for a lane of that name."""
    wait = retry_after_seconds(exchange.headers.get("retry-after"), now())
    if exchange.failure is not None:
        kind = ErrorKind.UNKNOWN if exchange.failure.sent else ErrorKind.NOT_SENT
        if exchange.failure is Failure.REDIRECT:
            kind = ErrorKind.REFUSED
        return LaneFailed(f"The lane {name}: {describe(exchange.failure)}.", kind, retry_after_seconds=wait)
    status = exchange.status or 0
    said = f"The lane {name} answered with status {status}."
    if status in _NOT_NOW or exchange.may_pass:
        return LaneFailed(said, ErrorKind.BUSY, retry_after_seconds=wait)
    kind = ErrorKind.REFUSED if status in _FOR_GOOD else ErrorKind.UNKNOWN
    body = _words(exchange.body) if kind is ErrorKind.REFUSED else ""
    return LaneFailed(said, kind, retry_after_seconds=wait, body=body)


def _words(body: bytes) -> str:
    """What a refusal says: the text of a problem document (RFC 9457), else the body as text."""
    try:
        read: Any = parse_json(body)
        said = [read[name] for name in ("title", "detail") if isinstance(read.get(name), str)]
    except (NotJson, json.JSONDecodeError, AttributeError, TypeError):
        said = []
    text = ": ".join(said) or body[: MAX_WORDS * 4].decode(errors="replace")
    return clean_text(text, limit=MAX_WORDS)


def _receipt(exchange: Exchange, manifest_digest: str) -> Receipt:
    """The lane's word. Raises LaneFailed (unknown) when it is none: what can't be understood proves nothing."""
    try:
        answer: Any = parse_json(exchange.body)
        state = LaneState(answer["state"])
        digest = str(answer.get("package_digest") or "")
        if answer.get("manifest_digest", manifest_digest) != manifest_digest:
            raise ValueError(manifest_digest)
        if digest:
            hexadecimal(digest)
    except (NotJson, json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError, Invalid):
        raise LaneFailed("The lane's answer is not a receipt for this manifest.", ErrorKind.UNKNOWN) from None
    return Receipt(state, clean_text(str(answer.get("receipt") or ""), limit=MAX_REFERENCE), digest)


def _replies(exchange: Exchange) -> tuple[bytes, ...]:
    """``{"items": ["base64", …]}``. What is no base64 stands as the bytes that it is, and is refused by its reader."""
    try:
        answer: Any = parse_json(exchange.body)
        items = answer["items"]
    except (NotJson, json.JSONDecodeError, KeyError, TypeError):
        items = None
    if not isinstance(items, list):
        raise LaneFailed("The lane's answer is not a list of replies.", ErrorKind.UNKNOWN)
    return bounded_replies(_decoded(items))


def _decoded(items: list[Any]) -> Iterator[bytes]:
    for item in items:
        text = item if isinstance(item, str) else ""
        try:
            yield base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            yield text[:MAX_REPLY_BYTES].encode(errors="replace")
