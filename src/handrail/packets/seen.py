"""What there is to see of a revision before it is approved, and who has seen what of it: each thing by its digest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from handrail.access.actor import Actor
from handrail.audit.events import EventName
from handrail.kernel.clock import now
from handrail.packets import documents, moves
from handrail.packets.models import Assembly, Revision, SeenMark


@dataclass(frozen=True, slots=True)
class SeenThing:
    """One file of the manifest. ``others``: how many other people have seen it under this digest."""

    path: str
    digest: str
    by_you: bool
    others: int


def things(assembly: Assembly) -> dict[str, str]:
    """Path to digest of all that the manifest of a revision binds, so of all that leaves with it. Empty without one."""
    manifest = documents.manifest_of(assembly)
    return {one.path: one.digest for one in manifest.contents} if manifest is not None else {}


def view(actor: Actor, revision: Revision) -> tuple[SeenThing, ...]:
    """What there is to see of an assembled revision, in the order in which it leaves."""
    wanted = things(revision.assembly)
    people: defaultdict[str, set[int]] = defaultdict(set)
    rows = SeenMark.objects.filter(packet_id=revision.packet_id, digest__in=set(wanted.values()))
    for digest, user_id in rows.values_list("digest", "user_id"):
        people[digest].add(user_id)
    you = {actor.user_id}
    return tuple(
        SeenThing(path, digest, actor.user_id in people[digest], len(people[digest] - you))
        for path, digest in wanted.items()
    )


def unseen(actor: Actor, revision: Revision, named: Collection[str]) -> dict[str, str]:
    """Path to digest of what the actor has neither marked as seen, in any revision of the packet, nor ``named`` now."""
    wanted = things(revision.assembly)
    rows = SeenMark.objects.filter(packet_id=revision.packet_id, user_id=actor.user_id or 0)
    known = {*named, *rows.values_list("digest", flat=True)}
    return {path: digest for path, digest in wanted.items() if digest not in known}


def keep(actor: Actor, revision: Revision, named: Collection[str]) -> int:
    """Keeps that the actor has seen what of the revision has one of these digests, each once; how many were new."""
    fresh = {d: path for path, d in unseen(actor, revision, ()).items() if d in named}
    assert actor.user_id is not None  # refused before
    SeenMark.objects.bulk_create(
        [
            SeenMark(
                workspace_id=revision.workspace_id,
                tenant_id=revision.tenant_id,
                at=now(),
                packet_id=revision.packet_id,
                revision=revision,
                path=path,
                digest=digest,
                user_id=actor.user_id,
                by=actor.name,
            )
            for digest, path in fresh.items()
        ]
    )
    if fresh:
        moves.audit(EventName.PACKET_SEEN, revision, actor, things=len(fresh))
    return len(fresh)
