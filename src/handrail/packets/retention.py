"""Which packets have something that their profile keeps no longer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from handrail.access.fields import MARK
from handrail.access.subjects import KeyKind
from handrail.definitions.active import compiled_profile
from handrail.definitions.models import Definition
from handrail.packets.models import Forgetting, Packet, Revision
from handrail.packets.states import REVISION, RevisionState

# What has ended for good: nothing of it moves any more, unless a person begins again.
OVER = (*REVISION.terminal, RevisionState.CONSUMED)


def due(at: datetime, *, limit: int) -> Iterator[tuple[int, KeyKind]]:
    """Packets in the current scope with what is to be forgotten of them, those that ended first before all others.

    By the profile of the newest revision: a later version of a profile says nothing about earlier packets.
    """
    used = Definition.objects.filter(Exists(Revision.objects.filter(definition=OuterRef("pk")))).order_by("pk")
    for definition in used:
        annexes, values = compiled_profile(definition).keep_seconds
        for seconds, kind in ((annexes, KeyKind.ANNEX), (values, KeyKind.VALUES)):
            if seconds is None:
                continue
            for packet_id in _ended(definition, kind, at - timedelta(seconds=seconds))[:limit]:
                yield packet_id, kind


def is_due(packet: Packet, kind: KeyKind, at: datetime) -> bool:
    """The same of one packet, asked again under its lock."""
    newest = Revision.objects.filter(packet=packet).select_related("definition").order_by("-number").first()
    if newest is None:
        return False
    annexes, values = compiled_profile(newest.definition).keep_seconds
    seconds = annexes if kind is KeyKind.ANNEX else values
    if seconds is None:
        return False
    return packet.pk in _ended(newest.definition, kind, at - timedelta(seconds=seconds)).filter(packet=packet)


def _ended(definition: Definition, kind: KeyKind, before: datetime) -> QuerySet[Revision, int]:
    rows = Revision.objects.filter(definition=definition, state__in=OVER, updated_at__lte=before, due_at=None)
    later = Revision.objects.filter(packet=OuterRef("packet"), number__gt=OuterRef("number"))
    moving = Revision.objects.filter(packet=OuterRef("packet"), due_at__isnull=False)
    done = Forgetting.objects.filter(packet=OuterRef("packet"), kind=kind)
    rows = rows.filter(~Exists(later), ~Exists(moving), ~Exists(done))
    # What is from before values and annexes were encrypted can't be forgotten, and nothing says that it was.
    rows = rows.filter(Q(packet__inputs__stored__has_key=MARK))
    return rows.order_by("updated_at", "pk").values_list("packet_id", flat=True)
