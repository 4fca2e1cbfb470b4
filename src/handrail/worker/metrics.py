"""Who works, and what waits in the queue."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count, Q
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from handrail.dispatch import TaskName
from handrail.kernel.clock import now
from handrail.kernel.metric import Metric, one
from handrail.runbooks import timing
from handrail.worker import clocks


def read() -> list[Metric]:
    at = now()
    since = at - timedelta(seconds=timing.get().lease_seconds)
    alive = ProcrastinateWorker.objects.filter(last_heartbeat__gt=since).count()
    due = ProcrastinateJob.objects.filter(Q(scheduled_at=None) | Q(scheduled_at__lte=at), status="todo")
    waiting = dict(due.values_list("task_name").annotate(n=Count("pk")).order_by())
    failed = ProcrastinateJob.objects.filter(status="failed").count()
    apart = clocks.readings()
    by_task = {task.value: waiting.get(task.value, 0) for task in TaskName}
    return [
        one("handrail_workers_alive", "Workers with a heartbeat within lease_seconds.", alive),
        Metric("handrail_jobs_waiting", "Queued jobs whose time has come, by task.", by_task, "task"),
        one("handrail_jobs_failed", "Jobs that failed within the last week. A sweep queues their work again.", failed),
        one(
            "handrail_clocks_apart", "Processes over 2 s apart from the database's clock.", sum(r.apart for r in apart)
        ),
        one(
            "handrail_clock_offset_seconds",
            "The farthest that a process's clock is apart from the database's.",
            abs(apart[0].seconds) if apart else 0,
        ),
    ]
