"""The upload addresses of packets: which one may be used now. An address is used once, whatever came of it, unless
certainly nothing was sent."""

from __future__ import annotations

from handrail.access.fields import is_forgotten
from handrail.connectors.lane import ErrorKind, UploadAddress
from handrail.kernel.secrets import Secret
from handrail.packets.models import DeliveryEntry, GivenUploadAddress, Packet
from handrail.packets.states import RESULTS, DeliveryEventKind

# In the intent's detail: the number of the address that it uses.
NOTED = "upload_address"


def usable(packet: Packet) -> UploadAddress | None:
    """The newest one, unless it was used."""
    row = GivenUploadAddress.objects.filter(packet=packet).order_by("-pk").first()
    if row is None or is_forgotten(row.address) or _used(row):
        return None
    return UploadAddress(row.pk, Secret(row.address), row.expires_at)


def _used(row: GivenUploadAddress) -> bool:
    entries = DeliveryEntry.objects.filter(revision__packet_id=row.packet_id)
    intents = entries.filter(kind=DeliveryEventKind.INTENT, **{f"detail__{NOTED}": row.pk})
    results = {(one.revision_id, one.intent): one for one in entries.filter(kind__in=RESULTS)}
    return any(not _nothing_left(results.get((intent.revision_id, intent.sequence))) for intent in intents)


def _nothing_left(result: DeliveryEntry | None) -> bool:
    return (
        result is not None
        and result.kind == DeliveryEventKind.NOT_TAKEN
        and result.detail.get("trouble") == ErrorKind.NOT_SENT
    )
