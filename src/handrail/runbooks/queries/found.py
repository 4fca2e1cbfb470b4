"""Runs, exception packets and refused tasks by what people hold of them: a reference or a task key."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import scoped
from handrail.runbooks.models import ExceptionPacket, OperationRun, TaskRefusal
from handrail.runbooks.queries.refusals import RefusedTask
from handrail.runbooks.states import Handling, RunState


@dataclass(frozen=True, slots=True)
class FoundRun:
    ref: str
    task: str
    runbook: str
    version: int
    tenant: str
    tenant_name: str
    state: RunState
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FoundException:
    """``task``: the key of its run's task."""

    ref: str
    task: str
    message: str
    tenant: str
    tenant_name: str
    handling: Handling
    at: datetime


def find_runs(actor: Actor, text: str, *, limit: int) -> list[FoundRun]:
    """Runs with this reference or task key, newest first; then those whose task key begins so. Raises Denied."""
    actor.require(Capability.RUN_VIEW)
    rows = scoped(actor, OperationRun.objects.select_related("tenant", "definition")).order_by("-created_at", "-pk")
    whole = Q(ref=text.upper()) | Q(task_key=text)
    exact = list(rows.filter(whole)[:limit])
    begun = list(rows.filter(task_key__startswith=text).exclude(whole)[:limit])
    return [_run(row) for row in (*exact, *begun)[:limit]]


def find_exceptions(actor: Actor, text: str, *, limit: int) -> list[FoundException]:
    """Exception packets with this reference, and those of a run with this reference or task key. Raises Denied."""
    actor.require(Capability.EXCEPTION_VIEW)
    rows: QuerySet[ExceptionPacket] = scoped(actor, ExceptionPacket.objects.select_related("tenant", "run"))
    found = rows.filter(Q(ref=text.upper()) | Q(run__ref=text.upper()) | Q(run__task_key=text))
    return [_exception(row) for row in found.order_by("-at", "-pk")[:limit]]


def named_runs(actor: Actor, refs: Collection[str]) -> list[FoundRun]:
    """Those of ``refs`` that are in the actor's scope. Raises Denied."""
    actor.require(Capability.RUN_VIEW)
    rows = scoped(actor, OperationRun.objects.select_related("tenant", "definition"))
    return [_run(row) for row in rows.filter(ref__in=refs)]


def named_exceptions(actor: Actor, refs: Collection[str]) -> list[FoundException]:
    """Those of ``refs`` that are in the actor's scope. Raises Denied."""
    actor.require(Capability.EXCEPTION_VIEW)
    rows = scoped(actor, ExceptionPacket.objects.select_related("tenant", "run"))
    return [_exception(row) for row in rows.filter(ref__in=refs)]


def find_refused(actor: Actor, text: str, *, limit: int) -> list[RefusedTask]:
    """Refused tasks with this key, newest first. They belong to no tenant yet, so for an actor who is not entitled to
    every tenant the list is empty. Raises Denied."""
    actor.require(Capability.RUN_VIEW)
    if actor.tenant_ids is not None:
        return []
    rows = TaskRefusal.objects.filter(workspace_id=actor.workspace_id).filter(task_key=text).order_by("-at", "-pk")
    return [RefusedTask(row.task_key, row.at, row.code, row.message) for row in rows[:limit]]


def _run(row: OperationRun) -> FoundRun:
    return FoundRun(
        ref=row.ref,
        task=row.task_key,
        runbook=row.definition.name,
        version=row.definition.version,
        tenant=row.tenant.key,
        tenant_name=row.tenant.name,
        state=RunState(row.state),
        created_at=row.created_at,
    )


def _exception(row: ExceptionPacket) -> FoundException:
    return FoundException(
        ref=row.ref,
        task=row.run.task_key,
        message=row.message,
        tenant=row.tenant.key,
        tenant_name=row.tenant.name,
        handling=Handling(row.handling),
        at=row.at,
    )
