"""The report row that every ended run leaves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from handrail.kernel.clock import now
from handrail.runbooks import task_system, timing


def born(at: datetime | None = None) -> dict[str, Any]:
    """The columns of a report that is written now, with the end of its run.

    The worker that ends the run delivers it after the commit, so it is born leased, as if that worker had claimed it:
    should the worker die before, another one claims it when the lease has run out. Without a task system it is due,
    and waits until there is one.
    """
    at = at or now()
    if task_system.find() is None:
        return {"due_at": at}
    waits = timing.get()
    lease = timedelta(seconds=waits.after_refused_report(0) + waits.lease_seconds)
    return {"attempts": 1, "due_at": at + lease, "tried_until": at + timedelta(seconds=waits.report_window_seconds)}
