"""Runs that a worker has claimed, advanced as far as they go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handrail.access.actor import Actor
from handrail.runbooks import leases, timing
from handrail.runbooks.actions import waves
from handrail.runbooks.engine import advance as engine
from handrail.runbooks.engine import ledger
from handrail.runbooks.engine.holder import LeaseHolder
from handrail.work.lease import Claim


@dataclass(frozen=True, slots=True)
class Advanced:
    """``until``: when the run is next due; None at its end, or where another worker has it by now. ``report``: its
    report, where the run ended here: this process has it, and delivers it."""

    until: datetime | None = None
    report: Claim | None = None


def advance(*, claim: Claim, by: Actor) -> Advanced:
    """Advances a run that this process has claimed as far as it goes. ``claim.lease`` is then what the row was last
    given. Raises OperationalError, InterfaceError when the database is away."""
    run = ledger.load(run_id=claim.id, workspace_id=by.workspace_id, lease=claim.lease)
    if run is None:
        return Advanced()
    run.failures = max(run.failures - 1, 0)  # the claim has counted one, which only a worker that is killed leaves
    holder = LeaseHolder.of(run, by=by, timing=timing.get())
    try:
        until = engine.advance_held(holder)
    finally:
        claim.lease = holder.fence.due_at or claim.lease
    if holder.has_ended:
        waves.member_ended(run, by=by)
    if holder.report_lease is None:
        return Advanced(until)
    born = Claim(leases.REPORTS.name, run.pk, run.workspace_id, run.tenant_id, holder.report_lease)
    return Advanced(until, born)
