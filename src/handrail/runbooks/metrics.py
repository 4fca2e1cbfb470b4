"""How runs are doing, over all workspaces."""

from __future__ import annotations

from handrail.kernel.clock import now
from handrail.kernel.metric import Metric, one
from handrail.runbooks import leases
from handrail.runbooks.states import Handling, RunState


def read() -> list[Metric]:
    runs, packets, overdue, undelivered, stopped = leases.counts(now())
    handled = {handling.value: packets.get(handling.value, 0) for handling in Handling}
    return [
        Metric(
            "handrail_runs", "Runs by state.", {state.value: runs.get(state.value, 0) for state in RunState}, "state"
        ),
        Metric("handrail_exception_packets", "Exception packets by handling.", handled, "handling"),
        one("handrail_runs_overdue", "Runs whose next step is overdue.", overdue),
        one("handrail_reports_undelivered", "Outcomes that have not reached the task system yet.", undelivered),
        one("handrail_reports_stopped", "Outcomes that are not tried any more and did not reach it.", stopped),
    ]
