"""Workers seal the audit log by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection

from handrail.audit.models import AuditEvent, AuditLeaf
from handrail.audit.verification import verify
from handrail.conf.roles import SERVING
from handrail.work import wake
from handrail.worker import recurring
from tests.factories.installation import Installation
from tests.factories.log import event
from tests.factories.switches import SwitchBoard, connected
from tests.integration.worker import processes


@pytest.mark.django_db
def test_seal_duty_seals_what_waits_in_no_workspace() -> None:
    made = event().pk
    recurring.seal()
    assert AuditLeaf.objects.filter(row_id=made).exists()
    own = AuditEvent.objects.get(event="audit.sealed")
    assert (own.workspace_id, own.actor_kind) == (None, "worker")
    assert verify().whole


def test_worker_seals_rows_of_every_workspace_as_the_serving_role(committed_db: str, tmp_path: Path) -> None:
    """Under row security, which shows it no row of either."""
    if connection.settings_dict["PASSWORD"]:
        pytest.skip("the server asks for passwords, which the roles of tests have none of")
    with connected(SwitchBoard()), wake.in_process.use(lambda _: True):  # no connection of this process for hints
        for slug in ("acme", "other"):
            Installation(workspace=slug).runs.start()
    waiting = set(AuditEvent.objects.values_list("pk", flat=True))
    env = processes.environment(processes.write_config(tmp_path, "http://127.0.0.1:9"), committed_db)
    with processes.worker(env):
        processes.wait_until(AuditLeaf.objects.exists, seconds=60, what="the log was sealed")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            assert cursor.fetchall() == [(SERVING,)]
    assert waiting <= set(AuditLeaf.objects.filter(source="audit.event").values_list("row_id", flat=True))
    assert len(set(AuditEvent.objects.exclude(workspace_id=None).values_list("workspace_id", flat=True))) == 2
