"""How far a delivery is as one process sees it, and its one way to write: late, it writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from handrail.access.actor import Actor
from handrail.connectors.lane import Receipt
from handrail.kernel.clock import now
from handrail.packets import ledger
from handrail.packets.ledger import DeliveryLease, DeliveryRow, NewDeliveryRow
from handrail.packets.models import Revision
from handrail.packets.states import DeliveryEventKind
from handrail.packets.status import DeliveryStatus


@dataclass(frozen=True, slots=True)
class DeliveryPosition:
    """A released revision, how far its delivery is, this process's lease of it, and the actor that advances it."""

    revision: Revision
    status: DeliveryStatus
    lease: DeliveryLease
    by: Actor

    @property
    def digest(self) -> str:
        return str(self.revision.release.manifest_digest)

    def append(
        self,
        *rows: NewDeliveryRow,
        due_at: datetime | None,
        unless: Callable[[Revision, list[DeliveryRow]], bool] | None = None,
    ) -> DeliveryRow:
        """Adds ``rows`` if the ledger is as it was when they were decided on, or as ``unless`` says. Raises Stale.

        ``due_at`` is written only while the lease stands, and never over a recall that came meanwhile.
        """
        with transaction.atomic():
            written = ledger.append(self.revision, *rows, worker=self.by.name, unless=unless or self.has_moved)
            recalled = self.status.recall is None and any(row.kind is DeliveryEventKind.RECALL for row in written)
            self.lease.change(now() if recalled else due_at)
        return written[-1]

    def has_moved(self, _: Revision, rows: list[DeliveryRow]) -> bool:
        return (rows[-1] if rows else None) != self.status.last


def receipt_detail(receipt: Receipt) -> dict[str, str]:
    """What a row keeps of a receipt."""
    return {"lane_state": receipt.state, "receipt": receipt.reference, "package_digest": receipt.package_digest}
