"""Recurring duties: each is one row, claimed like everything that is due, so that one of all workers does it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import connection

from handrail.work.backoff import doubled
from handrail.work.lease import Claim

KIND = "duty"
# A duty whose worker was killed is done by another after this long.
LEASE_SECONDS = 30.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 5.0, 300.0


def ensure(every: Mapping[str, float]) -> None:
    """Makes a row for each duty, by name, that is done every so many seconds; one that exists is due no later."""
    with connection.cursor() as cursor:
        for name, seconds in sorted(every.items()):
            cursor.execute(
                "INSERT INTO work_duty AS d (name, due_at, failures) VALUES (%s, clock_timestamp(), 0)"
                " ON CONFLICT (name) DO UPDATE SET due_at = excluded.due_at + make_interval(secs => %s)"
                " WHERE d.due_at > excluded.due_at + make_interval(secs => %s)",
                [name, seconds, max(seconds, LEASE_SECONDS)],
            )


def claim(names: list[str], count: int) -> list[Claim]:
    """Up to ``count`` of the duties ``names`` that are due, the longest overdue first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE work_duty SET due_at = clock_timestamp() + make_interval(secs => %s), failures = failures + 1"
            " WHERE name IN (SELECT name FROM work_duty WHERE due_at <= clock_timestamp() AND name = ANY(%s)"
            "                ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING name, due_at",
            [LEASE_SECONDS, names, count],
        )
        return [Claim(KIND, 0, 0, 0, lease, name) for name, lease in cursor.fetchall()]


def hasten(name: str) -> None:
    """Makes a duty that no worker is at due now. In the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE work_duty SET due_at = clock_timestamp() WHERE name = %s AND failures = 0"
            " AND due_at > clock_timestamp()",
            [name],
        )


def renew(claim: Claim) -> None:
    """Keeps the duty for as long again, unless another worker has it by now."""
    _write(claim, LEASE_SECONDS, "failures")


def done(claim: Claim, *, every: float) -> None:
    """It was done, and is due again in ``every`` seconds."""
    _write(claim, every, "0")


def give_back(claim: Claim) -> None:
    """It was not begun: any worker may do it now."""
    _write(claim, 0, "greatest(failures - 1, 0)")


def failed(claim: Claim, *, every: float) -> None:
    """It failed: it is due again after a while, which gets longer with each failure, but no sooner than usual."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT failures FROM work_duty WHERE name = %s", [claim.word])
        row = cursor.fetchone()
    if row is not None:
        _write(claim, max(doubled(FIRST_WAIT_SECONDS, row[0] - 1, LONGEST_WAIT_SECONDS), every), "failures")


def counts() -> tuple[int, int]:
    """How many duties are overdue, and how many failed when they were last done."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE due_at <= clock_timestamp()), count(*) FILTER (WHERE failures > 1)"
            " FROM work_duty"
        )
        overdue, failing = cursor.fetchone()
    return int(overdue), int(failing)


def _write(claim: Claim, seconds: float, failures: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE work_duty SET due_at = clock_timestamp() + make_interval(secs => %s), failures = {failures}"
            " WHERE name = %s AND due_at = %s RETURNING due_at",
            [seconds, claim.word, claim.lease],
        )
        row: tuple[datetime] | None = cursor.fetchone()
    if row is not None:
        claim.lease = row[0]
