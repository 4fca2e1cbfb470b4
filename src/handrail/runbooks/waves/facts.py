"""What the members of a wave say: counted where they are, so that no counter can be wrong after a crash."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from handrail.runbooks.wavemodels import Wave
from handrail.runbooks.waves.rules import ReasonShare, WaveFacts

_COUNTS = """
SELECT count(*) FILTER (WHERE finished_at IS NULL AND wave_round IS NULL),
       count(*) FILTER (WHERE finished_at IS NULL AND wave_round IS NOT NULL),
       count(*) FILTER (WHERE finished_at IS NULL AND wave_round < %(round)s),
       count(*) FILTER (WHERE wave_round = %(round)s),
       count(*) FILTER (WHERE admitted_at > clock_timestamp() - interval '1 minute'),
       count(*) FILTER (WHERE state = 'completed' AND finished_at >= %(since)s),
       count(*) FILTER (WHERE state = 'exception' AND finished_at >= %(since)s),
       max(created_at)
FROM runbooks_operationrun WHERE wave_id = %(wave)s"""
_REASONS = """
SELECT packet.cause, packet.reason, count(*)
FROM runbooks_operationrun AS run JOIN runbooks_exceptionpacket AS packet ON packet.run_id = run.id
WHERE run.wave_id = %(wave)s AND run.state = 'exception' AND run.finished_at >= %(since)s
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"""
# Of a task that was given back more than once, the last run; none where it has become a run again.
RETURNED = """
SELECT DISTINCT ON (run.task_key, run.tenant_id) run.id
FROM runbooks_operationrun AS run JOIN access_tenant AS tenant ON tenant.id = run.tenant_id
WHERE run.wave_id = %(wave)s AND run.not_attempted AND tenant.closed_at IS NULL AND NOT EXISTS (
    SELECT FROM runbooks_operationrun AS again
    WHERE again.workspace_id = run.workspace_id AND again.task_key = run.task_key AND again.runbook = run.runbook
      AND again.task_version = run.task_version AND again.tenant_id = run.tenant_id AND again.made_here = run.made_here
      AND again.not_attempted IS NULL)
ORDER BY run.task_key, run.tenant_id, run.id DESC"""


def read(wave: Wave, *, since: datetime | None = None) -> WaveFacts:
    """As they are now. ``since``: what ended from then on is counted; None for what the wave's rules count."""
    wanted: dict[str, Any] = {"wave": wave.ref, "round": wave.round, "since": since or wave.counted_from}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, wanted)
        counts = cursor.fetchone()
        cursor.execute(_REASONS, wanted)
        reasons = tuple(ReasonShare(*row) for row in cursor.fetchall()) if counts[6] else ()
        returned = 0
        if wave.stops:
            cursor.execute(f"SELECT count(*) FROM ({RETURNED}) AS back", wanted)  # noqa: S608 - a constant
            (returned,) = cursor.fetchone()
    waiting, under_way, earlier, in_round, lately, completed, stopped, joined_at = counts
    return WaveFacts(
        waiting=waiting,
        open=under_way,
        open_earlier=earlier,
        in_round=in_round,
        lately=lately,
        completed=completed,
        stopped=stopped,
        reasons=reasons,
        returned=returned,
        joined_at=joined_at or wave.at,
    )
