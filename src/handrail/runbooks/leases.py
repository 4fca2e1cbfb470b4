"""What is due in all workspaces: ids, states and times, by the views that show nothing else of a run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from handrail.runbooks import task_system, timing
from handrail.work import lease
from handrail.work.lease import Claim, Kind

# Since when nobody had it is known; that a worker was lost (``failures``) means one more lease.
RUNS = Kind(
    "run",
    "runbooks_operationrun",
    "handrail_run_claim",
    counter="failures",
    recovered=True,
    holder="held_by",
    sets="unattended_seconds = unattended_seconds + extract(epoch FROM clock_timestamp() - due_at)"
    " + CASE WHEN failures > 0 THEN %(lease)s ELSE 0 END",
)
# Who has a run, where it is a process whose end is not noticed. No session has this number.
UNNOTICED = 0
# The next attempt is due, and this one counted, before the call: whatever happens to this worker, attempts are counted
# and get rarer.
REPORTS = Kind(
    "report",
    "runbooks_report",
    "handrail_report_claim",
    key="run_id",
    counter="attempts",
    lease="%(lease)s + least(%(first)s * 2.0 ^ least(attempts, 16), %(ceiling)s)",
    sets="tried_until = coalesce(tried_until, clock_timestamp() + make_interval(secs => %(window)s))",
)
# A message waits for those before it about the same task, and for its run's outcome (the view sees to that). Those
# about a refused task have no tenant: they are claimed as those of a tenant 0.
UPDATES = Kind(
    "update",
    "runbooks_taskupdate",
    "handrail_update_claim",
    counter="attempts",
    lease=REPORTS.lease,
    sets=REPORTS.sets,
)


def claim_runs(count: int, *, after: int = 0, held_by: int | None = None) -> list[Claim]:
    """Up to ``count`` runs that are due; ``after``: the tenant whose turn was last; ``held_by``: the caller's session,
    if its end is to be noticed."""
    return lease.claim(RUNS, count, after=after, lease=timing.get().lease_seconds, held_by=held_by or UNNOTICED)


def claim_run(run_id: int) -> Claim | None:
    """That run; None when it is not due, or another worker was first."""
    return lease.claim_one(RUNS, run_id, lease=timing.get().lease_seconds, held_by=UNNOTICED)


def free_runs(session: int) -> int:
    """Makes the runs due that the worker of ``session`` has, but for those behind an intent; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE handrail_run_held SET due_at = clock_timestamp() WHERE held_by = %s", [session])
        return int(cursor.rowcount)


def claim_reports(count: int, *, after: int = 0) -> list[Claim]:
    """Likewise reports, and then further messages, of the workspaces that have a task system."""
    workspaces = task_system.workspaces().values()
    if not workspaces:
        return []
    claims = lease.claim(REPORTS, count, after=after, workspaces=workspaces, **_report_lease())
    if len(claims) < count:
        claims += lease.claim(UPDATES, count - len(claims), after=after, workspaces=workspaces, **_report_lease())
    return claims


def claim_report(run_id: int) -> Claim | None:
    """The report of that run; None when it is not due, or another worker was first."""
    return lease.claim_one(REPORTS, run_id, **_report_lease())


def claim_update(pk: int) -> Claim | None:
    """That further message; None when it is not due, another goes before it, or another worker was first."""
    return lease.claim_one(UPDATES, pk, **_report_lease())


def _report_lease() -> dict[str, Any]:
    waits = timing.get()
    return {
        "lease": waits.lease_seconds,
        "first": waits.report_wait_seconds,
        "ceiling": waits.report_ceiling_seconds,
        "window": waits.report_window_seconds,
    }


_UNDELIVERED = (
    "SELECT count(*) FILTER (WHERE due_at IS NOT NULL), count(*) FILTER (WHERE due_at IS NULL),"
    " count(*) FILTER (WHERE failure_code = 'not-kept') FROM {} WHERE delivered_at IS NULL"
)


