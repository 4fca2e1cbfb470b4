"""A log's side of https://c2sp.org/tlog-witness: one call, and what the answer to it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from handrail.audit.witness import protocol
from handrail.connectors.finding import Finding
from handrail.connectors.http import Client, Exchange, describe, judge

_OK, _CONFLICT, _UNPROCESSABLE, _NOT_FOUND = 200, 409, 422, 404
_PASSING = frozenset({408, 425, 429})
_SERVER_ERROR = 500


class Replied(Enum):
    """``COSIGNED``: signature lines, not verified yet. ``SIZE``: the witness has cosigned that size last. ``FORKED``:
    the log does not extend what it has cosigned. ``UNKNOWN_LOG``, ``REFUSED``: for the operators to settle.
    ``PASSING``: no answer that means anything; try later."""

    COSIGNED = "cosigned"
    SIZE = "size"
    FORKED = "forked"
    UNKNOWN_LOG = "unknown-log"
    REFUSED = "refused"
    PASSING = "passing"
    NOT_UNDERSTOOD = "not-understood"


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """``message`` holds no outside text."""

    replied: Replied
    message: str = ""
    lines: str = ""
    size: int = 0


class WitnessService:
    """One configured witness. Safe to share between threads."""

    def __init__(self, name: str, client: Client) -> None:
        self.name = name
        self._client = client

    def add_checkpoint(self, *, old: int, proof: Sequence[bytes], text: str) -> WitnessAnswer:
        """Never raises for what a witness does."""
        headers = {"content-type": "text/plain; charset=utf-8"}
        body = protocol.write(old, proof, text)
        return _answer(self._client.send("POST", protocol.PATH, headers=headers, content=body))

    def check(self) -> list[Finding]:
        """Whether it answers at all; a witness need not answer a GET with anything but an error."""
        return [judge(f"witness {self.name}", self._client.send("GET", "/"), "/", must_exist=False)]


def _answer(exchange: Exchange) -> WitnessAnswer:
    if exchange.failure is not None:
        return WitnessAnswer(Replied.PASSING, f"{describe(exchange.failure).capitalize()}.")
    status = exchange.status or 0
    said = f"It answered with status {status}."
    if status == _OK:
        try:
            return WitnessAnswer(Replied.COSIGNED, lines=exchange.body.decode())
        except UnicodeDecodeError:
            return WitnessAnswer(Replied.NOT_UNDERSTOOD, "Its answer holds no signature lines.")
    if status == _CONFLICT:
        kind = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
        size = protocol.read_size(exchange.body) if kind == protocol.SIZE_TYPE else None
        return WitnessAnswer(Replied.FORKED, said) if size is None else WitnessAnswer(Replied.SIZE, said, size=size)
    if status == _UNPROCESSABLE:
        return WitnessAnswer(Replied.FORKED, said)
    if status == _NOT_FOUND:
        return WitnessAnswer(Replied.UNKNOWN_LOG, "It does not know this log: it answered with status 404.")
    passing = status >= _SERVER_ERROR or status in _PASSING
    return WitnessAnswer(Replied.PASSING if passing else Replied.REFUSED, said)
