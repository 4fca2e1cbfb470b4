"""Legal holds: while one stands, nothing of its tenant is forgotten, neither by age nor by an erasure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from handrail.access import guards, proofs
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.models import Erasure, LegalHold, Tenant
from handrail.access.refusals import reason_of
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, NotFound
from handrail.kernel.ids import Prefix, new_ref

HELD = "A legal hold stands: nothing of this tenant is forgotten until two people have lifted it."
ANOTHER = "Another person has to do this: who asks can't confirm."


@dataclass(frozen=True, slots=True)
class HoldSummary:
    ref: str
    tenant: str
    at: datetime
    by: str
    reason: str
    lift_asked_at: datetime | None = None
    lift_asked_by: str | None = None
    lift_reason: str = ""
    lifted_at: datetime | None = None
    lifted_by: str | None = None


def is_held(tenant_id: int) -> bool:
    """Whether nothing of the tenant may be forgotten now: for whatever forgets, whether by age or because it was asked
    to."""
    return LegalHold.objects.filter(tenant_id=tenant_id, lifted_at=None).exists()


def held_of(tenant_ids: list[int]) -> frozenset[int]:
    """Which of these tenants are held."""
    rows = LegalHold.objects.filter(tenant_id__in=tenant_ids, lifted_at=None)
    return frozenset(rows.values_list("tenant_id", flat=True))


def list_holds(actor: Actor, key: str) -> list[HoldSummary]:
    """Every hold of the tenant, the newest first. Raises NotFound, Denied."""
    tenant = guards.get_tenant(actor, key)
    return [_summary(row, tenant.key) for row in LegalHold.objects.filter(tenant=tenant).order_by("-at", "-pk")]


@transaction.atomic
def set_hold(*, key: str, reason: str, by: Actor) -> str:
    """Holds what there is of the tenant. Returns the hold's reference. More than one may stand, each for its own
    reason.

    Raises Denied, NotFound, Invalid without a reason, Conflict ``erased`` once the erasure was confirmed.
    """
    tenant = locked_tenant(key, by, Capability.TENANT_HOLD)
    said = reason_of(reason)
    if Erasure.objects.filter(tenant=tenant, confirmed_at__isnull=False).exists():
        raise Conflict("The erasure of this tenant was confirmed: there is nothing left to hold.", code="erased")
    row = LegalHold.objects.create(
        ref=new_ref(Prefix.LEGAL_HOLD),
        workspace_id=tenant.workspace_id,
        tenant=tenant,
        at=now(),
        by=by.name,
        reason=said,
    )
    _record(EventName.HOLD_SET, row, by, said)
    return row.ref


@transaction.atomic
def ask_to_lift(*, ref: str, reason: str, by: Actor) -> None:
    """The first half of lifting a hold. It stands until another person confirms.

    Raises Denied, NotFound, Invalid without a reason, Conflict ``hold-lifted``, ``lift-asked``.
    """
    row = _hold(ref, by)
    proofs.require_recent(by)
    said = reason_of(reason)
    if row.lift_asked_at is not None:
        raise Conflict(f"{row.lift_asked_by} has asked for this already. Another person confirms.", code="lift-asked")
    row.lift_asked_at, row.lift_asked_by, row.lift_reason = now(), by.name, said
    row.save(update_fields=["lift_asked_at", "lift_asked_by", "lift_reason"])
    _record(EventName.HOLD_LIFT_ASKED, row, by, said)


@transaction.atomic
def lift(*, ref: str, by: Actor) -> None:
    """The second half, by another person: from now on the hold stops nothing.

    Raises Denied, NotFound, ProofNeeded, Conflict: ``hold-lifted``, ``lift-not-asked``, ``another-person``.
    """
    row = _hold(ref, by)
    proofs.require_recent(by)
    if row.lift_asked_by is None:
        raise Conflict("Nobody has asked to lift this hold yet.", code="lift-not-asked")
    if row.lift_asked_by == by.name:
        raise Conflict(ANOTHER, code="another-person")
    row.lifted_at, row.lifted_by = now(), by.name
    row.save(update_fields=["lifted_at", "lifted_by"])
    _record(EventName.HOLD_LIFTED, row, by)


def locked_tenant(key: str, actor: Actor, capability: Capability) -> Tenant:
    """The tenant, for this transaction alone, so that of setting a hold and confirming an erasure one comes first.
    Raises NotFound, Denied."""
    if not guards.tenants_of(actor).filter(key=key).exists():
        raise NotFound
    actor.require_everywhere(capability)
    tenant = Tenant.objects.select_for_update().filter(workspace_id=actor.workspace_id, key=key).first()
    if tenant is None:
        raise NotFound
    return tenant


def _hold(ref: str, by: Actor) -> LegalHold:
    row = guards.scoped(by, LegalHold.objects.select_for_update()).filter(ref=ref).first()
    if row is None:
        raise NotFound
    by.require_everywhere(Capability.TENANT_HOLD)
    if row.lifted_at is not None:
        raise Conflict("This hold was lifted already.", code="hold-lifted")
    return row


def _summary(row: LegalHold, key: str) -> HoldSummary:
    return HoldSummary(
        ref=row.ref,
        tenant=key,
        at=row.at,
        by=row.by,
        reason=row.reason,
        lift_asked_at=row.lift_asked_at,
        lift_asked_by=row.lift_asked_by,
        lift_reason=row.lift_reason,
        lifted_at=row.lifted_at,
        lifted_by=row.lifted_by,
    )


def _record(event: EventName, row: LegalHold, by: Actor, reason: str = "") -> None:
    said = digest_bytes(reason.encode()) if reason else None
    record(event, by=by, tenant_id=row.tenant_id, subject_kind="hold", subject=row.ref, reason=said)
