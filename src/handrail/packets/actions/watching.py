"""Sources are read again until the vendor has opened what was delivered. A change that the profile calls consequential
supersedes it; one without consequence is noted; sources that can't be read are neither."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, transaction

from handrail.audit.events import EventName
from handrail.definitions.active import compiled_profile
from handrail.kernel.canonical import digest
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, HandrailError, NotFound, Stale
from handrail.packets import drift, ledger, moves, settings
from handrail.packets.drift import WatchedDrift
from handrail.packets.ledger import NewDeliveryRow
from handrail.packets.models import Revision
from handrail.packets.moves import Assembler
from handrail.packets.position import DeliveryPosition
from handrail.packets.states import DeliveryEventKind, RevisionReason, RevisionState

log = structlog.get_logger("handrail.packets")

# How long one worker has for a reading before another looks at the delivery.
READING = timedelta(minutes=2)
MOST_NOTED, FAILURE_LIMIT = 20, 300
_WATCHED_IN = (RevisionState.RELEASED, RevisionState.CONSUMED)


def is_due(revision: Revision) -> bool:
    """``watch_at`` of a consumed revision: the one reading that shows whether it was stale by then."""
    return revision.state in _WATCHED_IN and revision.watch_at is not None and revision.watch_at <= now()


def sooner(revision: Revision, until: datetime | None) -> datetime | None:
    """When a delivery is to be looked at, if that is ``until`` for its lane and it is watched as well."""
    if revision.watch_at is None:
        return until
    row = Revision.objects.filter(pk=revision.pk, state__in=_WATCHED_IN, watch_at__isnull=False)
    watch = row.values_list("watch_at", "assembly__expires_at").first()
    return until if watch is None else min(one for one in (until, *watch) if one is not None)


def look(position: DeliveryPosition) -> None:
    """One reading of all sources, and what follows. Raises Stale where another worker has it by now."""
    revision = position.revision
    if not position.lease.change(now() + READING, failure=revision.failure):
        raise Stale
    try:
        found = drift.watched(revision)
    except (OperationalError, InterfaceError):
        raise
    except HandrailError as error:
        _unread(position, error.message)
    except Exception as error:
        log.exception("sources can't be compared", packet=revision.packet.ref, revision=revision.number)
        _unread(position, f"Handrail failed ({type(error).__name__}); see its log.")
    else:
        if revision.state == RevisionState.CONSUMED:
            _looked(position, found)
        elif found.consequential:
            _supersede(position, found)
        else:
            _note(position, found)


@transaction.atomic
def _supersede(position: DeliveryPosition, found: WatchedDrift) -> None:
    """Another revision follows, and what lies in the lane is taken back: the ledger's one recall does both once."""
    revision = position.revision
    moves.lock(revision.packet_id)
    revision.refresh_from_db(fields=["state"])
    if revision.state == RevisionState.RELEASED:
        _follow(position, found)
    elif revision.state == RevisionState.CONSUMED:
        _set(revision, watch_at=now())


def _follow(position: DeliveryPosition, found: WatchedDrift) -> None:
    """Without a definition to go by, it is withdrawn all the same."""
    revision = position.revision
    detail = [one.document() for one in found.consequential]
    try:
        with transaction.atomic():
            moves.begin(
                revision.packet,
                drift.replacing(revision),
                RevisionReason.DRIFT,
                assembler=Assembler.before(revision),
                by=position.by,
                detail=detail,
            )
    except (Conflict, NotFound) as error:
        revision.refresh_from_db(fields=["state"])
        if revision.state == RevisionState.RELEASED:
            moves.end(
                revision, RevisionState.WITHDRAWN, RevisionReason.DRIFT, by=position.by, reason=error.message[:500]
            )
        else:
            moves.recall(revision, position.by, "Its sources have changed.", moves.RECALLS[RevisionReason.DRIFT])


