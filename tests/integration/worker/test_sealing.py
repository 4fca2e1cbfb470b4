"""Workers seal the audit log by themselves."""

from __future__ import annotations

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from handrail.audit.models import AuditEvent, AuditLeaf
from handrail.audit.verification import verify
from handrail.worker.service import WorkerSettings, _sweep_rows
from handrail.worker.tasks import seal_audit
from tests.factories.log import event

SETTINGS = WorkerSettings(concurrency=1, sweep_seconds=5, pull_seconds=60, seal_seconds=45)


def test_sweep_keeps_one_seal_waiting(committed_db: str) -> None:
    _sweep_rows(SETTINGS)
    _sweep_rows(SETTINGS)
    job = ProcrastinateJob.objects.get(task_name="audit.seal")
    assert job.scheduled_at is not None
    assert job.queueing_lock == "seal"


@pytest.mark.django_db
def test_seal_task_seals_what_waits_in_no_workspace() -> None:
    made = event().pk
    seal_audit()
    assert AuditLeaf.objects.filter(row_id=made).exists()
    own = AuditEvent.objects.get(event="audit.sealed")
    assert (own.workspace_id, own.actor_kind) == (None, "worker")
    assert verify().whole
