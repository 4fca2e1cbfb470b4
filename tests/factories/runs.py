"""An installation's runs: one approved runbook, its tasks, and a worker that advances them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models.functions import Now

from handrail.access.actor import Actor
from handrail.access.models import Tenant, Workspace
from handrail.definitions.models import Definition
from handrail.kernel.clock import now
from handrail.runbooks.actions import advancing, claims, reports, runs
from handrail.runbooks.delegated import IncomingTask
from handrail.runbooks.models import OperationRun, Report
from handrail.work.lease import Claim


def born(run: OperationRun) -> Claim:
    """The claim on the report of ``run`` that the worker which ended the run has."""
    row = Report.objects.get(run=run)
    assert row.due_at is not None
    return Claim("report", run.pk, row.workspace_id, row.tenant_id, row.due_at)


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
        """One worker advances ``run``, if it is due; waits come back to the caller."""
        if (claim := claims.claim_run(run.pk)) is not None:
            advancing.advance(claim=claim, by=self.worker)
        run.refresh_from_db()
        return run

    def report(self, run: OperationRun) -> datetime | None:
        """A worker makes the next attempt to report the outcome of ``run``: the one that ended it, or later another."""
        row = Report.objects.filter(run=run, delivered_at=None, due_at__isnull=False).first()
        if row is None or row.due_at is None:
            return None
        claim: Claim | None = born(run)
        if row.attempts != 1 or row.failure or row.due_at <= now():
            Report.objects.filter(run=run).update(due_at=Now())
            claim = claims.claim_report(run.pk)
        assert claim is not None
        return reports.deliver(claim=claim, by=self.worker)
