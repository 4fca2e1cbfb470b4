"""An installation's runs: one approved runbook, its tasks, and a worker that advances them."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.access.actor import Actor
from handrail.access.models import Tenant, Workspace
from handrail.definitions.models import Definition
from handrail.runbooks.actions import runs
from handrail.runbooks.delegated import IncomingTask
from handrail.runbooks.models import OperationRun


@dataclass(frozen=True)
class Runs:
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
