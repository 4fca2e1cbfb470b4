"""Whether the log in the database extends what this machine has signed, and whether it may be signed further.

``inspect`` is what stands between a changed log and a signature that would make it look right. It compares the log
with the high-water mark (``mark``), the newest checkpoint with the key and the leaves, a window of sealed rows with
their leaves, and the tables with their guards (``guards``). What it finds of the first three is evidence that somebody
changed the log: the sealer stops on this machine until a person has looked (CF-39 of
docs/reference/checkpoint-format.md). A guard that is missing only keeps it from sealing meanwhile.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import structlog
from django.core.exceptions import ObjectDoesNotExist

from handrail.audit import arrivals, checkpoint, comparison, guards, mark, signing, store
from handrail.audit.checkpoint import LogCheckpoint
from handrail.audit.differences import Difference, DifferenceKind
from handrail.audit.signing import Signing
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Invalid, Misconfigured

WINDOW = 1000
log = structlog.get_logger("handrail.audit")


class MarkStatus(StrEnum):
    NONE = "none"
    CURRENT = "current"
    BEHIND = "behind"
    AHEAD = "ahead"
    DIFFERS = "differs"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class MarkReport:
    """How the mark of this machine relates to the log. ``root`` is base64. ``good``: the log extends it, or none is
    there to extend."""

    status: MarkStatus
    message: str
    size: int | None = None
    root: str | None = None

    @property
    def good(self) -> bool:
        return self.status in (MarkStatus.NONE, MarkStatus.CURRENT, MarkStatus.BEHIND)


class SealRefused(Conflict):
    """The log may not be signed further. ``lasting``: it is evidence of a change, not only a missing guard."""

    code = "seal-refused"

    def __init__(self, difference: Difference, *, lasting: bool) -> None:
        super().__init__(f"Nothing was sealed. {difference.message}")
        self.difference = difference
        self.lasting = lasting


def report(by: Signing) -> MarkReport:
    """The mark compared with the log by sizes and roots; it does not walk the log."""
    try:
        text = mark.get().read()
    except Misconfigured as error:
        return MarkReport(MarkStatus.UNREADABLE, error.message)
    if text is None:
        return MarkReport(
            MarkStatus.NONE, "This machine keeps no high-water mark: it has sealed nothing yet, or lost it."
        )
    try:
        kept = checkpoint.verify(text, origin=by.origin, keys=by.accepted())
    except Invalid as error:
        message = f"The high-water mark of this machine does not belong to this log: {error.message}"
        return MarkReport(MarkStatus.FOREIGN, message)
    status, message = _relation(kept)
    return MarkReport(status, message, kept.size, base64.b64encode(kept.root).decode())


def known(by: Signing) -> list[LogCheckpoint]:
    """The mark and the sizes and roots before it, for a walk along the log; none if they can't be read."""
    try:
        text, state = mark.get().read(), mark.get().state()
        kept = [checkpoint.verify(text, origin=by.origin, keys=by.accepted())] if text is not None else []
    except (Invalid, Misconfigured):
        return []
    earlier = [LogCheckpoint(by.origin, size, base64.b64decode(root)) for size, root in state.earlier]
    return [*(one for one in earlier if kept and one.size < kept[0].size), *kept]


def open_findings() -> list[Difference]:
    """What the next seal would stop at of checkpoints and subtrees; it compares no rows."""
    try:
        rows_from = mark.get().state().rows_from
    except Misconfigured:
        rows_from = 0
    return [*_newest(signing.get()), *_seals(rows_from), *planted()]


def stopped() -> str | None:
    """Why this machine seals nothing any more; None while it does."""
    try:
        why = mark.get().state().stopped
    except Misconfigured as error:
        return error.message
    return f"Since {why.at}: {why.message}" if why else None


def inspect() -> None:
    """Under the sealers' lock, before anything is signed. Raises SealRefused with the first thing that is wrong, and
    Misconfigured when the mark can't be read."""
    state = mark.get().state()
    if state.stopped is not None:
        raise SealRefused(Difference(DifferenceKind.MARK, state.stopped.message), lasting=True)
    for difference in _evidence(state.rows_from):
        raise SealRefused(difference, lasting=True)
    guarded()


def guarded() -> None:
    """Raises SealRefused while a table of the log is without a guard, or this machine's clock is not to be trusted."""
    for difference in (*guards.differences(), *_clock()):
        raise SealRefused(difference, lasting=False)


def _clock() -> Iterator[Difference]:
    """What this machine signs with a time ahead of all others makes their next rows look too old."""
    apart = now() - arrivals.database_now()
    if abs(apart) > arrivals.CLOCK_TOLERANCE:
        minutes, side = round(abs(apart) / timedelta(minutes=1)), "ahead of" if apart > timedelta(0) else "behind"
        message = f"The clock of this machine is {minutes} minutes {side} the database's. Synchronise both with NTP."
        yield Difference(DifferenceKind.GUARD, message)


