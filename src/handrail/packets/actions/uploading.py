"""What people do for lanes that can't be asked: give a case's upload address, and say whether a package arrived."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import reason_of, refuse
from handrail.audit.events import EventName
from handrail.connectors import lane as lanes
from handrail.kernel.clock import now
from handrail.kernel.errors import Fault, Invalid
from handrail.kernel.secrets import Secret
from handrail.packets import leases, ledger, moves, permissions
from handrail.packets.ledger import NewDeliveryRow
from handrail.packets.models import GivenUploadAddress, Revision
from handrail.packets.rows import get_revision_row
from handrail.packets.states import DeliveryEventKind, RevisionState
from handrail.work.wake import wake

LONGEST = timedelta(days=30)


@sensitive_variables("address")
@transaction.atomic
def give_address(*, ref: str, revision: int, address: Secret, expires_at: datetime, by: Actor) -> None:
    """Keeps the upload address of the packet's case, encrypted. Its delivery goes on at once.

    Raises NotFound, Denied; Invalid for an address that the lane does not allow, or a wrong expiry; Conflict,
    see ``why_not_give_address``. Nothing quotes the address.
    """
    row = get_revision_row(by, ref, revision, Capability.PACKET_RELEASE)
    moves.lock(row.packet_id)
    row.refresh_from_db(fields=["state"])
    refuse(permissions.why_not_give_address(by, row))
    lane = lanes.get(row.packet.lane)
    assert isinstance(lane, lanes.TakesAddress)  # it was asked above
    if not now() < expires_at <= now() + LONGEST:
        said = "must be in the future, and at most 30 days away"
        raise Invalid(f"The expiry {said}.", faults=[Fault("expires_at", said)], code="upload-expiry")
    lane.check_address(address)
    GivenUploadAddress.objects.create(
        workspace_id=row.workspace_id,
        tenant_id=row.tenant_id,
        at=now(),
        packet=row.packet,
        address=address.reveal(),
        expires_at=expires_at,
        by=by.name,
        user_id=by.user_id,
    )
    moves.audit(EventName.PACKET_UPLOAD_ADDRESS_GIVEN, row, by, expires_at=expires_at.isoformat())
    if row.state == RevisionState.RELEASED:
        Revision.objects.filter(pk=row.pk, due_at__isnull=False).update(due_at=now())
        wake(leases.REVISIONS.name)


@transaction.atomic
def confirm(*, ref: str, revision: int, arrived: bool, reason: str, by: Actor) -> None:
    """Says whether a package arrived whose answer was lost, as the vendor told. If not, it is sent again.

    Raises NotFound, Denied, Invalid without a reason; Conflict, see ``why_not_confirm_arrival``; Stale.
    """
    row = get_revision_row(by, ref, revision, Capability.PACKET_RELEASE)
    said = reason_of(reason)
    moves.lock(row.packet_id)
    row.refresh_from_db(fields=["state"])
    refuse(permissions.why_not_confirm_arrival(by, row))
    known = ledger.rows_of(row.pk)
    detail = {
        "lane_state": "delivered" if arrived else "absent",
        "receipt": "",
        "package_digest": "",
        "said_by": by.name,
    }
    entry = NewDeliveryRow(DeliveryEventKind.RECEIPT if arrived else DeliveryEventKind.ABSENT, detail=detail)
    ledger.append(row, entry, worker=by.name, unless=lambda _, rows: len(rows) != len(known))
    Revision.objects.filter(pk=row.pk).update(due_at=now())
    manifest = row.assembly.manifest_digest
    moves.audit(EventName.PACKET_DELIVERY_SETTLED, row, by, manifest=manifest, arrived=arrived, reason=said)
    wake(leases.REVISIONS.name)
