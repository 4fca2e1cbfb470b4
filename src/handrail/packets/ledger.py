"""Adds rows to a revision's delivery ledger, under the revision's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from handrail.kernel.clock import now
from handrail.kernel.errors import Stale
from handrail.packets.models import DeliveryEntry, Revision
from handrail.packets.states import DeliveryEventKind


@dataclass(frozen=True, slots=True)
class NewDeliveryRow:
    kind: DeliveryEventKind
    intent: int | None = None
    deadline_at: datetime | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    sequence: int
    kind: DeliveryEventKind
    intent: int | None
    at: datetime
    worker: str
    deadline_at: datetime | None
    detail: dict[str, Any]


def rows_of(revision_id: int) -> list[DeliveryRow]:
    """The whole ledger, in order."""
    return [
        DeliveryRow(e.sequence, DeliveryEventKind(e.kind), e.intent, e.at, e.worker, e.deadline_at, e.detail)
        for e in DeliveryEntry.objects.filter(revision_id=revision_id).order_by("sequence")
    ]


def rows_of_all(revisions: Iterable[int]) -> Iterator[tuple[int, DeliveryRow]]:
    """Every row of these ledgers with its revision, each ledger in order."""
    rows = DeliveryEntry.objects.filter(revision_id__in=list(revisions)).order_by("revision_id", "sequence")
    for e in rows.iterator(chunk_size=500):
        kind = DeliveryEventKind(e.kind)
        yield e.revision_id, DeliveryRow(e.sequence, kind, e.intent, e.at, e.worker, e.deadline_at, e.detail)


@dataclass(slots=True)
class DeliveryLease:
    """``due_at``: the one that this process claimed or wrote. While it stands in the row, no other process has claimed
    the delivery since, and no person has ordered anything."""

    revision_id: int
    due_at: datetime | None

    @property
    def stands(self) -> bool:
        return Revision.objects.filter(pk=self.revision_id, due_at=self.due_at).exists()

    def change(self, due_at: datetime | None, *, failure: str = "") -> bool:
        """When it is to be looked at next. False where another process or an order has set that meanwhile: it holds."""
        rows = Revision.objects.filter(pk=self.revision_id, due_at=self.due_at)
        if not rows.update(due_at=due_at, failure=failure):
            return False
        self.due_at = due_at
        return True


def append(
    revision: Revision,
    *rows: NewDeliveryRow,
    worker: str,
    unless: Callable[[Revision, list[DeliveryRow]], bool] | None = None,
) -> list[DeliveryRow]:
    """Adds ``rows`` behind the last one. Returns the whole ledger.

    ``unless`` gets the locked revision and its ledger; if it returns true nothing is added. Raises Stale then, and when
    somebody else added a row at the same moment.
    """
    with transaction.atomic():
        locked = Revision.objects.select_for_update(of=("self",)).select_related("packet").get(pk=revision.pk)
        known = rows_of(revision.pk)
        if unless is not None and unless(locked, known):
            raise Stale
        after = known[-1].sequence if known else 0
        new = [
            DeliveryEntry(
                workspace_id=revision.workspace_id,
                tenant_id=revision.tenant_id,
                revision=locked,
                at=now(),
                sequence=after + number,
                kind=row.kind,
                intent=row.intent,
                worker=worker,
                deadline_at=row.deadline_at,
                detail=row.detail,
            )
            for number, row in enumerate(rows, start=1)
        ]
        try:
            with transaction.atomic():
                DeliveryEntry.objects.bulk_create(new)
        except IntegrityError as error:
            raise Stale from error
    return known + [
        DeliveryRow(e.sequence, DeliveryEventKind(e.kind), e.intent, e.at, e.worker, e.deadline_at, e.detail)
        for e in new
    ]