def messages() -> dict[tuple[str, str], int]:
    """Outcomes and further messages that the task systems have not: how many, by what they are ("outcome", "message")
    and how they stand ("due", "stopped", and of either, "not-kept")."""
    found = {(what, how): 0 for what in ("outcome", "message") for how in ("due", "stopped", "not-kept")}
    with connection.cursor() as cursor:
        for what, view in (("outcome", "handrail_report_lease"), ("message", "handrail_update_lease")):
            cursor.execute(_UNDELIVERED.format(view))
            due, stopped, not_kept = cursor.fetchone()
            found |= {(what, "due"): due, (what, "stopped"): stopped, (what, "not-kept"): not_kept}
    return found


def pulls() -> dict[str, tuple[datetime, datetime | None, str]]:
    """Of each task system: when it was last pulled, when its whole list last was, and why it could not go on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT system, at, whole_at, code FROM handrail_pull_lease")
        return {system: (at, whole_at, code) for system, at, whole_at, code in cursor.fetchall()}


def counts(before: datetime) -> tuple[dict[str, int], dict[str, int], int]:
    """Runs by state, exception packets by handling, and runs overdue at ``before``."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT state, count(*) FROM handrail_run_lease GROUP BY state")
        runs = dict(cursor.fetchall())
        cursor.execute("SELECT handling, count(*) FROM handrail_exception_lease GROUP BY handling")
        packets = dict(cursor.fetchall())
        cursor.execute("SELECT count(*) FROM handrail_run_lease WHERE due_at < %s", [before])
        (overdue,) = cursor.fetchone()
    return runs, packets, overdue


def waiting_for_connectors() -> dict[tuple[str, str], int]:
    """Runs that wait for a connector, by its name and the cause."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT connector, cause, count(*) FROM handrail_gate_lease GROUP BY connector, cause")
        return {(connector, cause): count for connector, cause, count in cursor.fetchall()}


def brakes() -> tuple[dict[str, int], datetime | None, int]:
    """Brakes that hold, by kind; since when the oldest of them does; runs that wait for a person to resume them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, count(*), min(at) FROM handrail_brake_lease GROUP BY kind")
        rows = cursor.fetchall()
        cursor.execute("SELECT count(*) FROM handrail_paused_lease")
        (paused,) = cursor.fetchone()
    return {kind: count for kind, count, _ in rows}, min((at for _, _, at in rows), default=None), paused


def overdue_exceptions(limit: int) -> list[tuple[int, int]]:
    """Unresolved exception packets that are late and were not noted to be, with their workspaces: the longest late
    first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, workspace_id FROM handrail_exception_lease WHERE due_at <= clock_timestamp()"
            " AND due_at IS NOT NULL AND overdue_at IS NULL AND NOT handling = 'resolved' ORDER BY due_at LIMIT %s",
            [limit],
        )
        return [(int(pk), int(workspace)) for pk, workspace in cursor.fetchall()]


def late_exceptions() -> int:
    """Unresolved exception packets whose due time is over."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM handrail_exception_lease WHERE due_at <= clock_timestamp() AND handling <> 'resolved'"
        )
        return int(cursor.fetchone()[0])


def recoveries() -> tuple[dict[str, int], int]:
    """Ledger rows that tell of a recovery, by kind; completed runs that were found wrong."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE unknown), count(*) FILTER (WHERE reconciled),"
            " count(*) FILTER (WHERE taken_over), (SELECT count(*) FROM handrail_wrong_lease)"
            " FROM handrail_recovery_lease"
        )
        unknown, reconciled, taken_over, wrong = cursor.fetchone()
    return {"unknown": unknown, "reconciled": reconciled, "taken-over": taken_over}, wrong


def erased() -> int:
    """Runs whose values were erased, because they were not to be kept longer or with their tenant."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM handrail_erased_run_lease")
        return int(cursor.fetchone()[0])


def reviews_waiting() -> int:
    """Completed runs that were drawn for a second look, and had none yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM handrail_review_lease WHERE NOT is_reviewed")
        return int(cursor.fetchone()[0])


def waves() -> tuple[dict[str, int], int]:
    """Waves by state; members that wait until their wave lets them begin."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT state, count(*) FROM handrail_wave_lease GROUP BY state")
        found = dict(cursor.fetchall())
        cursor.execute("SELECT count(*) FROM handrail_wave_member_lease")
        (waiting,) = cursor.fetchone()
    return found, waiting
