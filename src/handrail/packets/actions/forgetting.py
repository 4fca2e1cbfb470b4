"""Forgets what of packets their profiles keep no longer: by a duty of workers, a packet at a time."""

from __future__ import annotations

from itertools import islice

import structlog
from django.db import transaction

from handrail.access import guards, holds, subjects
from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.subjects import ForgetReason, KeyKind
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.clock import now
from handrail.kernel.errors import HandrailError
from handrail.kernel.scope import entered
from handrail.packets import annexes, moves, retention
from handrail.packets.models import AnnexRow, DeliveryEntry, Forgetting, Packet, PictureRedaction
from handrail.packets.states import DeliveryEventKind

log = structlog.get_logger("handrail.packets")
AT_ONCE = 100
WORDS = {KeyKind.ANNEX: "annexes", KeyKind.VALUES: "values"}


def forget_due(*, name: str, limit: int = AT_ONCE) -> int:
    """Forgets what is due in every workspace, as the worker ``name``, so many parts of packets at most in each.

    Returns how many. What can't be forgotten now, because the store of keys is away, is due again.
    """
    forgotten = 0
    for workspace in access.workspace_ids():
        by = access.worker(name, workspace)
        with entered(by.scope):
            for packet_id, kind in list(islice(retention.due(now(), limit=limit), limit)):
                forgotten += forget(packet_id=packet_id, kind=kind, by=by)
    return forgotten


def forget(*, packet_id: int, kind: KeyKind, by: Actor) -> bool:
    """Destroys the keys of one kind of a packet, takes away the blobs that nobody can read any more, and records it.
    False where it is not due any more, its tenant is under a legal hold, or blobs could not be removed now.

    Each goes before what follows it. A worker that is killed, or a store of blobs that is away, leaves the rest to the
    next time: the packet is due until it is recorded. Raises SubjectKeysUnavailable.
    """
    if (packet := _destroy(packet_id, kind)) is None:
        return False
    try:
        if kind is KeyKind.ANNEX:
            annexes.remove(packet, _digests(packet))
    except HandrailError as error:
        log.warning("forgotten annexes could not be removed", packet=packet.ref, error=error.code)
        return False
    return _recorded(packet_id, kind, by)


@transaction.atomic
def _destroy(packet_id: int, kind: KeyKind) -> Packet | None:
    packet = moves.lock(packet_id)
    guards.hold_tenant(packet.tenant_id)
    at = now()
    if holds.is_held(packet.tenant_id) or not retention.is_due(packet, kind, at):
        return None
    subjects.destroy(packet.tenant_id, record=packet.ref, kinds=[kind], reason=ForgetReason.RETENTION, at=at)
    return packet


@transaction.atomic
def _recorded(packet_id: int, kind: KeyKind, by: Actor) -> bool:
    """Once, whatever has become of the packet meanwhile: its key is gone."""
    packet = moves.lock(packet_id)
    if Forgetting.objects.filter(packet=packet, kind=kind).exists():
        return False
    if kind is KeyKind.VALUES:
        Packet.objects.filter(pk=packet.pk).update(terms=[])
    Forgetting.objects.create(
        workspace_id=packet.workspace_id,
        tenant_id=packet.tenant_id,
        at=now(),
        packet=packet,
        kind=kind,
        reason=ForgetReason.RETENTION,
    )
    record(
        EventName.PACKET_FORGOTTEN,
        by=by,
        workspace_id=packet.workspace_id,
        tenant_id=packet.tenant_id,
        subject_kind="packet",
        subject=packet.ref,
        what=WORDS[kind],
        reason=ForgetReason.RETENTION,
    )
    return True


def remove_annexes(tenant_id: int) -> int:
    """Takes away the encrypted annexes of a tenant, in the current scope, once their keys are destroyed. Returns how
    many. Raises BlobUnavailable."""
    return sum(annexes.remove(packet, _digests(packet)) for packet in Packet.objects.filter(tenant_id=tenant_id))


def _digests(packet: Packet) -> set[str]:
    cleared = AnnexRow.objects.filter(revision__packet=packet, cleared_digest__isnull=False)
    drawn = PictureRedaction.objects.filter(packet=packet).values_list("result_digest", flat=True)
    intents = DeliveryEntry.objects.filter(revision__packet=packet, kind=DeliveryEventKind.INTENT)
    sent = intents.filter(detail__has_key="sent_digest").values_list("detail__sent_digest", flat=True)
    return {*(str(digest) for digest in cleared.values_list("cleared_digest", flat=True)), *drawn, *map(str, sent)}
