"""What is due in all workspaces: ids, states and times, by the views that show nothing else of a run."""

from __future__ import annotations

from datetime import datetime

from django.db import connection


def due_runs(before: datetime, *, limit: int) -> list[int]:
    """The runs that were to move before ``before``, the longest overdue first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM handrail_run_lease WHERE due_at < %s ORDER BY due_at LIMIT %s",
            [before, limit],
        )
        return [pk for (pk,) in cursor.fetchall()]


def workspace_of(run_id: int) -> int | None:
    """Which workspace a run belongs to; None when there is no such run."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM handrail_run_lease WHERE id = %s", [run_id])
        found = cursor.fetchone()
    return None if found is None else int(found[0])


def due_reports(workspace_slug: str, before: datetime, *, limit: int) -> list[int]:
    """The runs of one workspace whose report was to be sent before ``before``, the longest overdue first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.run_id FROM handrail_report_lease l JOIN handrail_workspace_directory w ON w.id = l.workspace_id"
            " WHERE w.slug = %s AND l.delivered_at IS NULL AND l.due_at < %s ORDER BY l.due_at LIMIT %s",
            [workspace_slug, before, limit],
        )
        return [pk for (pk,) in cursor.fetchall()]


def counts(before: datetime) -> tuple[dict[str, int], dict[str, int], int, int, int]:
    """Runs by state, exception packets by handling, runs overdue at ``before``; reports that are due or will be, and
    those that ended undelivered."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT state, count(*) FROM handrail_run_lease GROUP BY state")
        runs = dict(cursor.fetchall())
        cursor.execute("SELECT handling, count(*) FROM handrail_exception_lease GROUP BY handling")
        packets = dict(cursor.fetchall())
        cursor.execute(
            "SELECT (SELECT count(*) FROM handrail_run_lease WHERE due_at < %s),"
            " (SELECT count(*) FROM handrail_report_lease WHERE delivered_at IS NULL AND due_at IS NOT NULL),"
            " (SELECT count(*) FROM handrail_report_lease WHERE delivered_at IS NULL AND due_at IS NULL)",
            [before],
        )
        overdue, undelivered, stopped = cursor.fetchone()
    return runs, packets, overdue, undelivered, stopped
