"""Forgets what of runs their runbooks keep no longer: by a duty of workers, a run at a time."""

from __future__ import annotations

from itertools import islice

from django.db import transaction

from handrail.access import guards, holds, subjects
from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.models import Tenant
from handrail.access.outlines import ERASED
from handrail.access.subjects import ForgetReason
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.clock import now
from handrail.kernel.scope import entered
from handrail.runbooks import retention
from handrail.runbooks.models import OperationRun

AT_ONCE = 100


def forget_due(*, name: str, limit: int = AT_ONCE) -> int:
    """Forgets what is due in every workspace, as the worker ``name``, so many runs at most in each. Returns how many.

    What can't be forgotten now, because the store of keys is away, is due again.
    """
    forgotten = 0
    for workspace in access.workspace_ids():
        by = access.worker(name, workspace)
        with entered(by.scope):
            for run_id in list(islice(retention.due(now(), limit=limit), limit)):
                forgotten += forget(run_id=run_id, by=by)
    return forgotten


def forget(*, run_id: int, by: Actor) -> bool:
    """Destroys the keys of a run, and records it. False where it is not due any more, or its tenant is under a legal
    hold.

    The keys go before it is recorded. A worker that is killed in between has forgotten it all the same, and the next
    one records it. Raises SubjectKeysUnavailable.
    """
    return _destroy(run_id) and _recorded(run_id, by)


@transaction.atomic
def _destroy(run_id: int) -> bool:
    run, at = _locked(run_id), now()
    guards.hold_tenant(run.tenant_id)
    if holds.is_held(run.tenant_id) or not retention.is_due(run, at):
        return False
    subjects.destroy(run.tenant_id, record=run.ref, reason=ForgetReason.RETENTION, at=at)
    return True


@transaction.atomic
def _recorded(run_id: int, by: Actor) -> bool:
    run = _locked(run_id)
    # No run of the tenant begins until the commit. One that has begun meanwhile may have counted this one's turn.
    Tenant.objects.select_for_update(of=("self",)).get(pk=run.tenant_id)
    if not retention.is_due(run, now()):
        return False
    OperationRun.objects.filter(pk=run.pk).update(subject=f"{ERASED} {run.ref}")
    record(
        EventName.RUN_FORGOTTEN,
        by=by,
        workspace_id=run.workspace_id,
        tenant_id=run.tenant_id,
        subject_kind="run",
        subject=run.ref,
        reason=ForgetReason.RETENTION,
    )
    return True


def _locked(run_id: int) -> OperationRun:
    return OperationRun.objects.select_for_update(of=("self",)).select_related("definition").get(pk=run_id)
