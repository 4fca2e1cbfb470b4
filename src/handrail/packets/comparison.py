"""One revision beside another of its packet: what moved, from the documents alone."""

from __future__ import annotations

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.kernel.errors import Conflict, NotFound
from handrail.packets import documents
from handrail.packets.assembly.compare import Comparison, Documents, compare
from handrail.packets.models import Assembly
from handrail.packets.rows import get_revision_row


def diff(actor: Actor, ref: str, number: int | None = None, against: int | None = None) -> Comparison | None:
    """What moved from revision ``against`` (the last assembled one before, unless named) to ``number`` (the newest).

    None where there is no earlier one. Raises NotFound, Denied; Conflict while it is being assembled.
    """
    row = get_revision_row(actor, ref, number, Capability.PACKET_VIEW)
    if not hasattr(row, "assembly"):
        raise Conflict("This revision is being assembled, so there is nothing to compare yet.", code="assembling")
    earlier = Assembly.objects.filter(revision__packet_id=row.packet_id, revision__number__lt=row.number)
    if against is not None:
        earlier = Assembly.objects.filter(revision__packet_id=row.packet_id, revision__number=against)
    before = earlier.order_by("-revision__number").first()
    if before is None:
        if against is not None:
            raise NotFound(f"The packet {ref} has no assembled revision {against}.")
        return None
    return compare(_documents(before), _documents(row.assembly))


def _documents(assembly: Assembly) -> Documents:
    return Documents(*map(documents.parsed, (assembly.packet, assembly.trace, assembly.holds)))
