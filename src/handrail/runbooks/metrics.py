"""How runs are doing, over all workspaces."""

from __future__ import annotations

from handrail.kernel.clock import now
from handrail.kernel.metric import Metric, one
from handrail.runbooks import leases
from handrail.runbooks.states import BrakeKind, Handling, RunState


def read() -> list[Metric]:
    runs, packets, overdue, undelivered, stopped = leases.counts(now())
    handled = {handling.value: packets.get(handling.value, 0) for handling in Handling}
    brakes, since, paused = leases.brakes()
    applied = {kind.value: brakes.get(kind.value, 0) for kind in BrakeKind}
    return [
        Metric(
            "handrail_runs", "Runs by state.", {state.value: runs.get(state.value, 0) for state in RunState}, "state"
        ),
        Metric("handrail_exception_packets", "Exception packets by handling.", handled, "handling"),
        one("handrail_runs_overdue", "Runs whose next step is overdue.", overdue),
        Metric("handrail_brakes", "Brakes that hold, by what they pause.", applied, "kind"),
        one(
            "handrail_brakes_oldest_seconds",
            "How long the oldest brake has held.",
            max((now() - since).total_seconds(), 0) if since else 0,
        ),
        one("handrail_runs_paused", "Runs that wait for a person to resume what they need.", paused),
        one("handrail_reports_undelivered", "Outcomes that have not reached the task system yet.", undelivered),
        one("handrail_reports_stopped", "Outcomes that are not tried any more and did not reach it.", stopped),
    ]