def remember(text: str) -> None:
    """Keeps a checkpoint that was committed as the mark, and says so in the process's log. A mark that can't be written
    is an error in that log; the seal stands."""
    signed = checkpoint.parse(text).checkpoint
    log.info("sealed", size=signed.size, root=base64.b64encode(signed.root).decode())
    try:
        mark.get().advance(text, size=signed.size, root=signed.root)
    except Misconfigured as error:
        log.error("the high-water mark was not kept", reason=error.message)  # noqa: TRY400 - the message says it all


def catch_up() -> None:
    """Makes the newest checkpoint the mark where another machine has sealed since, after ``inspect`` let it pass."""
    last = store.latest()
    if last is not None and mark.get().read() != last.text:
        remember(last.text)


def _evidence(rows_from: int) -> Iterator[Difference]:
    by = signing.get()
    found = report(by)
    if found.status is MarkStatus.UNREADABLE:
        raise Misconfigured(found.message, code="audit-mark")
    if not found.good:
        yield Difference(DifferenceKind.MARK, found.message, found.size)
    yield from _newest(by)
    yield from _seals(rows_from)
    yield from planted()
    yield from _rows(rows_from)


def _relation(kept: LogCheckpoint) -> tuple[MarkStatus, str]:
    leaves, last = store.size(), store.latest()
    size = min(leaves, last.size if last else 0)
    if size < kept.size:
        cut = "it was cut or reset to an earlier state"
        message = f"This machine signed {kept.size} leaves, but the log ends at {size}: {cut}."
        return MarkStatus.AHEAD, message
    try:
        same = store.frontier(kept.size).root() == kept.root
    except ObjectDoesNotExist:
        same = False
    if not same:
        message = f"The first {kept.size} leaves are not those that this machine signed: the log was rewritten."
        return MarkStatus.DIFFERS, message
    if size > kept.size:
        return MarkStatus.BEHIND, f"The log extends the mark at {kept.size} leaves, and has {size}."
    return MarkStatus.CURRENT, f"The log is as this machine signed it, at {size} leaves."


def _newest(by: Signing) -> Iterator[Difference]:
    """Whether the newest checkpoint is ours and covers exactly the leaves: both are written in one transaction."""
    leaves, last = store.size(), store.latest()
    if last is None:
        if leaves:
            yield Difference(DifferenceKind.LEAF, f"The leaves from 0 to {leaves - 1} are under no checkpoint.", 0)
        return
    try:
        signed = checkpoint.verify(last.text, origin=by.origin, keys=by.accepted())
    except Invalid as error:
        message = f"The checkpoint over {last.size} leaves doesn't hold: {error.message}"
        yield Difference(DifferenceKind.CHECKPOINT, message, last.size)
        return
    if (signed.size, signed.root) != (last.size, bytes(last.root)):
        message = f"The checkpoint over {last.size} leaves is kept beside another text."
        yield Difference(DifferenceKind.CHECKPOINT, message, last.size)
    if leaves > last.size:
        message = f"The leaves from {last.size} to {leaves - 1} are under no checkpoint."
        yield Difference(DifferenceKind.LEAF, message, last.size)
    elif leaves < last.size:
        message = f"A checkpoint covers {last.size} leaves, but the log ends at {leaves}: leaves were removed."
        yield Difference(DifferenceKind.CUT_OFF, message, leaves)
    elif not _makes(signed):
        yield Difference(DifferenceKind.ROOT, f"The leaves differ from those signed at {leaves} leaves.", leaves)


def _seals(rows_from: int) -> Iterator[Difference]:
    """Whether what is stored beside the signed texts, and is read by the next seal, is what their events say."""
    stored = {one.size: one for one in (store.latest(), store.latest(complete=True)) if one and one.size > rows_from}
    for size, one in sorted(stored.items(), reverse=True):
        found = arrivals.contradiction(size=size, at=one.at, complete=one.complete, event=store.seal_event(size))
        if found is not None:
            yield found


def planted() -> Iterator[Difference]:
    """A subtree that was put in before its leaves, where the next seal would have to write."""
    if found := store.beyond_the_end():
        level, place = found
        message = f"The subtree at level {level}, place {place}, is over leaves that are not there: it was put in."
        yield Difference(DifferenceKind.SUBTREE, message, ((place + 1) << level) - 1)


def _makes(signed: LogCheckpoint) -> bool:
    try:
        return store.frontier(signed.size).root() == signed.root
    except ObjectDoesNotExist:
        return False


class _Cursor:
    """Where this process compares rows next. Each seal looks at one window, and so in time at all."""

    at = 0


def _rows(rows_from: int) -> Iterator[Difference]:
    size = store.size()
    begin = _Cursor.at if rows_from <= _Cursor.at < size else rows_from
    end = min(begin + WINDOW, size)
    for place in comparison.places(begin, end):
        if place.difference is not None:
            yield place.difference
    _Cursor.at = end if end < size else 0


def without_mark() -> str | None:
    """What the event of a seal says when this machine had no mark to compare the log with: a new machine, or a mark
    that was deleted. None otherwise."""
    return "none" if store.size() and report(signing.get()).status is MarkStatus.NONE else None


def log_size() -> int:
    """The leaves under the newest checkpoint."""
    last = store.latest()
    return last.size if last else 0
