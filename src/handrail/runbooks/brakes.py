"""What keeps a run from its next intent: a brake that a person applied, an order to stop, or a version without a
successor that is not active any more.

The engine learns it with what it reads and writes of a run (``controls_of``), and lets ``Controls.holding`` decide,
which is pure; the statement that writes an intent writes nothing where something else applies by then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import JSONField
from django.db.models.expressions import RawSQL

from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import BrakeKind

# How often a paused run looks again by itself. Resuming wakes it; this is for the case that nobody could.
RECHECK_SECONDS = 600.0


def controls_of(run: str) -> str:
    """SQL for what applies to the row ``run``, which has ``id`` and ``definition_id``: an object for ``from_json``."""
    return f"""(
    SELECT jsonb_build_object(
        'orphaned', d.state = 'deprecated' AND NOT EXISTS (
            SELECT FROM definitions_definition o WHERE o.workspace_id = d.workspace_id AND o.kind = d.kind
            AND o.name = d.name AND o.state = 'active'),
        'stop', (
            SELECT jsonb_build_object('by', s.by, 'reason', s.reason) FROM runbooks_stoprequest s
            WHERE s.run_id = {run}.id),
        'resumed_at', (
            SELECT CASE WHEN p.brake_id IS NULL THEN d.returned_at ELSE b.released_at END
            FROM runbooks_pausedrun p LEFT JOIN runbooks_brake b ON b.id = p.brake_id WHERE p.run_id = {run}.id),
        'brakes', (
            SELECT jsonb_agg(jsonb_build_object('id', b.id, 'kind', b.kind, 'target', b.target) ORDER BY b.id)
            FROM runbooks_brake b WHERE b.workspace_id = d.workspace_id AND b.released_at IS NULL))
    FROM definitions_definition d WHERE d.id = {run}.definition_id)"""  # noqa: S608 - a name of ours


@dataclass(frozen=True, slots=True)
class AppliedBrake:
    id: int
    kind: BrakeKind
    target: str

    def holds(self, run: OperationRun, connectors: Collection[str]) -> bool:
        match self.kind:
            case BrakeKind.EVERYTHING:
                return True
            case BrakeKind.TENANT:
                return self.target == str(run.tenant_id)
            case BrakeKind.RUNBOOK:
                return self.target == str(run.definition_id)
            case BrakeKind.CONNECTOR:
                return self.target in connectors
            case BrakeKind.INTAKE:
                return False


@dataclass(frozen=True, slots=True)
class Stopped:
    """A person has ordered the run to stop."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Held:
    """The run waits: for this brake to be released, or without one for its version to become active again."""

    brake: int | None


@dataclass(frozen=True, slots=True)
class Controls:
    """``orphaned``: the run's version was deprecated, and no other one is active. ``resumed_at``: when the last wait of
    the run for a person ended."""

    orphaned: bool = False
    stop: Stopped | None = None
    brakes: tuple[AppliedBrake, ...] = ()
    resumed_at: datetime | None = None

    def holding(self, run: OperationRun, connectors: Collection[str]) -> Held | None:
        """What ``run``, which still needs ``connectors``, waits for before its next intent."""
        brake = next((brake for brake in self.brakes if brake.holds(run, connectors)), None)
        if brake is not None:
            return Held(brake.id)
        return Held(None) if self.orphaned else None


def read(run: OperationRun) -> Controls:
    """What applies to ``run`` now, in one statement."""
    found = OperationRun.objects.filter(pk=run.pk).values_list(
        RawSQL(controls_of("runbooks_operationrun"), (), output_field=JSONField()),  # noqa: S611 - a constant
        flat=True,
    )
    return from_json(found.get())


def from_json(found: Mapping[str, Any]) -> Controls:
    """What ``controls_of`` gave."""
    stop = found["stop"]
    return Controls(
        orphaned=found["orphaned"],
        stop=Stopped(**stop) if stop else None,
        brakes=tuple(AppliedBrake(one["id"], BrakeKind(one["kind"]), one["target"]) for one in found["brakes"] or ()),
        resumed_at=datetime.fromisoformat(found["resumed_at"]) if found["resumed_at"] else None,
    )


def note_paused(run: OperationRun, held: Held) -> bool:
    """Notes that ``run`` waits for what ``held`` names, in the caller's transaction; False when that has just ended.

    The brake stays as it is until the commit: the person who resumes finds the run noted, or the run finds the brake
    released.
    """
    with connection.cursor() as cursor:
        if held.brake is not None:
            cursor.execute("SELECT 1 FROM runbooks_brake WHERE id = %s AND released_at IS NULL FOR SHARE", [held.brake])
        else:
            cursor.execute(
                "SELECT 1 FROM definitions_definition WHERE id = %s AND state = 'deprecated' FOR SHARE",
                [run.definition_id],
            )
        if cursor.fetchone() is None:
            return False
        cursor.execute(
            "INSERT INTO runbooks_pausedrun (workspace_id, tenant_id, run_id, brake_id, at, run_updated_at)"
            " VALUES (%s, %s, %s, %s, clock_timestamp(), (SELECT updated_at FROM runbooks_operationrun WHERE id = %s))"
            " ON CONFLICT (run_id) DO UPDATE SET"
            " at = CASE WHEN runbooks_pausedrun.brake_id IS NOT DISTINCT FROM excluded.brake_id"
            " AND runbooks_pausedrun.run_updated_at = excluded.run_updated_at"
            " THEN runbooks_pausedrun.at ELSE excluded.at END,"
            " brake_id = excluded.brake_id, run_updated_at = excluded.run_updated_at",
            [run.workspace_id, run.tenant_id, run.pk, held.brake, run.pk],
        )
    return True


def wake(*, brake: int | None = None, definitions: Collection[int] = ()) -> list[int]:
    """Makes the runs due that wait for this brake, or for one of these versions, in the caller's transaction."""
    by = "p.brake_id = %s" if brake is not None else "p.brake_id IS NULL AND r.definition_id = ANY(%s)"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE runbooks_operationrun r SET due_at = now(), failures = greatest(r.failures - 1, 0)"  # noqa: S608
            " FROM runbooks_pausedrun p"
            " WHERE p.run_id = r.id AND r.finished_at IS NULL AND r.updated_at = p.run_updated_at"
            f" AND {by} RETURNING r.id",
            [brake if brake is not None else list(definitions)],
        )
        return [pk for (pk,) in cursor.fetchall()]


def intake_paused_since(workspace_id: int) -> datetime | None:
    """Since when no new run begins in this workspace, because its intake or everything is paused."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(at) FROM runbooks_brake WHERE workspace_id = %s AND released_at IS NULL"
            " AND kind IN ('intake', 'everything')",
            [workspace_id],
        )
        found: datetime | None = cursor.fetchone()[0]
    return found
