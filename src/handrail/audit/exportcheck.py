"""Checks an export of the log with a public key alone: no database, no installation.

``CF-…`` are clauses of docs/reference/checkpoint-format.md.

    {"handrail": "audit-export/v1", "origin": …, "size": 42, "key": "name+id+key", "mark": "<signed note>"}
    {"index": 0, "hash": "<base64>"}
    {"index": 1, "hash": "<base64>", "source": "audit.event", "row": {…}}
    …
    {"checkpoint": "<signed note>"}

Every leaf is there, so that the root can be computed; rows only of what the exporter may see: events, and rows of
ledgers. The leaf hash of a row is that of the RFC 8785 JSON of ``{"row": …, "source": …}``.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handrail.audit import checkpoint
from handrail.audit.checkpoint import LogCheckpoint, NoteKey
from handrail.audit.merkle import HASH_BYTES, Frontier, leaf_hash
from handrail.audit.policy import TrustPolicy
from handrail.audit.sources import EVENTS
from handrail.audit.tlogproof import cosigners
from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.errors import Fault, Invalid

FORMAT = "audit-export/v1"
LINE_LIMIT = 1024 * 1024  # CF-20


@dataclass(frozen=True, slots=True)
class CheckedExport:
    """What a whole export proves: ``events`` in clear, among ``size`` leaves; ``rows``: all that is in clear, by
    source, events included."""

    size: int
    events: int
    checkpoint: str
    rows: Mapping[str, int] = field(default_factory=dict)


def check(
    given: Iterable[str], *, origin: str, keys: Sequence[NoteKey], policy: TrustPolicy | None = None
) -> CheckedExport:
    """Whether an export is whole: every row fits its leaf, all leaves the root, and a known key signed that; with
    ``policy``, also its quorum of witnesses.

    Takes the keys from the caller, never from the file. Raises Invalid naming the first line that is wrong.
    """
    frontier, text = Frontier(), ""
    rows: Counter[str] = Counter()
    mark: LogCheckpoint | None = None
    for number, line in enumerate(given, start=1):
        part = _parsed(line, number)
        if text:  # CF-24
            raise _wrong(number, "nothing may follow the checkpoint")
        if number == 1:  # CF-21
            _require(part.get("handrail") == FORMAT, number, f"an export begins with its format, {FORMAT}")
            mark = checkpoint.verify(str(part["mark"]), origin=origin, keys=keys) if "mark" in part else None
        elif "checkpoint" in part:
            text = str(part["checkpoint"])
        else:
            value = _leaf(part, number, expected=frontier.size)
            frontier, _ = frontier.append(value)
            rows[str(part.get("source"))] += "row" in part
            if mark is not None and mark.size == frontier.size:  # CF-26
                _require(mark.root == frontier.root(), number, f"the log was rewritten below {mark.size} leaves")
    if not text:  # CF-24
        raise _wrong(0, "the export has no checkpoint: it was cut off")
    if mark is not None and mark.size > frontier.size:  # CF-26
        raise _wrong(0, f"the log was cut: {mark.size} leaves were signed once, and it has {frontier.size}")
    signed = checkpoint.verify(text, origin=origin, keys=keys)
    if (signed.size, signed.root) != (frontier.size, frontier.root()):  # CF-25
        raise _wrong(0, f"the leaves are not those that the checkpoint over {signed.size} leaves was signed for")
    if policy is not None and not policy.is_reached(cosigners(text, tuple(policy.witnesses.values()))):  # CF-65
        raise _wrong(0, "its checkpoint lacks cosignatures that the policy asks for")
    shown = {source: count for source, count in sorted(rows.items()) if count}
    return CheckedExport(signed.size, shown.get(EVENTS.name, 0), text, shown)


def _leaf(part: dict[str, Any], number: int, *, expected: int) -> bytes:
    # CF-22
    _require(part.get("index") == expected, number, f"leaf {expected} is missing or out of order")
    try:
        value = base64.b64decode(str(part.get("hash")), validate=True)
    except ValueError:
        raise _wrong(number, "hash is base64") from None
    _require(len(value) == HASH_BYTES, number, "hash is 32 bytes")
    if "row" in part:  # CF-23
        _require(leaf_hash(_row(part, number)) == value, number, "the row is not the one that was sealed")
    return value


def _row(part: dict[str, Any], number: int) -> bytes:
    try:
        return canonical_bytes({"row": part["row"], "source": part.get("source")})
    except ValueError:
        raise _wrong(number, "the row holds a number that no leaf can hold") from None


def _parsed(line: str, number: int) -> dict[str, Any]:
    try:
        part = json.loads(line) if len(line) <= LINE_LIMIT else None
    except (ValueError, RecursionError):
        part = None
    if not isinstance(part, dict):  # CF-20
        raise _wrong(number, f"expected a JSON object of at most {LINE_LIMIT} characters")
    return part


def _require(fulfilled: bool, number: int, message: str) -> None:
    if not fulfilled:
        raise _wrong(number, message)


def _wrong(number: int, message: str) -> Invalid:
    where = f"line {number}" if number else "end"
    return Invalid(f"The export is not whole, {where}: {message}.", code="audit-export", faults=[Fault(where, message)])
