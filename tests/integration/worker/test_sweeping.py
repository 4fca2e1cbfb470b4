"""What one sweep meets keeps neither the rest of it, nor the worker, from going on."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob
from structlog.testing import capture_logs

from handrail.kernel.clock import now
from handrail.kernel.scope import entered
from handrail.packets.actions import releasing
from handrail.runbooks.models import OperationRun
from handrail.worker import service
from handrail.worker.service import WorkerSettings
from tests.factories.installation import Installation
from tests.factories.switches import SwitchBoard, connected

SETTINGS = WorkerSettings(concurrency=1, sweep_seconds=5, pull_seconds=60)


def stalled_job(url: str) -> None:
    """A job that a worker had in hand when it died, minutes ago."""
    with psycopg.connect(url, autocommit=True) as raw:
        dead = "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '9 min') RETURNING id"
        (worker,) = raw.execute(dead).fetchone() or (0,)
        raw.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", [worker])


def sweep_at_once(workers: int) -> list[BaseException | None]:
    async def all_of_them() -> list[BaseException | None]:
        async with service._queue().open_async() as queue:
            return await asyncio.gather(
                *(service._sweep(queue, SETTINGS) for _ in range(workers)), return_exceptions=True
            )

    # In a thread of its own: a browser test before this one leaves its event loop running in the main thread.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, all_of_them()).result()


def test_workers_that_find_the_same_stalled_job_fail_it_once_and_go_on(committed_db: str) -> None:
    with connected(SwitchBoard()):
        run = Installation().runs.start()
    stalled_job(committed_db)
    connection.close()
    with capture_logs() as said:
        assert sweep_at_once(4) == [None] * 4
    assert [line["event"] for line in said].count("failed the stalled job of a dead worker") == 1
    assert not ProcrastinateJob.objects.filter(args={"run_id": run.pk}, status="doing").exists()


def test_a_part_of_the_sweep_that_fails_is_logged_and_the_others_go_on(
    committed_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connected(SwitchBoard()):
        run = Installation().runs.start()
    OperationRun.objects.filter(pk=run.pk).update(due_at=now() - timedelta(seconds=1))

    def breaks(**_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    monkeypatch.setattr(releasing, "expire_all", breaks)
    with capture_logs() as said:
        service._sweep_rows(SETTINGS)
    assert [line["part"] for line in said if line["event"] == "a part of the sweep failed"] == ["expiry"]
    assert set(ProcrastinateJob.objects.values_list("task_name", flat=True)) >= {"runbooks.advance", "audit.seal"}
    assert ProcrastinateJob.objects.filter(queueing_lock=f"run:{run.pk}").count() == 1


def test_a_sweep_without_its_database_says_so(committed_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ends the connection in the middle of a part: nothing else can be done then."""

    def cut() -> None:
        with entered(None), connection.cursor() as cursor:  # as superuser: the session is one's
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(service.runs, "sweep", cut)
    with pytest.raises(service.DatabaseError):
        service._sweep_rows(SETTINGS)
