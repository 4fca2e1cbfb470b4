"""Sealing: every recorded row gets exactly one leaf, and every growth of the log a signed checkpoint.

Rows become visible out of order: a transaction may draw id 7, another draw 8 and commit, and 7 be committed later.
So the sealer does not go by "everything above the last id": it takes the rows that have no leaf yet, whatever their
id, and the unique constraint on (source, row) holds it to once. Looking through a whole table for them costs time
that grows with it, so an ordinary pass looks only ``LOOK_BACK`` ids behind the newest sealed row, and every
``WHOLE_SECONDS`` a pass looks everywhere: a row that was committed very late is sealed then. Until a row is sealed,
nothing proves it; ``verify`` says how many there are.

One sealer works at a time: a transaction-level advisory lock makes the second wait, and then see what the first did.

The last leaf of every seal is its own ``audit.sealed`` event. So the time of a seal, and whether it left anything
out, are under the signature too: a row that turns up later and calls itself older than a complete seal was put in.

Nothing is signed before ``watch.inspect`` has compared the log with what this machine signed last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.core.exceptions import ObjectDoesNotExist
from django.db import connection, transaction
from django.db.models import Max

from handrail.audit import arrivals, rows, signing, sources, store, watch
from handrail.audit.checkpoint import LogCheckpoint
from handrail.audit.differences import Difference, DifferenceKind
from handrail.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from handrail.audit.rows import SealedRow
from handrail.audit.sources import EVENTS, Source
from handrail.kernel.clock import now

BATCH = 2000
LOOK_BACK = 100_000
WHOLE_SECONDS = 600
LOWEST = -(2**63)
REMOVE = "Remove it first, as the owner of the tables: docs/guides/audit.md#remove-what-was-put-in"
LOCK = 0x48524C_53454C  # "HRL SEL": any number that nothing else in the database takes


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """``rows`` were added, the log's own event included. ``more``: the batch was full, so call again."""

    size: int
    rows: int
    more: bool
    at: datetime
    checkpoint: str


Announce = Callable[[int, bool], AuditEvent]
"""Records the seal of so many rows, complete or not."""


@transaction.atomic
def seal_batch(announce: Announce, *, whole: bool | None, accepting: bool = False) -> SealedBatch | None:
    """Seals up to ``BATCH`` rows and signs the new state; None when nothing was waiting.

    ``whole`` None looks everywhere only when the last complete seal is ``WHOLE_SECONDS`` ago. ``accepting``: a person
    has accepted the log as it is, so that only guards are looked at. Raises ``watch.SealRefused``, and then has written
    nothing.
    """
    lock()
    if accepting:
        watch.guarded()
    else:
        watch.inspect()
    everywhere = _due() if whole is None else whole
    waiting = _waiting(everywhere=everywhere)
    found = sum(map(len, waiting.values()))
    if not found:
        watch.catch_up()
        return None
    if accepting and (found_there := next(watch.planted(), None)):
        raise watch.SealRefused(replace(found_there, message=f"{found_there.message} {REMOVE}"), lasting=True)
    for difference in () if accepting else sorted(arrivals.untimely(waiting), key=arrivals.is_lasting, reverse=True):
        raise watch.SealRefused(difference, lasting=arrivals.is_lasting(difference))
    complete = everywhere and found < BATCH
    event = announce(found, complete)
    taken = [row for source, ids in waiting.items() for row in rows.read(source, ids)]
    own = list(rows.read(EVENTS, [event.pk]))
    return _sign([*taken, *own], at=event.at, complete=complete, more=found == BATCH)


def lock() -> None:
    """Until the end of the transaction no other sealer signs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _due() -> bool:
    """A seal of the future is none that one could wait for."""
    last = store.latest(complete=True)
    return last is None or not now() - timedelta(seconds=WHOLE_SECONDS) <= last.at <= now()


def _waiting(*, everywhere: bool) -> dict[Source, list[int]]:
    """The rows to seal now, by source; ``BATCH`` in all at most."""
    waiting: dict[Source, list[int]] = {}
    room = BATCH
    for source in sources.known():
        above = LOWEST if everywhere else _newest(source) - LOOK_BACK
        ids = rows.unsealed(source, above=above, limit=room) if room else []
        if ids:
            waiting[source] = ids
            room -= len(ids)
    return waiting


def count_waiting() -> int:
    """Rows without a leaf among the newest ids, ``BATCH`` at most: what an ordinary pass would find."""
    return sum(map(len, _waiting(everywhere=False).values()))


def untimely() -> list[Difference]:
    """What waits, and the next seal would stop at."""
    return list(arrivals.untimely(_waiting(everywhere=False)))


def _newest(source: Source) -> int:
    newest = AuditLeaf.objects.filter(source=source.name).aggregate(newest=Max("row_id"))["newest"]
    return int(newest or 0)


def _sign(taken: list[SealedRow], *, at: datetime, complete: bool, more: bool) -> SealedBatch:
    try:
        grown = store.append(taken)
        by = signing.get()
        text = by.sign(LogCheckpoint(by.origin, grown.size, grown.root()), timestamp=int(at.timestamp()))
        signed = AuditCheckpoint(size=grown.size, root=grown.root(), text=text, at=at, complete=complete)
        store.keep_checkpoint(signed)
    except ObjectDoesNotExist:
        message = "Leaves or subtrees of the log are missing, so it can't grow. Restore a backup."
        raise watch.SealRefused(Difference(DifferenceKind.SUBTREE, message), lasting=True) from None
    except store.NotKept as lost:
        raise watch.SealRefused(lost.difference, lasting=True) from None
    transaction.on_commit(lambda: watch.remember(text))
    return SealedBatch(grown.size, len(taken), more, at, text)
