"""The audit log as an actor may see it: their workspace, their tenants, with ``audit:view``."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import tenants_of
from handrail.audit import queries
from handrail.audit.queries import EventFilter, EventRow


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """``tenant`` is the key of the tenant concerned, None for what concerns the workspace."""

    row: EventRow
    tenant: str | None


def list_events(actor: Actor, wanted: EventFilter) -> list[TrailEntry]:
    """Newest first. Raises Denied without ``audit:view``."""
    actor.require(Capability.AUDIT_VIEW)
    rows = queries.list_events(actor.workspace_id, actor.tenant_ids, wanted)
    keys = dict(tenants_of(actor).values_list("pk", "key"))
    return [TrailEntry(row, keys.get(row.tenant_id) if row.tenant_id else None) for row in rows]
