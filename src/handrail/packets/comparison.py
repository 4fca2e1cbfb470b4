"""One revision compared with another of its packet, by their documents alone."""

from __future__ import annotations

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.snapshot import snapshot
from handrail.kernel.errors import Conflict, NotFound
from handrail.packets import documents
from handrail.packets.assembly.compare import Comparison, Documents, compare
from handrail.packets.models import Assembly, Revision
from handrail.packets.rows import get_revision_row


@snapshot()
def diff(actor: Actor, ref: str, number: int | None = None, against: int | None = None) -> Comparison | None:
    """What changed from revision ``against`` (the last assembled one before, unless named) to ``number`` (the newest).

    None where there is no earlier one. Raises NotFound, Denied; Conflict while it is being assembled.
    """
    row = get_revision_row(actor, ref, number, Capability.PACKET_VIEW)
    if not hasattr(row, "assembly"):
        raise Conflict("This revision is being assembled, so there is nothing to compare yet.", code="assembling")
    found = with_earlier(row, against)
    if found is None and against is not None:
        raise NotFound(f"The packet {ref} has no assembled revision {against}.")
    return found


def with_earlier(row: Revision, against: int | None = None) -> Comparison | None:
    """An assembled revision compared with an earlier one; None where there is none to compare with."""
    assembled = Assembly.objects.filter(revision__packet_id=row.packet_id)
    named = {"revision__number__lt": row.number} if against is None else {"revision__number": against}
    before = assembled.filter(**named).order_by("-revision__number").first()
    return compare(_documents(before), _documents(row.assembly)) if before is not None else None


def _documents(assembly: Assembly) -> Documents:
    return Documents(*map(documents.parsed, (assembly.packet, assembly.trace, assembly.holds)))
