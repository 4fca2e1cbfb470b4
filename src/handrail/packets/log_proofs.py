"""What outsiders check an event, a packet or its approvals with, each from its leaf in the sealed log."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.access import evidence
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.snapshot import snapshot
from handrail.audit.queries import ProvenRow
from handrail.kernel.errors import Conflict
from handrail.packets.models import Release, Revision, Vote
from handrail.packets.rows import get_packet_row

EVENT, RELEASE, VOTE = "audit.event", "packets.release", "packets.vote"


@dataclass(frozen=True, slots=True)
class NamedProof:
    """``name`` is good for a file: ``event-1042``, ``release``, ``approval-1``. ``about`` says what it is, in words."""

    name: str
    about: str
    row: ProvenRow


def prove_event(actor: Actor, event: int) -> NamedProof:
    """Raises Denied, NotFound, Conflict while it is not sealed."""
    return NamedProof(f"event-{event}", f"Event {event}", evidence.prove(actor, EVENT, event))


@snapshot()
def prove_packet(actor: Actor, ref: str) -> list[NamedProof]:
    """The release of a packet and the votes that it was released with. Raises Denied, NotFound, and Conflict while it
    is not released or not sealed."""
    packet = get_packet_row(actor, ref, Capability.PACKET_VIEW)
    revision = Revision.objects.filter(packet=packet, release__isnull=False).order_by("-number").first()
    if revision is None:
        raise Conflict("This packet has not been released: there is nothing to prove yet.", code="not-released")
    release = Release.objects.get(revision=revision)
    votes = Vote.objects.filter(revision=revision).order_by("pk")
    found = [NamedProof("release", f"Release of {ref}", evidence.prove(actor, RELEASE, release.pk))]
    for number, vote in enumerate(votes, start=1):
        about = f"Vote of {vote.name} ({vote.kind})"
        found.append(NamedProof(f"approval-{number}", about, evidence.prove(actor, VOTE, vote.pk)))
    return found
