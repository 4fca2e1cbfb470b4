"""Figures about stopped runs in the hands of people: how long until somebody was notified, took over, and resolved; and
what came of follow-up runs. Counted from exception packets, the audit log and what was delivered, in the actor's scope.
"""

# ruff: noqa: S608 - nothing but constants
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.snapshot import snapshot
from handrail.kernel.clock import FIRST_YEAR, now
from handrail.runbooks import evaluation
from handrail.runbooks.evaluation import EvaluationFilter
from handrail.runbooks.queries import waves
from handrail.runbooks.queries.waves import WavesStopped

# Rows of reasons. More would not be read.
MOST_REASONS = 500
ALL, OF_RUNBOOK, OF_REASON = 3, 1, 0


@dataclass(frozen=True, slots=True)
class WaitFigures:
    """How long exception packets waited for one thing. ``waiting``: of how many it has not happened yet; they count
    with the time that they have waited so far. None where there are no packets."""

    waiting: int = 0
    seconds_median: float | None = None
    seconds_p95: float | None = None


@dataclass(frozen=True, slots=True)
class HandlingFigures:
    """Of exception packets of one runbook and reason; empty where of all. ``notified``: until the first channel had it;
    ``taken``: until the first person took it over or was given it; ``resolved``: until it was resolved. ``late``: those
    that were not resolved when they were due."""

    runbook: str = ""
    reason: str = ""
    packets: int = 0
    late: int = 0
    notified: WaitFigures = WaitFigures()
    taken: WaitFigures = WaitFigures()
    resolved: WaitFigures = WaitFigures()


@dataclass(frozen=True, slots=True)
class FollowUpFigures:
    """Runs that people started from exception packets. ``completed``: those that did, and were not found wrong."""

    started: int = 0
    ended: int = 0
    completed: int = 0


@dataclass(frozen=True, slots=True)
class HandlingEvaluation:
    """``runbooks``: by runbook; ``reasons``: by runbook and reason, the most packets first. ``waves``: how waves
    stopped themselves in this time, of the whole workspace; None for who sees only a part, or asks for one."""

    total: HandlingFigures
    runbooks: list[HandlingFigures]
    reasons: list[HandlingFigures]
    follow_ups: FollowUpFigures
    waves: WavesStopped | None = None


@snapshot()
def evaluate(actor: Actor, wanted: EvaluationFilter | None = None) -> HandlingEvaluation:
    """Figures over the exception packets of the runs that ``wanted`` names. Three statements. Raises Denied without
    ``evaluation:view``."""
    actor.require(Capability.EVALUATION_VIEW)
    wanted = wanted or EvaluationFilter()
    chosen = evaluation.chosen_by(actor, wanted)
    found = [(row["of"], _figures(row)) for row in _rows(_HANDLED, chosen)]
    return HandlingEvaluation(
        total=next((one for of, one in found if of == ALL and one.packets), HandlingFigures()),
        runbooks=[one for of, one in found if of == OF_RUNBOOK],
        reasons=[one for of, one in found if of == OF_REASON][:MOST_REASONS],
        follow_ups=FollowUpFigures(**_rows(_FOLLOWED_UP, chosen)[0]),
        waves=_waves(actor, wanted),
    )


def _waves(actor: Actor, wanted: EvaluationFilter) -> WavesStopped | None:
    if wanted.tenant or wanted.runbook or not actor.may_everywhere(Capability.EVALUATION_VIEW):
        return None
    since = wanted.since or datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    return waves.stopped_in_time(actor, since=since, until=wanted.until or now())


def _figures(row: Mapping[str, Any]) -> HandlingFigures:
    waits = {
        name: WaitFigures(row[f"{name}_waiting"], row[f"{name}_median"], row[f"{name}_p95"])
        for name in ("notified", "taken", "resolved")
    }
    return HandlingFigures(row["runbook"] or "", row["reason"] or "", row["packets"], row["late"], **waits)


def _rows(statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _wait(name: str, until: str) -> str:
    """The columns of one wait, which ends ``until``, or goes on."""
    seconds = f"extract(epoch FROM greatest(coalesce({until}, statement_timestamp()) - at, interval '0'))"
    shares = {"median": 0.5, "p95": 0.95}
    percentiles = [
        f"percentile_cont({share}) WITHIN GROUP (ORDER BY {seconds})::float8 AS {name}_{of}"
        for of, share in shares.items()
    ]
    return f"count(*) FILTER (WHERE {until} IS NULL) AS {name}_waiting, {', '.join(percentiles)}"


# A person who finds a packet before a channel had it needs no message any more; a packet that was resolved without
# being taken over was taken over then. The first time counts: who has it may change.
_HANDLED = f"""
WITH {evaluation.CHOSEN}, packets AS MATERIALIZED (
    SELECT chosen.runbook, packet.reason, packet.at, packet.resolved_at, packet.due_at,
           (SELECT min(event.at) FROM audit_auditevent event
            WHERE event.subject_kind = 'exception' AND event.subject = packet.ref
              AND event.event IN ('exception.taken', 'exception.assigned')) AS taken_at,
           (SELECT min(message.notified_at) FROM notifications_notifiedevent message
            WHERE message.workspace_id = %(workspace)s AND message.subject = packet.ref) AS notified_at
    FROM chosen JOIN runbooks_exceptionpacket packet ON packet.run_id = chosen.id)
SELECT grouping(runbook, reason) AS of, runbook, reason, count(*) AS packets,
       count(*) FILTER (WHERE due_at < coalesce(resolved_at, statement_timestamp())) AS late,
       {_wait("notified", "least(notified_at, taken_at, resolved_at)")},
       {_wait("taken", "least(taken_at, resolved_at)")},
       {_wait("resolved", "resolved_at")}
FROM packets GROUP BY GROUPING SETS ((), (runbook), (runbook, reason))
ORDER BY of DESC, packets DESC, runbook, reason"""

_FOLLOWED_UP = f"""
WITH {evaluation.CHOSEN}
SELECT count(*) AS started, count(*) FILTER (WHERE chosen.finished_at IS NOT NULL) AS ended,
       count(*) FILTER (WHERE chosen.state = 'completed' AND wrong.id IS NULL) AS completed
FROM chosen JOIN runbooks_followup followed ON followed.run_id = chosen.id
LEFT JOIN runbooks_wrongcompletion wrong ON wrong.run_id = chosen.id"""
