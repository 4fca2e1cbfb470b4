"""Proofs for one reader: that an event is in the log, and that the log of now begins with the log of then."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from handrail.audit import (
    anchors,
    checkpoint,
    cosigned,
    merkle,
    receipts,
    rows,
    signing,
    store,
    tlogproof,
    watch,
)
from handrail.audit.checkpoint import LogCheckpoint
from handrail.audit.models import AuditCheckpoint, AuditLeaf
from handrail.audit.rows import SealedRow
from handrail.audit.sources import EVENTS, Source
from handrail.audit.tlogproof import TlogProof
from handrail.kernel.errors import Conflict, Invalid, NotFound


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


@dataclass(frozen=True, slots=True)
class ProvenRow:
    """A sealed row with what outsiders check it with. ``leaf``: its canonical JSON. ``proof``: a C2SP ``.tlog-proof``
    with the cosignatures that there are; ``receipt``: a COSE receipt, base64. ``quorum``: whether its checkpoint has
    the quorum of its witnesses; None where none is configured."""

    source: str
    row_id: int
    index: int
    size: int
    leaf: str
    proof: str
    receipt: str
    quorum: bool | None


def prove(source: Source, row_id: int, *, is_shown: Callable[[dict[str, Any]], bool]) -> ProvenRow:
    """The proofs of one row, as it is now, under the newest checkpoint with the quorum, or the newest at all.

    Raises NotFound when there is no such row or ``is_shown`` says no, Conflict while it is not sealed, and Conflict
    ``log-differs`` when the row is not the one that was sealed, or the log is not one that this installation signed:
    nothing is signed then.
    """
    row = next(rows.read_shown(source, [row_id]), None)
    if row is None or not is_shown(row.values):
        raise NotFound
    leaf = AuditLeaf.objects.filter(source=source.name, row_id=row_id).first()
    signed = _checkpoint_over(leaf.index) if leaf else None
    if leaf is None or signed is None:
        raise Conflict("This is not sealed yet. Workers seal by themselves; or run: handrail audit seal")
    path = merkle.inclusion_proof(leaf.index, signed.size, store.node_at)
    stated = _stated(row, leaf.index, path, signed)
    policy = anchors.trust.get().policy
    subject = f"{source.name}/{row_id}"
    receipt = receipts.write(stated, signing.get().key, index=leaf.index, path=path, subject=subject)
    return ProvenRow(
        source=source.name,
        row_id=row_id,
        index=leaf.index,
        size=stated.size,
        leaf=row.leaf().decode(),
        proof=tlogproof.write(TlogProof(leaf.index, path, cosigned.text_of(signed), row.leaf())),
        receipt=base64.b64encode(receipt).decode(),
        quorum=None if policy.quorum is None else policy.is_reached(cosigned.by_whom(signed)),
    )


def _stated(row: SealedRow, index: int, path: tuple[bytes, ...], signed: AuditCheckpoint) -> LogCheckpoint:
    """What was signed, if this installation still stands for it. Raises Conflict ``log-differs``."""
    by = signing.get()
    try:
        stated = checkpoint.verify(signed.text, origin=by.origin, keys=by.accepted())
    except Invalid as error:
        raise Conflict(f"The log is not as it was signed: {error.message}", code="log-differs") from None
    good = merkle.verify_inclusion(leaf=row.leaf_hash(), index=index, size=stated.size, proof=path, root=stated.root)
    if not good or not watch.report(by).good:
        message = "The row or the log is not what was sealed: handrail audit verify says what differs."
        raise Conflict(message, code="log-differs")
    return stated


def _checkpoint_over(index: int) -> AuditCheckpoint | None:
    status = cosigned.quorum()
    if status.size is not None and status.size > index:
        return AuditCheckpoint.objects.filter(size=status.size).first()
    return store.latest(above=index)


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
