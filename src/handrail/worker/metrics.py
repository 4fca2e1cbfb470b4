"""Who works, and what waits for a worker."""

from __future__ import annotations

from handrail.kernel.metric import Metric, one
from handrail.runbooks import timing
from handrail.work import duties, lease, presence
from handrail.worker import clocks
from handrail.worker.loop import KINDS


def starved() -> bool:
    """Whether a worker that is there has no connection to the database for any run."""
    return presence.within(timing.get().lease_seconds).starved > 0


def read() -> list[Metric]:
    there = presence.within(timing.get().lease_seconds)
    overdue, failing = duties.counts()
    waiting = {**{name: lease.waiting(kind) for name, kind in KINDS.items()}, duties.KIND: overdue}
    apart = clocks.readings()
    return [
        one("handrail_workers_alive", "Workers seen within lease_seconds.", there.alive),
        one(
            "handrail_worker_threads_unconnected",
            "Threads of workers for runs that can't get a connection to the database.",
            there.unconnected,
        ),
        Metric("handrail_work_waiting", "Rows that are due and that no worker has claimed, by kind.", waiting, "kind"),
        one("handrail_duties_failing", "Recurring duties that failed more than once in a row.", failing),
        one(
            "handrail_clocks_apart", "Processes over 2 s apart from the database's clock.", sum(r.apart for r in apart)
        ),
        one(
            "handrail_clock_offset_seconds",
            "The farthest that a process's clock is apart from the database's.",
            abs(apart[0].seconds) if apart else 0,
        ),
    ]