@transaction.atomic
def _looked(position: DeliveryPosition, found: WatchedDrift) -> None:
    """The reading after the vendor opened it. It was stale by then, unless a source itself says that it changed later:
    then nothing follows, because what was opened is watched no more."""
    revision = position.revision
    moves.lock(revision.packet_id)
    opened = revision.consumed_at or now()
    stale = bool(found.consequential) and not all(at is not None and at > opened for at in _times(found))
    detail = {"stale": stale, "changed": [one.where for one in found.consequential]}
    position.append(NewDeliveryRow(DeliveryEventKind.LOOKED, detail=detail), due_at=now())
    _set(revision, watch_at=None, watch_failure=None)
    if not stale:
        return
    moves.audit(EventName.PACKET_CONSUMED_STALE, revision, position.by, manifest=position.digest)
    newest = moves.newest(revision.packet)
    if newest is not None and newest.pk == revision.pk:
        _follow(position, found)


def _times(found: WatchedDrift) -> tuple[datetime | None, ...]:
    return found.changed_at or (None,)


@transaction.atomic
def _note(position: DeliveryPosition, found: WatchedDrift) -> None:
    revision, at = position.revision, now()
    watch = compiled_profile(revision.definition).spec.watch
    every = timedelta(seconds=watch.every) if watch is not None else READING
    rows = [NewDeliveryRow(DeliveryEventKind.WATCHED)] if _is_unwatched(revision) else []
    noted = [row for row in ledger.rows_of(revision.pk) if row.kind is DeliveryEventKind.DRIFT_NOTED]
    one = digest(list(found.noted))
    if found.noted and len(noted) < MOST_NOTED and one not in {row.detail["digest"] for row in noted}:
        rows.append(NewDeliveryRow(DeliveryEventKind.DRIFT_NOTED, detail={"changed": list(found.noted), "digest": one}))
    if rows:
        position.append(*rows, due_at=position.lease.due_at)
    _set(revision, watched_at=at, watch_at=at + every, watch_failure=None)


@transaction.atomic
def _unread(position: DeliveryPosition, why: str) -> None:
    """Tried again, later each time; people are notified once it can't be read for long. Of what was opened meanwhile
    nobody knows then whether it was stale."""
    revision, at, configured = position.revision, now(), settings.current()
    watch = compiled_profile(revision.definition).spec.watch
    bound = timedelta(seconds=watch.unread_for) if watch is not None else READING
    consumed = revision.state == RevisionState.CONSUMED
    since = (revision.consumed_at if consumed else revision.watched_at) or revision.released_at or at
    again = at + min(max(at - since, configured.retry_first), configured.retry_ceiling)
    over = consumed and at - since >= bound
    if over:
        row = NewDeliveryRow(DeliveryEventKind.LOOKED, detail={"stale": None, "why": why[:FAILURE_LIMIT]})
        position.append(row, due_at=at)
    elif at - since >= bound and not _is_unwatched(revision):
        row = NewDeliveryRow(DeliveryEventKind.UNWATCHED, detail={"why": why[:FAILURE_LIMIT]})
        position.append(row, due_at=at)
        moves.audit(EventName.PACKET_UNWATCHED, revision, position.by)
    _set(revision, watch_at=None if over else again, watch_failure=why[:FAILURE_LIMIT])


def _set(revision: Revision, **times: datetime | str | None) -> None:
    """Only while it stands as it was read: another reading, or its end, sets its own."""
    rows = Revision.objects.filter(pk=revision.pk, state__in=_WATCHED_IN, watch_at=revision.watch_at)
    rows.update(**times)


def _is_unwatched(revision: Revision) -> bool:
    kinds = (DeliveryEventKind.UNWATCHED, DeliveryEventKind.WATCHED)
    rows = [row.kind for row in ledger.rows_of(revision.pk) if row.kind in kinds]
    return bool(rows) and rows[-1] is DeliveryEventKind.UNWATCHED
