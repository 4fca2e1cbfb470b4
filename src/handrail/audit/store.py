"""The log as it is kept: leaves, the complete subtrees above them, and signed checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_

from django.db import connection
from django.db.models import Max, Q

from handrail.audit import rows
from handrail.audit.differences import Difference, DifferenceKind
from handrail.audit.merkle import Frontier, Node
from handrail.audit.models import AuditCheckpoint, AuditLeaf, AuditNode
from handrail.audit.rows import SealedRow
from handrail.audit.sources import EVENTS


class NotKept(Exception):
    """The database did not keep what a seal wrote. ``difference`` says where."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.message)
        self.difference = difference


def size() -> int:
    """How many leaves there are."""
    last = AuditLeaf.objects.aggregate(last=Max("index"))["last"]
    return 0 if last is None else int(last) + 1


def node_at(level: int, index: int) -> bytes:
    """The hash of a complete subtree, for proofs. Raises DoesNotExist beyond the log's end."""
    if level == 0:
        return bytes(AuditLeaf.objects.values_list("leaf_hash", flat=True).get(index=index))
    return bytes(AuditNode.objects.values_list("hash", flat=True).get(level=level, index=index))


def frontier(of: int) -> Frontier:
    """What is needed to append to a log of ``of`` leaves."""
    levels = [level for level in reversed(range(of.bit_length())) if of >> level & 1]
    return Frontier(of, tuple(node_at(level, (of >> level) - 1) for level in levels))


def append(new: Sequence[SealedRow]) -> Frontier:
    """Adds a leaf a row, in the caller's transaction, which must hold the sealers' lock.

    What was written is read again: a conflict with what somebody put in, or a trigger of theirs, leaves out or changes
    rows without an error. Raises NotKept then.
    """
    grown = frontier(size())
    begin = grown.size
    leaves: list[AuditLeaf] = []
    nodes: list[AuditNode] = []
    for row in new:
        leaf = row.leaf_hash()
        leaves.append(AuditLeaf(index=grown.size, source=row.source, row_id=row.id, leaf_hash=leaf))
        grown, born = grown.append(leaf)
        nodes += [AuditNode(level=n.level, index=n.index, hash=n.hash) for n in born if n.level]
    AuditLeaf.objects.bulk_create(leaves, batch_size=1000, ignore_conflicts=True)
    AuditNode.objects.bulk_create(nodes, batch_size=1000, ignore_conflicts=True)
    _kept(begin, leaves, nodes)
    return grown


def _kept(begin: int, leaves: Sequence[AuditLeaf], nodes: Sequence[AuditNode]) -> None:
    stored = AuditLeaf.objects.filter(index__gte=begin).values_list("index", "source", "row_id", "leaf_hash")
    present = {index: (source, row_id, bytes(value)) for index, source, row_id, value in stored}
    for leaf in leaves:
        if present.get(leaf.index) != (leaf.source, leaf.row_id, leaf.leaf_hash):
            message = f"The database did not keep leaf {leaf.index} as it was written."
            raise NotKept(Difference(DifferenceKind.LEAF, message, leaf.index))
    subtrees = nodes_between(begin, begin + len(leaves))
    for node in nodes:
        if subtrees.get((node.level, node.index)) != node.hash:
            message = f"The database did not keep the subtree at level {node.level}, place {node.index}, as written."
            raise NotKept(Difference(DifferenceKind.SUBTREE, message, ((node.index + 1) << node.level) - 1))


def keep_checkpoint(checkpoint: AuditCheckpoint) -> None:
    """Adds ``checkpoint``. Raises NotKept when the database has another in its place afterwards, or none."""
    AuditCheckpoint.objects.bulk_create([checkpoint], ignore_conflicts=True)
    kept = AuditCheckpoint.objects.filter(
        size=checkpoint.size, text=checkpoint.text, at=checkpoint.at, complete=checkpoint.complete
    )
    if not any(bytes(one.root) == checkpoint.root for one in kept) or latest() != kept.first():
        message = f"The database did not keep the checkpoint over {checkpoint.size} leaves as it was written."
        raise NotKept(Difference(DifferenceKind.CHECKPOINT, message, checkpoint.size))


def nodes_between(begin: int, end: int) -> dict[tuple[int, int], bytes]:
    """The kept subtrees that the leaves from ``begin`` up to ``end`` complete, by (level, index)."""
    completed = [
        Q(level=level, index__gte=begin >> level, index__lt=end >> level)
        for level in range(1, end.bit_length())
        if begin >> level < end >> level
    ]
    if not completed:
        return {}
    rows = AuditNode.objects.filter(reduce(or_, completed)).values_list("level", "index", "hash")
    return {(level, index): bytes(value) for level, index, value in rows}


def beyond_the_end() -> tuple[int, int] | None:
    """Level and index of a kept subtree over leaves that are not there. None is right: appending would meet it.

    One statement, so that a sealer may go on meanwhile; a look into the index a level.
    """
    query = """
        SELECT n.level, n.index FROM generate_series(1, 62) l, LATERAL (
            SELECT level, index FROM audit_auditnode
            WHERE level = l::smallint AND index >= (SELECT coalesce(max(index) + 1, 0) FROM audit_auditleaf) >> l
            ORDER BY index LIMIT 1) n LIMIT 1
    """
    with connection.cursor() as cursor:
        cursor.execute(query)
        found = cursor.fetchone()
    return None if found is None else (int(found[0]), int(found[1]))


def inner(born: Sequence[Node]) -> list[Node]:
    """Those of ``born`` that are kept as nodes."""
    return [node for node in born if node.level]


def latest(*, above: int = 0, complete: bool = False) -> AuditCheckpoint | None:
    """The newest checkpoint that covers more than ``above`` leaves; with ``complete``, that left nothing out."""
    found = AuditCheckpoint.objects.filter(size__gt=above).order_by("-size")
    return (found.filter(complete=True) if complete else found).first()


def seal_event(size: int) -> SealedRow | None:
    """The row behind the last of ``size`` leaves, if it is an event: a seal puts its own there."""
    leaf = AuditLeaf.objects.filter(index=size - 1, source=EVENTS.name).first()
    return next(rows.read(EVENTS, [leaf.row_id]), None) if leaf else None
