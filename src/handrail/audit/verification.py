"""Whether the log is whole: everything is computed again from the rows as they are now.

``CF-…`` are clauses of docs/reference/checkpoint-format.md.

``verify`` walks the log leaf by leaf: the row behind each must still make that leaf, the leaves must make the subtrees
that are kept, and at the size of every signed checkpoint the root that was signed. A checkpoint that was kept
elsewhere counts like one of ours, and is what finds a database that was rolled back or signed again.

The walk ends at the newest checkpoint of the moment when it began. What is below that never changes, so sealers may
go on meanwhile.
"""

from __future__ import annotations

import base64
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from handrail.audit import (
    arrivals,
    checkpoint,
    comparison,
    cosigned,
    guards,
    rows,
    signing,
    sources,
    stamped,
    store,
    watch,
)
from handrail.audit.anchors import AnchorProblem
from handrail.audit.arrivals import AHEAD, BEFORE, LATE, NO_SEAL
from handrail.audit.checkpoint import LogCheckpoint
from handrail.audit.cosigned import QuorumStatus
from handrail.audit.differences import MOST, Difference, DifferenceKind
from handrail.audit.events import EventName
from handrail.audit.merkle import EMPTY_ROOT, Frontier, Node
from handrail.audit.models import AuditCheckpoint
from handrail.audit.rows import SealedRow
from handrail.audit.signing import Signing
from handrail.audit.sources import EVENTS
from handrail.audit.watch import MarkReport, MarkStatus
from handrail.kernel.errors import Invalid

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Verification:
    """``root`` is base64, as in the checkpoint. ``unsealed`` rows are waiting for the next seal and prove nothing yet.

    ``differences`` holds the first 100, in the order of the log; what concerns no row comes last. ``mark``: what this
    machine keeps outside the database. ``sealing_stopped``: why it seals nothing any more, if so. ``quorum``: whether
    witnesses have cosigned the newest checkpoint.
    """

    whole: bool
    origin: str
    sealed_size: int
    root: str
    checkpoint_at: datetime | None
    unsealed: int
    differences: tuple[Difference, ...]
    mark: MarkReport
    sealing_stopped: str | None
    quorum: QuorumStatus

    @property
    def first_difference(self) -> Difference | None:
        return self.differences[0] if self.differences else None


def verify(*, kept: Sequence[str] = ()) -> Verification:
    """Compares the rows with the log, and the log with every checkpoint: ours, those ``kept`` elsewhere, and the mark
    of this machine. Then looks whether the database still guards the tables.

    Raises Invalid when a kept checkpoint is malformed, of another log, or signed by no key that is accepted.
    """
    by = signing.get()
    outside = [checkpoint.verify(text, origin=by.origin, keys=by.accepted()) for text in kept]
    outside += watch.known(by)
    leaves, size = _extent()
    walk = _Walk(by, size)
    outside.sort(key=_size)
    walk.along(heapq.merge(_ours(walk, size), outside, key=_size))
    walk.end(leaves, outside)
    mark = watch.report(by)
    if mark.status is MarkStatus.FOREIGN:
        walk.add(DifferenceKind.MARK, mark.message)
    walk.found += guards.differences()
    quorum = cosigned.quorum()
    walk.found += [*cosigned.differences(), *_witnessed(quorum), *stamped.differences()]
    last = AuditCheckpoint.objects.filter(size=size).first()
    return Verification(
        whole=not walk.found,
        origin=by.origin,
        sealed_size=size,
        root=base64.b64encode(bytes(last.root) if last else EMPTY_ROOT).decode(),
        checkpoint_at=last.at if last else None,
        unsealed=sum(rows.count_unsealed(source) for source in sources.known()),
        differences=tuple(walk.found[:MOST]),
        mark=mark,
        sealing_stopped=watch.stopped(),
        quorum=quorum,
    )


def _witnessed(quorum: QuorumStatus) -> Iterator[Difference]:
    """CF-57: no witness says that it has seen another log, or more of this one than there is."""
    for one in quorum.anchors:
        if one.problem in (AnchorProblem.AHEAD, AnchorProblem.FORKED):
            yield Difference(DifferenceKind.WITNESS, f"The witness {one.name} refuses the log: {one.message}")


