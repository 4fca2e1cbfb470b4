"""How many runs of a runbook may begin: so many at once, and a minute, over all workers.

A run takes its place in the transaction that writes its first intent, under the lock of the runbook's one row, so that
two workers never take the same one. Runs under way are counted where they are; a run that a worker left is one of them
until it ends, so no place is ever lost. A runbook without limits costs no statement.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection

from handrail.definitions.runbook.format import RunbookLimitsSpec
from handrail.runbooks.limits.gate import ConnectorWait
from handrail.runbooks.limits.gatestate import WaitCause
from handrail.runbooks.models import OperationRun

MINUTE = 60.0
# Between two looks of a run that waits for its place: the longer it has waited, the rarer.
_FIRST_SECONDS, _MOST_SECONDS = 1.0, 15.0


@dataclass(frozen=True, slots=True)
class Full:
    """Why no further run begins now. ``seconds``: until when looking again may help; None where nobody can say."""

    cause: WaitCause
    seconds: float | None

    def wait(self, run: OperationRun, now: datetime, *, waited: float) -> ConnectorWait:
        """As what the run is noted to wait for."""
        pause = min(max(_FIRST_SECONDS, waited / 4), _MOST_SECONDS)
        if self.seconds is not None:
            pause = max(self.seconds, 0.1)
        again = datetime.fromtimestamp(now.timestamp() + pause, UTC)
        return ConnectorWait(f"runbook {run.runbook}", self.cause, None, again)


class NoPlace(Exception):
    """As many runs of this runbook as may be have begun."""

    def __init__(self, full: Full) -> None:
        super().__init__(full.cause)
        self.full = full


def look(run: OperationRun, limits: RunbookLimitsSpec) -> Full | None:
    """Whether another run could begin now, without taking a place: so that nothing is read in vain."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT started, extract(epoch FROM clock_timestamp())::float8 FROM runbooks_runbookgate"
            " WHERE workspace_id = %s AND runbook = %s",
            [run.workspace_id, run.runbook],
        )
        found = cursor.fetchone()
    started, now = (_parsed(found[0]), found[1]) if found else ([], 0.0)
    return _full(run, limits, started, now)


def take(run: OperationRun, limits: RunbookLimitsSpec) -> None:
    """Takes a place for ``run``, in the caller's transaction, which is to write its first intent. Raises NoPlace."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO runbooks_runbookgate (workspace_id, runbook, started) VALUES (%s, %s, '[]')"
            " ON CONFLICT (workspace_id, runbook) DO NOTHING",
            [run.workspace_id, run.runbook],
        )
        cursor.execute(
            "SELECT started, id FROM runbooks_runbookgate WHERE workspace_id = %s AND runbook = %s FOR UPDATE",
            [run.workspace_id, run.runbook],
        )
        text, pk = cursor.fetchone()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        (now,) = cursor.fetchone()
        started = _parsed(text)
        if (full := _full(run, limits, started, now)) is not None:
            raise NoPlace(full)
        kept = [at for at in started if now - MINUTE < at] + [now]
        cursor.execute("UPDATE runbooks_runbookgate SET started = %s::jsonb WHERE id = %s", [json.dumps(kept), pk])


def _parsed(found: str | list[float]) -> list[float]:
    return json.loads(found) if isinstance(found, str) else found


def _full(run: OperationRun, limits: RunbookLimitsSpec, started: list[float], now: float) -> Full | None:
    if limits.a_minute is not None:
        lately = sorted(at for at in started if now - MINUTE < at)
        if len(lately) >= limits.a_minute:
            frees = lately[len(lately) - limits.a_minute] + MINUTE - now
            return Full(WaitCause.RUNS_A_MINUTE, math.ceil(frees * 10) / 10)
    if limits.at_once is not None and _under_way(run) >= limits.at_once:
        return Full(WaitCause.RUNS_AT_ONCE, None)
    return None


def _under_way(run: OperationRun) -> int:
    """Runs of the same runbook between their first intent and their end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM runbooks_operationrun WHERE workspace_id = %s AND runbook = %s AND id <> %s"
            " AND state IN ('invoking', 'verifying')",
            [run.workspace_id, run.runbook, run.pk],
        )
        return int(cursor.fetchone()[0])
