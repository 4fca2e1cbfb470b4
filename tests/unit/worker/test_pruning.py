"""What the daily pruning removes, and what it leaves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from handrail.access.models import LoginSession
from handrail.access.session_store import SessionStore
from handrail.kernel.clock import now
from handrail.worker import pruning, service
from handrail.worker.pruning import prune


def session(*, expires_in: timedelta) -> str:
    store = SessionStore()
    store.set_expiry(now() + expires_in)
    store.save()
    assert store.session_key is not None
    return str(store.session_key)


def job(status: str, *, ended: timedelta) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('q', 'x', '{}') RETURNING id"
        )
        (number,) = cursor.fetchone() or (0,)
        cursor.execute("UPDATE procrastinate_jobs SET status = %s WHERE id = %s", [status, number])
        cursor.execute("UPDATE procrastinate_events SET at = %s WHERE job_id = %s", [now() - ended, number])
    return int(number)


def jobs() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM procrastinate_jobs")
        return {number for (number,) in cursor.fetchall()}


@pytest.mark.django_db
def test_expired_sessions_go_and_others_stay() -> None:
    session(expires_in=timedelta(hours=-1))
    living = session(expires_in=timedelta(hours=1))
    prune()
    assert list(LoginSession.objects.values_list("pk", flat=True)) == [living]


@pytest.mark.django_db
def test_jobs_that_broke_go_after_a_week() -> None:
    old, new = job("failed", ended=timedelta(days=8)), job("failed", ended=timedelta(days=6))
    waiting = job("todo", ended=timedelta(days=30))
    prune()
    assert jobs() & {old, new, waiting} == {new, waiting}


def test_sweep_keeps_one_pruning_waiting(committed_db: str, django_db_blocker: Any) -> None:
    settings = service.WorkerSettings(concurrency=1, sweep_seconds=5, pull_seconds=30)
    with django_db_blocker.unblock():
        for _ in range(2):
            service._sweep_rows(settings)
        with connection.cursor() as cursor:
            cursor.execute("SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = 'worker.prune'")
            ((at,),) = cursor.fetchall()
    assert timedelta(hours=23) < at - now() <= pruning.EVERY
