"""The audit log as an actor may see it: their workspace, their tenants, with ``audit:view``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import tenants_of
from handrail.access.names import tenant_ref
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
    keys = dict(tenants_of(actor).values_list("pk", "key"))
    refs = {key: tenant_ref(pk) for pk, key in keys.items()}
    wanted = replace(wanted, subject=refs.get(wanted.subject, wanted.subject))
    rows = queries.list_events(actor.workspace_id, actor.tenant_ids, wanted)
    return [TrailEntry(_named(row, keys), keys.get(row.tenant_id) if row.tenant_id else None) for row in rows]


def _named(row: EventRow, keys: Mapping[int, str]) -> EventRow:
    """An event about a tenant names it by a reference alone: people read the key that it has now."""
    key = None if row.tenant_id is None else keys.get(row.tenant_id)
    if row.subject_kind != "tenant" or row.tenant_id is None or key is None or row.subject != tenant_ref(row.tenant_id):
        return row
    return replace(row, subject=key)
