"""The audit log as an actor may see it: their workspace, their tenants, with ``audit:view``."""

from __future__ import annotations

from dataclasses import dataclass, replace

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


def list_events(actor: Actor, wanted: EventFilter, *, tenant: str = "") -> list[TrailEntry]:
    """Newest first; of the one tenant with the key ``tenant`` where that is given: none, if it is outside the actor's
    scope. Raises Denied without ``audit:view``."""
    actor.require(Capability.AUDIT_VIEW)
    if tenant:
        found = tenants_of(actor).filter(key=tenant).first()
        if found is None:
            return []
        wanted = replace(wanted, tenant_id=found.pk)
    rows = queries.list_events(actor.workspace_id, actor.tenant_ids, wanted)
    keys = dict(tenants_of(actor).values_list("pk", "key"))
    return [TrailEntry(row, keys.get(row.tenant_id) if row.tenant_id else None) for row in rows]
