"""Rows that wait to be sealed, and can't be what they call themselves.

The sealer signs what it finds, so anyone who can write rows could have a past or a future signed. It stops for three
kinds of rows (CF-32 of docs/reference/checkpoint-format.md):

* one that calls itself more than ``LATE`` older than a seal that left nothing out, though the transaction that wrote it
  began to write after that seal. A transaction that was open already at the seal is late, however long it takes. A
  seal of the future says nothing of rows: the clock was set back since.
* one that is more than ``LATE`` in the future, by the database's clock, until it is there: also after the clock was set
  back, rows from before wait, and then nothing is left of it;
* the event of a seal: the real one is never seen waiting, because it is sealed in the transaction that writes it.

``verification`` names the same rows, and those that are sealed; it can't ask who began when, since restoring a dump
makes all transactions new.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from handrail.audit import rows, store
from handrail.audit.differences import Difference, DifferenceKind
from handrail.audit.events import EventName
from handrail.audit.rows import SealedRow
from handrail.audit.sources import EVENTS, SOURCES, Source

# No honest clock is as wrong, and no transaction of Handrail lasts as long: it makes no outside call while one is open.
LATE = timedelta(hours=1)
CLOCK_TOLERANCE = LATE / 2
BEFORE = "calls itself older than a seal that left nothing out: it was put in afterwards, or a clock is wrong."
AHEAD = "calls itself later than it was there: it was put in, or a clock is wrong."
NO_SEAL = "says that the log was sealed, and no seal wrote it: it was put in."


@dataclass(frozen=True, slots=True)
class CompleteSeal:
    """The newest seal that left nothing out. ``sources``: up to which ``since`` it knew them."""

    size: int
    at: datetime
    sources: int


def untimely(waiting: Mapping[Source, Collection[int]]) -> Iterator[Difference]:
    """Those of the ``waiting`` ids, by source, that must not be sealed."""
    last = complete_seal()
    if last is not None and is_ahead(last.at, database_now()):
        last = None
    for source, ids in waiting.items():
        knows = last is not None and source.since <= last.sources
        late, ahead = rows.misdated(
            source, ids, before=last.at - LATE if last and knows else None, seal=last.size if last else 0, margin=LATE
        )
        yield from (_extra(source, row_id, BEFORE) for row_id in late)
        yield from (_extra(source, row_id, AHEAD) for row_id in ahead)
    for row in rows.read(EVENTS, waiting.get(EVENTS, ())):
        if row.values.get("event") == EventName.AUDIT_SEALED:
            yield _extra(EVENTS, row.id, NO_SEAL)


def is_lasting(difference: Difference) -> bool:
    """Whether time does not heal it."""
    return not difference.message.endswith(AHEAD)


def is_ahead(seal: datetime, at: datetime) -> bool:
    """Whether ``seal`` is later than ``at`` by more than clocks differ: the clock was set back in between, and what is
    written since calls itself older than the seal, honestly."""
    return seal > at + CLOCK_TOLERANCE


def complete_seal() -> CompleteSeal | None:
    """By its event, which is sealed; None before there is one, or where it is not to be had."""
    last = store.latest(complete=True)
    event = store.seal_event(last.size) if last else None
    at = event.at() if event else None
    if last is None or event is None or at is None:
        return None
    return CompleteSeal(last.size, at, known_sources(event))


def known_sources(event: SealedRow) -> int:
    """Up to which ``since`` a seal knew sources. Seals before there was a second say nothing of it."""
    context = event.values.get("context")
    stated = context.get("sources", 1) if isinstance(context, dict) else 1
    return min(stated, SOURCES) if isinstance(stated, int) else 1


def contradiction(*, size: int, at: datetime, complete: bool, event: SealedRow | None) -> Difference | None:
    """How a stored checkpoint differs from the event that its seal put last under it; ``event`` is the row there."""
    context = event.values.get("context") if event else None
    if event is None or event.values.get("event") != EventName.AUDIT_SEALED or not isinstance(context, dict):
        message = f"The checkpoint over {size} leaves doesn't end with the event of its seal."
    elif event.at() != at:
        message = f"The checkpoint over {size} leaves says that it is of {at.isoformat()}, its event of another time."
    elif (context.get("complete") is True) is not complete:
        left = "nothing was left out" if complete else "something was left out"
        message = f"The checkpoint over {size} leaves says that {left}, its event says the opposite."
    else:
        return None
    return Difference(DifferenceKind.CHECKPOINT, message, size)


def database_now() -> datetime:
    """The database's clock: one for all machines."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        at: datetime = cursor.fetchone()[0]
    return at


def _extra(source: Source, row_id: int, what: str) -> Difference:
    return Difference(DifferenceKind.EXTRA, f"{source.name} {row_id} {what}", None, source.name, row_id)
