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

from handrail.runbooks.limits.gate import ConnectorWait
from handrail.runbooks.limits.gatestate import WaitCause
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import BrakeKind

# How often a paused run looks again by itself. Resuming wakes it; this is for the case that nobody could.
RECHECK_SECONDS = 600.0


def controls_of(run: str, *, updated_at: str = "updated_at") -> str:
    """SQL for what applies to the row ``run``, which has ``id`` and ``definition_id``, and its ``updated_at`` under
    that name: an object for ``from_json``."""
    return f"""(
    SELECT jsonb_build_object(
        'orphaned', d.state = 'deprecated' AND NOT EXISTS (
            SELECT FROM definitions_definition o WHERE o.workspace_id = d.workspace_id AND o.kind = d.kind
            AND o.name = d.name AND o.state = 'active'),
        'stop', (
            SELECT jsonb_build_object('by', s.by, 'reason', s.reason) FROM runbooks_stoprequest s
            WHERE s.run_id = {run}.id),
        'resumed_at', (
            SELECT CASE WHEN p.cause IN ('breaker', 'asked') THEN coalesce(p.passed_at, p.resumed_at)
                   WHEN p.connector <> '' THEN p.resumed_at
                   WHEN p.brake_id IS NULL THEN d.returned_at
                   ELSE b.released_at END
            FROM runbooks_pausedrun p LEFT JOIN runbooks_brake b ON b.id = p.brake_id WHERE p.run_id = {run}.id),
        'gate', (
            SELECT jsonb_build_object('seconds', p.waited_seconds, 'cause', p.cause, 'passed', p.passed_at IS NOT NULL)
            FROM runbooks_pausedrun p
            WHERE p.run_id = {run}.id AND p.connector <> '' AND p.run_updated_at = {run}.{updated_at}),
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
class GateNote:
    """``seconds``: how long the run waited for limits of connectors. ``in_trouble``: its last wait was for a service in
    trouble, and it has not called it since."""

    seconds: float
    in_trouble: bool


@dataclass(frozen=True, slots=True)
class Controls:
    """``orphaned``: the run's version was deprecated, and no other one is active. ``resumed_at``: when the last wait of
    the run for a person, or for a service in trouble, ended. ``gate``: the run waited for a connector since its last
    row."""

    orphaned: bool = False
    stop: Stopped | None = None
    brakes: tuple[AppliedBrake, ...] = ()
    resumed_at: datetime | None = None
    gate: GateNote | None = None

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
    stop, gate = found["stop"], found["gate"]
    return Controls(
        orphaned=found["orphaned"],
        stop=Stopped(**stop) if stop else None,
        brakes=tuple(AppliedBrake(one["id"], BrakeKind(one["kind"]), one["target"]) for one in found["brakes"] or ()),
        resumed_at=datetime.fromisoformat(found["resumed_at"]) if found["resumed_at"] else None,
        gate=GateNote(gate["seconds"], WaitCause(gate["cause"]).is_trouble and not gate["passed"]) if gate else None,
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
            " brake_id = excluded.brake_id, run_updated_at = excluded.run_updated_at,"
            " connector = '', cause = '', until = NULL, waited_seconds = 0, passed_at = NULL, resumed_at = NULL",
            [run.workspace_id, run.tenant_id, run.pk, held.brake, run.pk],
        )
    return True


def note_gate(run: OperationRun, wait: ConnectorWait, *, waited_seconds: float, resumed_at: datetime | None) -> None:
    """Notes that ``run`` waits for a connector, in the caller's transaction. ``waited_seconds``: for limits, since its
    last row, with this wait. ``resumed_at``: when an earlier wait ended, which this note would forget."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO runbooks_pausedrun AS p"
            " (workspace_id, tenant_id, run_id, brake_id, at, run_updated_at, connector, cause, until, waited_seconds,"
            " resumed_at)"
            " VALUES (%s, %s, %s, NULL, clock_timestamp(),"
            " (SELECT updated_at FROM runbooks_operationrun WHERE id = %s), %s, %s, %s, %s, %s)"
            " ON CONFLICT (run_id) DO UPDATE SET"
            " at = CASE WHEN p.connector = excluded.connector AND p.run_updated_at = excluded.run_updated_at"
            " AND p.passed_at IS NULL THEN p.at ELSE excluded.at END,"
            " brake_id = NULL, run_updated_at = excluded.run_updated_at, connector = excluded.connector,"
            " cause = excluded.cause, until = excluded.until, waited_seconds = excluded.waited_seconds,"
            " passed_at = NULL, resumed_at = excluded.resumed_at",
            [
                *(run.workspace_id, run.tenant_id, run.pk, run.pk),
                *(wait.connector, wait.cause, wait.until, waited_seconds, resumed_at),
            ],
        )


def note_passed(run: OperationRun, at: datetime) -> None:
    """Notes that ``run`` does not wait for a connector any more since ``at``, though it has not moved yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE runbooks_pausedrun SET passed_at = %s WHERE run_id = %s AND connector <> '' AND passed_at IS NULL",
            [at, run.pk],
        )


def wake(*, brake: int | None = None, definitions: Collection[int] = (), connector: str = "") -> list[int]:
    """Makes the runs due that wait for this brake, for one of these versions, or for this connector, in the caller's
    transaction."""
    what: list[Any]
    by, what = "p.brake_id IS NULL AND p.connector = '' AND r.definition_id = ANY(%s)", [list(definitions)]
    if brake is not None:
        by, what = "p.brake_id = %s", [brake]
    elif connector:
        by, what = "p.connector = %s AND p.passed_at IS NULL", [connector]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE runbooks_operationrun r SET due_at = now(), failures = greatest(r.failures - 1, 0),"  # noqa: S608
            " held_by = NULL"
            " FROM runbooks_pausedrun p"
            " WHERE p.run_id = r.id AND r.finished_at IS NULL AND r.updated_at = p.run_updated_at"
            f" AND {by} RETURNING r.id",
            what,
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