def _size(mark: LogCheckpoint) -> int:
    return mark.size


def _extent() -> tuple[int, int]:
    """How many leaves there are and how many of them the newest checkpoint covers, in one glance."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce((SELECT max(index) + 1 FROM audit_auditleaf), 0),"
            " coalesce((SELECT max(size) FROM audit_auditcheckpoint), 0)"
        )
        leaves, size = cursor.fetchone()
    return int(leaves), int(size)


def _ours(walk: _Walk, size: int) -> Iterator[LogCheckpoint]:
    """Our checkpoints whose signature is right; the others are differences."""
    stored = AuditCheckpoint.objects.filter(size__lte=size).order_by("size")
    columns = stored.values_list("size", "root", "text", "at", "complete")
    for stated, root, text, at, complete in columns.iterator(chunk_size=CHUNK):
        walk.stated[stated] = at, complete
        try:
            signed = checkpoint.verify(text, origin=walk.by.origin, keys=walk.by.accepted())
        except Invalid as error:
            walk.add(
                DifferenceKind.CHECKPOINT, f"The checkpoint over {stated} leaves doesn't hold: {error.message}", stated
            )
            continue
        if (signed.size, signed.root) != (stated, bytes(root)):
            walk.add(
                DifferenceKind.CHECKPOINT, f"The checkpoint over {stated} leaves is kept beside another text.", stated
            )
        yield signed


@dataclass
class _Walk:
    """``torn``: from here on no root can fit, and reporting each would add nothing.

    ``complete_at``: for each ``since`` of a source, the last seal that left nothing of such sources out. ``stated``:
    what stands beside our next checkpoints, by size: their time, and whether they left nothing out. ``ahead``: rows
    since the last seal that may turn out to be later than the next. ``behind``: rows since then that are older than the
    last complete seal; after a clock was set back, so is their own.
    """

    by: Signing
    size: int
    found: list[Difference] = field(default_factory=list)
    frontier: Frontier = field(default_factory=Frontier)
    torn: bool = False
    good: int = 0
    complete_at: dict[int, datetime] = field(default_factory=dict)
    stated: dict[int, tuple[datetime, bool]] = field(default_factory=dict)
    ahead: list[tuple[int, SealedRow, datetime]] = field(default_factory=list)
    behind: list[tuple[int, SealedRow, datetime]] = field(default_factory=list)
    sealed_at: datetime | None = None

    def add(
        self,
        kind: DifferenceKind,
        message: str,
        index: int | None = None,
        source: str | None = None,
        row_id: int | None = None,
    ) -> None:
        if len(self.found) <= MOST:
            self.found.append(Difference(kind, message, index, source, row_id))

    def along(self, marks: Iterator[LogCheckpoint]) -> None:
        """From the first leaf to the last that is covered, past every checkpoint."""
        mark = next(marks, None)
        for begin in range(0, self.size, CHUNK):
            for index, row in self._chunk(begin, min(begin + CHUNK, self.size)):
                while mark is not None and mark.size <= index:
                    self._pass(mark)
                    mark = next(marks, None)
                stated = self.stated.pop(index + 1, None)
                if row is not None:
                    self._look(index, row, stated)
        while mark is not None and mark.size <= self.size:
            self._pass(mark)
            mark = next(marks, None)

    def end(self, leaves: int, outside: Sequence[LogCheckpoint]) -> None:
        """What is beyond the newest checkpoint, or was before."""
        if leaves > self.size:
            message = f"The leaves from {self.size} to {leaves - 1} are under no checkpoint."
            self.add(DifferenceKind.LEAF, message, self.size)
        if ahead := [mark.size for mark in outside if mark.size > self.size]:
            message = f"A checkpoint covers {max(ahead)} leaves, but the log ends at {self.size}: it was rolled back."
            self.add(DifferenceKind.CUT_OFF, message, self.size)
        self._name_behind(None)
        self.found += watch.planted()
        there = arrivals.database_now()
        soon = there + LATE
        for source in sources.known():
            complete_at = self.complete_at.get(source.since)
            if complete_at is not None and not arrivals.is_ahead(complete_at, there):
                for row_id in rows.unsealed_before(source, complete_at - LATE, limit=MOST):
                    self._extra(source.name, row_id, None, BEFORE)
            for row_id in rows.unsealed_after(source, soon, limit=MOST):
                self._extra(source.name, row_id, None, AHEAD)
        for row_id in rows.unsealed_events(EVENTS, EventName.AUDIT_SEALED, limit=MOST):
            self._extra(EVENTS.name, row_id, None, NO_SEAL)

    def _chunk(self, begin: int, end: int) -> Iterator[tuple[int, SealedRow | None]]:
        """Each place of the log with the row that still makes its leaf; all else is a difference.

        A place is given before its leaf is appended, so that the frontier stands where a checkpoint may have been.
        """
        subtrees = store.nodes_between(begin, end)
        for place in comparison.places(begin, end):
            if place.difference is not None and len(self.found) <= MOST:
                self.found.append(place.difference)
            yield place.index, place.row
            if place.leaf is None:
                self.torn = True
            if not self.torn and place.leaf is not None:
                self.frontier, born = self.frontier.append(place.leaf)
                self._compare(store.inner(born), subtrees)

    def _compare(self, born: Sequence[Node], subtrees: dict[tuple[int, int], bytes]) -> None:
        for node in born:
            if subtrees.get((node.level, node.index)) != node.hash:
                message = f"The subtree at level {node.level}, place {node.index}, is not what its leaves make."
                self.add(DifferenceKind.SUBTREE, message, ((node.index + 1) << node.level) - 1)

    def _pass(self, mark: LogCheckpoint) -> None:
        if self.torn or mark.size != self.frontier.size:
            return
        if mark.root == self.frontier.root():
            self.good = mark.size
            return
        self.torn = True
        message = f"The leaves from {self.good} to {mark.size - 1} differ from those signed at {mark.size} leaves."
        self.add(DifferenceKind.ROOT, message, self.good)

    def _look(self, index: int, row: SealedRow, stated: tuple[datetime, bool] | None) -> None:
        """Whether the row came too late to be true; and whether it ends a seal as the checkpoint there says.
        ``stated``: what stands beside our checkpoint that ends with this leaf; None when there is none."""
        at = row.at()
        source = sources.find(row.source)
        complete_at = self.complete_at.get(source.since) if source else None
        if at is not None and complete_at is not None and at < complete_at - LATE:
            self.behind.append((index, row, complete_at))
        if at is not None and (self.sealed_at is None or at > self.sealed_at + LATE):
            self.ahead.append((index, row, at))
        if stated is not None:
            self._end_seal(index, row, at, stated)
        elif row.source == EVENTS.name and row.values.get("event") == EventName.AUDIT_SEALED:
            message = (
                f"Leaf {index} is the event of a seal without its checkpoint: that was removed, or the event put in."
            )
            self.add(DifferenceKind.CHECKPOINT, message, index, row.source, row.id)

    def _end_seal(self, index: int, row: SealedRow, at: datetime | None, stated: tuple[datetime, bool]) -> None:
        found = arrivals.contradiction(size=index + 1, at=stated[0], complete=stated[1], event=row)
        if found is not None and len(self.found) <= MOST:
            self.found.append(found)
        if at is None or row.source != EVENTS.name or row.values.get("event") != EventName.AUDIT_SEALED:
            return
        self._name_behind(at)
        for place, early, claimed in self.ahead:
            if claimed > at + LATE:
                self._extra(early.source, early.id, place, AHEAD)
        self.ahead, self.sealed_at = [], at
        context = row.values.get("context")
        if isinstance(context, dict) and context.get("complete") is True:
            self.complete_at |= dict.fromkeys(range(1, arrivals.known_sources(row) + 1), at)

    def _name_behind(self, at: datetime | None) -> None:
        """``at``: the time of the seal of these rows; None when they have none."""
        for place, late, complete_at in self.behind:
            if at is None or not arrivals.is_ahead(complete_at, at):
                self._extra(late.source, late.id, place, BEFORE)
        self.behind = []

    def _extra(self, source: str, row_id: int, index: int | None, what: str) -> None:
        self.add(DifferenceKind.EXTRA, f"{source} {row_id} {what}", index, source, row_id)
