"""Writes a run that begins: due at once, or as a member of a wave that lets it begin later."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.types.json import Jsonb

from handrail.access.models import Tenant
from handrail.audit.actions import By
from handrail.runbooks.engine import ledger, statements
from handrail.runbooks.engine.decision import NewEvent, NewRow
from handrail.runbooks.models import OperationRun

_TASK = OperationRun._meta.get_field("task")


@dataclass(frozen=True, slots=True)
class NewRun:
    """``run``: the new run's id; None where nothing was written, because there is a run of this task already or no such
    open tenant. ``tenant_was_there``: whether there was one, open or closed, when the database began."""

    run: int | None
    tenant_was_there: bool


def receive(
    run: OperationRun,
    row: NewRow,
    event: NewEvent,
    *,
    by: By,
    tenant: str,
    tenant_ids: frozenset[int] | None,
    alone: bool = True,
) -> NewRun:
    """Writes the new ``run`` of the tenant with the key ``tenant``, one of ``tenant_ids``, its first ledger row and the
    event. Where it is a member of a wave, it waits. ``alone``: inside a transaction it can fail without ending it."""
    # Its values are sealed before they are written, under a key of this tenant's: the statement finds that one or none.
    found_id = Tenant.objects.filter(workspace_id=run.workspace_id, key=tenant).values_list("pk", flat=True).first()
    if found_id is None:
        return NewRun(None, tenant_was_there=False)
    run.tenant_id = found_id
    parameters = {
        "ref": run.ref,
        "workspace": run.workspace_id,
        "tenant": tenant,
        "tenant_id": found_id,
        "tenants": None if tenant_ids is None else sorted(tenant_ids),
        "definition": run.definition_id,
        "definition_digest": run.definition_digest,
        "runbook": run.runbook,
        "task_key": run.task_key,
        "task_version": run.task_version,
        "task_digest": run.task_digest,
        "made_here": run.made_here,
        "task": Jsonb(_TASK.concealed(run.task, tenant_id=found_id, record=run.ref)),
        "subject": run.subject,
        "retry_limit": run.retry_limit,
        "requested_by": run.requested_by,
        "worker": by.name,
        "rows": ledger.as_rows((row,), 0, run),
        **ledger.as_events((event,), by, run.ref),
    }
    statement = statements.RECEIVE
    if run.wave_id is not None:
        statement, parameters = statements.RECEIVE_MEMBER, parameters | {"wave": run.wave_id, "place": run.wave_place}
    found = ledger.execute(statement, parameters) if alone else ledger.fetch(statement, parameters)
    return NewRun(None if found is None else found[2], tenant_was_there=found is not None)
