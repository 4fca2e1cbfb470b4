"""Proofs for one reader: that an event is in the log, and that the log of now begins with the log of then."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from handrail.audit import merkle, rows, store
from handrail.audit.checkpoint import LogCheckpoint
from handrail.audit.models import AuditLeaf
from handrail.audit.sources import EVENTS
from handrail.kernel.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class Inclusion:
    """``leaf`` (the row as canonical JSON) is at ``index`` of the log that ``checkpoint`` signs.

    ``proof``: the siblings from the leaf upwards, base64, for ``merkle.verify_inclusion``.
    """

    leaf: str
    index: int
    size: int
    proof: tuple[str, ...]
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Consistency:
    """``proof``: base64, for ``merkle.verify_consistency`` between both sizes. ``checkpoint`` signs the second."""

    first: int
    second: int
    proof: tuple[str, ...]
    checkpoint: str


def inclusion(event_id: int) -> Inclusion:
    """The proof for one audit event, as its row is now. Raises NotFound, or Conflict while it is not sealed yet."""
    row = next(rows.read_shown(EVENTS, [event_id]), None)
    if row is None:
        raise NotFound
    leaf = AuditLeaf.objects.filter(source=EVENTS.name, row_id=event_id).first()
    last = store.latest(above=leaf.index) if leaf else None
    if leaf is None or last is None:
        raise Conflict("This event is not sealed yet. Workers seal by themselves; or run: handrail audit seal")
    path = merkle.inclusion_proof(leaf.index, last.size, store.node_at)
    return Inclusion(row.leaf().decode(), leaf.index, last.size, _text(path), last.text)


def consistency(first: int) -> Consistency:
    """The proof that the newest checkpoint's log begins with that of ``first`` leaves.

    Raises Conflict ``log-shorter`` when the log has fewer: it was rolled back.
    """
    last = store.latest()
    if last is None or last.size < first:
        size = last.size if last else 0
        raise Conflict(f"The log has {size} leaves, not {first}: it was rolled back.", code="log-shorter")
    path = merkle.consistency_proof(first, last.size, store.node_at)
    return Consistency(first, last.size, _text(path), last.text)


def holds(proof: Inclusion, signed: LogCheckpoint) -> bool:
    """Whether ``proof`` leads from its leaf to the root that was signed. Needs no database."""
    return signed.size == proof.size and merkle.verify_inclusion(
        leaf=merkle.leaf_hash(proof.leaf.encode()),
        index=proof.index,
        size=proof.size,
        proof=list(map(decoded, proof.proof)),
        root=signed.root,
    )


def decoded(part: str) -> bytes:
    """One hash of a proof."""
    return base64.b64decode(part)


def _text(path: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(base64.b64encode(part).decode() for part in path)
