"""One revision compared with another of its packet: with what the vendor holds, unless another is named."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.snapshot import snapshot
from handrail.kernel.errors import Conflict, NotFound
from handrail.packets import documents
from handrail.packets.assembly.compare import Comparison, Documents, compare
from handrail.packets.ledger import DeliveryRow
from handrail.packets.models import Assembly, DeliveryEntry, Revision
from handrail.packets.rows import get_revision_row
from handrail.packets.states import DeliveryEventKind, DeliveryState
from handrail.packets.status import fold


@dataclass(frozen=True, slots=True)
class ComparedWith:
    """The revision on the other side. ``delivered_at``, ``consumed_at``: from the ledger, where it was chosen because
    the vendor holds it."""

    number: int
    manifest_digest: str | None
    delivered_at: datetime | None
    consumed_at: datetime | None


@dataclass(frozen=True, slots=True)
class RevisionComparison:
    """``against`` None: the vendor holds nothing of this packet yet, so that all of it is added."""

    against: ComparedWith | None
    differences: Comparison


@snapshot()
def diff(
    actor: Actor, ref: str, number: int | None = None, against: int | None = None, *, previous: bool = False
) -> RevisionComparison:
    """What changes from what the vendor holds to revision ``number`` (the newest, unless named).

    ``against``: from this revision instead. ``previous``: from the last assembled one before. Raises NotFound, also
    where there is no such revision; Denied; Conflict while it is being assembled.
    """
    row = get_revision_row(actor, ref, number, Capability.PACKET_VIEW)
    if not hasattr(row, "assembly"):
        raise Conflict("This revision is being assembled, so there is nothing to compare yet.", code="assembling")
    if not previous:
        return compared(row, against)
    found = with_previous(row)
    if found is None:
        raise NotFound(f"The packet {ref} has no assembled revision before {row.number}.")
    return found


def compared(row: Revision, against: int | None = None) -> RevisionComparison:
    """An assembled revision compared with what the vendor holds, or with another of its packet. Raises NotFound."""
    if against is not None:
        return _against(row, _assembled(row, against), None)
    held = held_by_vendor(row)
    if held is None:
        return RevisionComparison(None, compare(Documents.nothing(), _documents(row.assembly)))
    number, entries = held
    return _against(row, _assembled(row, number), entries)


def with_previous(row: Revision) -> RevisionComparison | None:
    """An assembled revision compared with the last assembled one before it; None where there is none."""
    rows = Assembly.objects.select_related("revision").filter(revision__packet_id=row.packet_id)
    before = rows.filter(revision__number__lt=row.number).order_by("-revision__number").first()
    return _against(row, before, None) if before is not None else None


def held_by_vendor(row: Revision) -> tuple[int, list[DeliveryRow]] | None:
    """The last revision before ``row`` that the lane has taken and that was not withdrawn unopened, with its ledger."""
    by_revision: defaultdict[int, list[DeliveryRow]] = defaultdict(list)
    entries = DeliveryEntry.objects.filter(revision__packet_id=row.packet_id, revision__number__lt=row.number)
    for number, *of_row in entries.order_by("revision__number", "sequence").values_list(
        "revision__number", "sequence", "kind", "intent", "at", "worker", "deadline_at", "detail"
    ):
        sequence, kind, *rest = of_row
        by_revision[number].append(DeliveryRow(sequence, DeliveryEventKind(kind), *rest))
    for number in sorted(by_revision, reverse=True):
        status = fold(by_revision[number])
        if (status.receipt or status.consumed) and status.state is not DeliveryState.WITHDRAWN:
            return number, by_revision[number]
    return None


def _assembled(row: Revision, number: int) -> Assembly:
    rows = Assembly.objects.select_related("revision").filter(revision__packet_id=row.packet_id)
    found = rows.filter(revision__number=number).first()
    if found is None:
        raise NotFound(f"The packet {row.packet.ref} has no assembled revision {number}.")
    return found


def _against(row: Revision, before: Assembly, entries: list[DeliveryRow] | None) -> RevisionComparison:
    status = fold(entries) if entries is not None else None
    other = ComparedWith(
        number=before.revision.number,
        manifest_digest=before.manifest_digest,
        delivered_at=status.receipt.at if status and status.receipt else None,
        consumed_at=status.consumed.at if status and status.consumed else None,
    )
    return RevisionComparison(other, compare(_documents(before), _documents(row.assembly)))


def _documents(assembly: Assembly) -> Documents:
    return Documents(*map(documents.parsed, (assembly.packet, assembly.trace, assembly.holds)))
