"""Waves as the actor may see them: how far they are, what came of their members, and why they stopped."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from handrail.access.actor import Actor
from handrail.access.guards import scoped
from handrail.runbooks.models import OperationRun
from handrail.runbooks.wavemodels import Wave


def visible(actor: Actor) -> QuerySet[Wave]:
    """The waves of the actor's workspace: for who is entitled to some tenants only, those with a member of theirs."""
    rows = Wave.objects.filter(workspace_id=actor.workspace_id)
    if actor.tenant_ids is None:
        return rows
    return rows.filter(Exists(scoped(actor, OperationRun.objects.filter(wave=OuterRef("ref")))))
