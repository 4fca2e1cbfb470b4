"""Tasks that could not become a run, as the actor may see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.runbooks.models import TaskRefusal
from handrail.runbooks.queries.runs import PAGE


@dataclass(frozen=True, slots=True)
class RefusedTask:
    """A task that could not become a run: ``code`` and ``message`` give the reason to those who qualify tasks."""

    task: str
    at: datetime
    code: str
    message: str


def list_refusals(
    actor: Actor, *, since: datetime | None = None, before: datetime | None = None, limit: int = PAGE
) -> list[RefusedTask]:
    """Refused tasks of the workspace, newest first; from ``since`` on, and older than ``before``.

    A refused task belongs to no tenant yet, so only people entitled to all tenants see it; for others the list is
    empty. Raises Denied without ``run:view``.
    """
    actor.require(Capability.RUN_VIEW)
    if actor.tenant_ids is not None:
        return []
    rows = TaskRefusal.objects.filter(workspace_id=actor.workspace_id).order_by("-at", "-pk")
    if since is not None:
        rows = rows.filter(at__gte=since)
    if before is not None:
        rows = rows.filter(at__lt=before)
    return [RefusedTask(row.task_key, row.at, row.code, row.message) for row in rows[: min(limit, 500)]]
