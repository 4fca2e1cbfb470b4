"""Erasing a tenant: one person asks, another confirms, and what was sealed for it is forgotten with its keys.

The order is what makes it safe to be killed anywhere: confirmed in the database, then in the kept list outside of it,
then key by key, then the rows that are in clear, and last the certificate. Each step does what is left of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from handrail.access import closing, forgetting, guards, holds, kept_erasures
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.forgetting import ErasurePreview as ErasurePreview  # noqa: PLC0414 - exported
from handrail.access.kept_erasures import Applied
from handrail.access.models import Erasure, Tenant
from handrail.access.refusals import reason_of
from handrail.access.snapshot import snapshot
from handrail.audit.actions import By, record
from handrail.audit.events import EventName, EventOutcome
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.configured import Configured
from handrail.kernel.errors import Conflict, Fault, Invalid, NotFound
from handrail.kernel.ids import Prefix, new_ref

# Removes what a tenant has outside the database beside its keys, such as its annexes: told by the slices that have it.
Remove = Callable[[int], int]
remove_blobs: Configured[Remove] = Configured(lambda _: 0)
# What is on its way out for the tenant with this id, such as "1 report to the task system".
on_its_way: Configured[closing.OpenWork] = Configured(lambda _: ())


@dataclass(frozen=True, slots=True)
class ErasureSummary:
    """``state``: asked, confirmed (it goes on), finished, withdrawn. ``certificate``: the text of the one that was
    signed."""

    ref: str
    tenant: str
    state: str
    at: datetime
    by: str
    reason: str
    confirmed_at: datetime | None
    confirmed_by: str | None
    finished_at: datetime | None
    certificate: str
    envelope: str


@snapshot()
def preview(actor: Actor, key: str) -> ErasurePreview:
    """What an erasure would forget, by table and count, what would stay and why, and what stands in its way now.
    Raises NotFound, Denied."""
    tenant = guards.get_tenant(actor, key, Capability.TENANT_ERASE)
    actor.require_everywhere(Capability.TENANT_ERASE)
    return forgetting.look(tenant, in_the_way=_in_the_way(tenant))


def look(actor: Actor, key: str) -> ErasurePreview | None:
    """The same on a page, which asks for no new proof: a look decides nothing. None for those who can't erase. Raises
    NotFound, Denied."""
    tenant = guards.get_tenant(actor, key)
    may = actor.may_everywhere(Capability.TENANT_ERASE)
    return forgetting.look(tenant, in_the_way=_in_the_way(tenant)) if may else None


def list_erasures(actor: Actor, key: str) -> list[ErasureSummary]:
    """Those of a tenant, the newest first. Raises NotFound, Denied."""
    tenant = guards.get_tenant(actor, key)
    return [_summary(row, tenant.key) for row in Erasure.objects.filter(tenant=tenant).order_by("-at", "-pk")]


def get_erasure(actor: Actor, ref: str) -> ErasureSummary:
    """Raises NotFound, Denied."""
    row = guards.scoped(actor, Erasure.objects.select_related("tenant")).filter(ref=ref).first()
    if row is None:
        raise NotFound
    actor.require(Capability.TENANT_VIEW, tenant_id=row.tenant_id)
    return _summary(row, row.tenant.key)


@transaction.atomic
def ask(*, key: str, reason: str, by: Actor) -> str:
    """The first half: nothing is forgotten yet. Returns the reference that another person confirms.

    Raises Denied, NotFound, Invalid without a reason or with one that names the tenant, Conflict ``held``,
    ``erasure-asked``, ``erased``.
    """
    tenant = holds.locked_tenant(key, by, Capability.TENANT_ERASE)
    said = _reason(reason, tenant)
    if holds.is_held(tenant.pk):
        raise Conflict(holds.HELD, code="held")
    standing = Erasure.objects.filter(tenant=tenant, withdrawn_at=None).first()
    if standing is not None:
        erased = standing.confirmed_at is not None
        message = "This tenant was erased." if erased else f"{standing.by} has asked already: {standing.ref}."
        raise Conflict(message, code="erased" if erased else "erasure-asked")
    row = Erasure(
        ref=new_ref(Prefix.ERASURE),
        workspace_id=tenant.workspace_id,
        tenant=tenant,
        at=now(),
        by=by.name,
        reason=said,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise Conflict("Somebody has just asked for this.", code="erasure-asked") from None
    _record(EventName.ERASURE_ASKED, row, by, reason=digest_bytes(said.encode()))
    return row.ref


@transaction.atomic
def withdraw(*, ref: str, by: Actor) -> None:
    """Takes back what was asked and not confirmed. Raises Denied, NotFound, Conflict ``erased``, ``withdrawn``."""
    row = _locked(ref, by)
    _refuse_confirmed(row)
    row.withdrawn_at, row.withdrawn_by = now(), by.name
    row.save(update_fields=["withdrawn_at", "withdrawn_by"])
    _record(EventName.ERASURE_WITHDRAWN, row, by)


def confirm(*, ref: str, by: Actor) -> ErasureSummary:
    """The second half, by another person; then the tenant is forgotten, and nothing brings it back.

    Raises Denied, NotFound, Conflict: ``another-person``, ``held``, ``open-work`` with what has to end first,
    ``erased``, ``withdrawn``. Where a store of keys can't be reached, the erasure stays confirmed and goes on by
    itself.
    """
    with transaction.atomic():
        row = _locked(ref, by)
        _refuse_confirmed(row)
        if row.by == by.name:
            raise Conflict(holds.ANOTHER, code="another-person")
        tenant = holds.locked_tenant(row.tenant.key, by, Capability.TENANT_ERASE)
        if in_the_way := _in_the_way(tenant):
            code = "held" if holds.is_held(tenant.pk) else "open-work"
            raise Conflict(" ".join(in_the_way), code=code)
        row.confirmed_at, row.confirmed_by = now(), by.name
        row.save(update_fields=["confirmed_at", "confirmed_by"])
        if tenant.closed_at is None:
            tenant.closed_at, tenant.closed_by, tenant.closed_reason = row.confirmed_at, by.name, "erased"
            tenant.save(update_fields=["closed_at", "closed_by", "closed_reason"])
        _record(EventName.ERASURE_CONFIRMED, row, by)
    proceed(row.ref, by=by)
    return get_erasure(by, row.ref)


def proceed(ref: str, *, by: By) -> bool:
    """Forgets what is left to be forgotten of a confirmed erasure, and signs the certificate. False where nothing was
    left to do. It may be killed anywhere, and called by several at once."""
    row = Erasure.objects.select_related("tenant", "workspace").filter(ref=ref, confirmed_at__isnull=False).first()
    if row is None or row.finished_at is not None:
        return False
    assert row.confirmed_at is not None
    before = forgetting.look(row.tenant)  # what is sealed and what is not is counted before anything changes
    kept_erasures.add(row)
    keys = forgetting.destroy_keys(row.tenant_id, at=row.confirmed_at)
    blobs = remove_blobs.get()(row.tenant_id)
    with transaction.atomic():
        locked = Erasure.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if locked.finished_at is not None:
            return False
        forgetting.overwrite(row.tenant, ref=row.ref)
        locked.finished_at = now()
        stated = forgetting.certificate(row, before, keys=keys, blobs=blobs, at=locked.finished_at)
        locked.certificate = json.dumps(stated, indent=1, sort_keys=True)
        locked.envelope = forgetting.signed(stated)
        locked.save(update_fields=["finished_at", "certificate", "envelope"])
        certified = digest_bytes(locked.certificate.encode())
        _record(EventName.ERASURE_FINISHED, locked, by, keys=len(keys), certificate=certified)
    return True


def apply_kept(*, by: By) -> Applied:
    """Forgets again what a restore brought back: see ``kept_erasures.apply``."""
    return kept_erasures.apply(by=by)


def unfinished(workspace_id: int) -> list[str]:
    """The references of confirmed erasures of which something is left to do."""
    rows = Erasure.objects.filter(workspace_id=workspace_id, confirmed_at__isnull=False, finished_at=None)
    return list(rows.order_by("pk").values_list("ref", flat=True))


def _in_the_way(tenant: Tenant) -> list[str]:
    """What has to end or be lifted before the tenant can be erased: a sentence for each."""
    found = [holds.HELD] if holds.is_held(tenant.pk) else []
    if under_way := (*closing.open_work.get()(tenant.pk), *on_its_way.get()(tenant.pk)):
        found.append(f"There is work under way for this tenant: {', '.join(under_way)}. End it first.")
    return found


def _reason(given: str, tenant: Tenant) -> str:
    """The reason stays after the tenant is gone, so it must not name it."""
    said = reason_of(given)
    folded = said.casefold()
    if tenant.key.casefold() in folded or tenant.name.casefold() in folded:
        fault = Fault("reason", "leave out the tenant's name and key: the reason is kept")
        raise Invalid("The reason names the tenant.", faults=[fault])
    return said


def _locked(ref: str, by: Actor) -> Erasure:
    rows = Erasure.objects.select_for_update(of=("self",)).select_related("tenant")
    row = guards.scoped(by, rows).filter(ref=ref).first()
    if row is None:
        raise NotFound
    by.require_everywhere(Capability.TENANT_ERASE)
    return row


def _refuse_confirmed(row: Erasure) -> None:
    if row.withdrawn_at is not None:
        raise Conflict("This was withdrawn already. Ask again.", code="withdrawn")
    if row.confirmed_at is not None:
        raise Conflict(f"{row.confirmed_by} has confirmed this already.", code="erased")


def _summary(row: Erasure, key: str) -> ErasureSummary:
    if row.withdrawn_at is not None:
        state = "withdrawn"
    else:
        state = "finished" if row.finished_at else "confirmed" if row.confirmed_at else "asked"
    return ErasureSummary(
        ref=row.ref,
        tenant=key,
        state=state,
        at=row.at,
        by=row.by,
        reason=row.reason,
        confirmed_at=row.confirmed_at,
        confirmed_by=row.confirmed_by,
        finished_at=row.finished_at,
        certificate=row.certificate,
        envelope=row.envelope,
    )


def _record(event: EventName, row: Erasure, by: By, **context: Any) -> None:
    record(
        event,
        by=by,
        workspace_id=row.workspace_id,
        tenant_id=row.tenant_id,
        subject_kind="erasure",
        subject=row.ref,
        outcome=EventOutcome.DONE,
        **context,
    )
