"""A workspace with one tenant, one approved runbook and the actors that runs need."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.models import Tenant, Workspace
from handrail.definitions.models import Definition
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.kernel.clock import now
from handrail.runbooks.actions import runs
from handrail.runbooks.delegated import IncomingTask
from handrail.runbooks.models import OperationRun
from tests.factories.compiled import compiled
from tests.factories.switches import RUNBOOK


@dataclass(frozen=True)
class Estate:
    workspace: Workspace
    tenant: Tenant
    definition: Definition
    worker: Actor

    def task(self, key: str = "TASK-1", switch: str = "s1", *, version: int = 1, **payload: object) -> IncomingTask:
        full = {"tenant_id": self.tenant.key, "switch_id": switch, **payload}
        return IncomingTask(key=key, runbook=self.definition.name, version=version, payload=full)

    def start(self, key: str = "TASK-1", switch: str = "s1", **payload: object) -> OperationRun:
        started = runs.start(task=self.task(key, switch, **payload), by=self.worker)
        return OperationRun.objects.select_related("definition").get(ref=started.ref)

    def advance(self, run: OperationRun) -> OperationRun:
        """One worker advances ``run``, as the queue would have it; waits come back to the caller."""
        runs.advance(run_id=run.pk, by=self.worker)
        run.refresh_from_db()
        return run


def make_estate(text: str = RUNBOOK, *, tenant: str = "ten_one", workspace: str = "acme", digest: str = "") -> Estate:
    """``digest`` is that of another text, for a definition that is not what was approved."""
    at = now()
    space = Workspace.objects.create(slug=workspace, name=workspace.title(), created_at=at)
    customer = Tenant.objects.create(workspace=space, key=tenant, name="One Ltd", created_at=at)
    runbook = compiled(DefinitionKind.RUNBOOK, text)
    definition = Definition.objects.create(
        workspace=space,
        kind=DefinitionKind.RUNBOOK,
        name=runbook.name,
        version=runbook.version,
        title=runbook.title,
        owner=runbook.owner,
        text=text,
        digest=digest or runbook.digest,
        state=DefinitionState.ACTIVE,
        proposed_at=at,
        proposed_by="a@example.com",
        decided_at=at,
        decided_by="b@example.com",
    )
    return Estate(space, customer, definition, access.worker("worker-1", space.pk))
