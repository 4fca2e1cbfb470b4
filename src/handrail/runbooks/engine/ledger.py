"""Reads a run with its ledger, and writes what was decided, so that of several workers only the first succeeds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import structlog
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import JSONField, Model
from django.db.models.expressions import RawSQL
from psycopg.errors import ReadOnlySqlTransaction, UniqueViolation
from psycopg.types.json import Jsonb

from handrail.access.outlines import OutlinedField
from handrail.audit.actions import By, row_of
from handrail.definitions.models import Definition
from handrail.definitions.states import DefinitionState
from handrail.kernel.clock import RemoteClock, steady
from handrail.kernel.errors import Stale
from handrail.runbooks import brakes, sampling
from handrail.runbooks.brakes import Controls
from handrail.runbooks.engine import statements
from handrail.runbooks.engine.decision import Commit, CurrentState, Ending, NewEvent, NewRow
from handrail.runbooks.engine.execution import Subject
from handrail.runbooks.engine.position import Row
from handrail.runbooks.models import Checkpoint, CompletionRecord, ExceptionPacket, OperationRun, Report
from handrail.runbooks.states import RUN, EventKind, RunState
from handrail.work.prepared import Statement

log = structlog.get_logger("handrail.runbooks")
T = TypeVar("T")
M = TypeVar("M", bound=Model)

_DETAIL = Checkpoint._meta.get_field("detail")
# Before the first try to reach the database again, and between further ones.
RECONNECT_SECONDS = (0.0, 0.1, 0.25, 0.5)


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of a run beside its columns, and when by the database's clock."""

    clock: RemoteClock
    subject: Subject
    rows: tuple[Row, ...]
    controls: Controls


@dataclass(frozen=True, slots=True)
class Fence:
    """As what a run must still stand in the database for a write to count. ``due_at`` is the writer's lease; None for
    somebody who holds none. ``sequence``: the last ledger row that the writer knows."""

    state: RunState
    due_at: datetime | None
    sequence: int


@dataclass(frozen=True, slots=True)
class Written:
    """``next_run``: the run that has waited for the subject of one that ended, and is due now. ``controls``: what
    applied to the run when this was written; None where it ended."""

    clock: RemoteClock
    rows: tuple[Row, ...]
    next_run: int | None
    controls: Controls | None


def load(*, run_id: int, workspace_id: int, lease: datetime) -> OperationRun | None:
    """The run with its definition and what is observed of it, in one statement; None where ``lease`` is not its."""
    asked = steady()
    found = _load().fetch({"run": run_id, "workspace": workspace_id, "lease": lease})
    if not found:
        return None
    *columns, observed = found[0]
    width = len(OperationRun._meta.concrete_fields)
    run, run.definition = _made(OperationRun, columns[:width]), _made(Definition, columns[width:])
    run.seen = _from_json(asked, json.loads(observed))  # type: ignore[attr-defined]
    return run


@cache
def _load() -> Statement:
    columns = ", ".join(
        f'{model._meta.db_table}."{field.column}"'
        for model in (OperationRun, Definition)
        for field in model._meta.concrete_fields
    )
    return Statement(statements.LOAD.replace("{columns}", columns))


def _made(model: type[M], values: Sequence[Any]) -> M:
    """The row that ``values`` are of. Django has the driver leave JSON as text."""
    fields = model._meta.concrete_fields
    read = [
        _read(json.loads(value), field) if isinstance(field, JSONField) else value
        for field, value in zip(fields, values, strict=True)
    ]
    return model.from_db(connection.alias, [field.attname for field in fields], read)


def _read(value: Any, field: JSONField[Any, Any]) -> Any:
    return field.revealed(value) if isinstance(field, OutlinedField) else value


def observe(run: OperationRun) -> Observed:
    """What is observed of ``run``: what came with it when it was loaded, the first time; then as it is now."""
    seen: Observed | None = run.__dict__.pop("seen", None)
    if seen is not None:
        return seen
    asked = steady()
    return _from_json(asked, OperationRun.objects.values_list(_observed(), flat=True).get(pk=run.pk))


def current_state(run: OperationRun) -> CurrentState:
    """How ``run`` stands now, in one statement: its definition's state, and whether its subject is fenced."""
    rows = OperationRun.objects.filter(pk=run.pk)
    state, observed = rows.values_list("definition__state", _observed()).get()
    orphaned = observed["controls"]["orphaned"]
    return CurrentState(state == DefinitionState.ACTIVE, orphaned, observed["fenced"], observed["unheld"])


def rows_of(run: OperationRun) -> list[Row]:
    """The whole ledger of ``run``, in order."""
    return [
        Row(c.sequence, EventKind(c.kind), c.step, c.attempt, c.idempotency_key, c.at, c.deadline_at, c.detail)
        for c in run.checkpoints.order_by("sequence")
    ]


def fence_of(run: OperationRun) -> Fence:
    """How ``run`` stands in the database at this moment, for a writer without a lease."""
    last = run.checkpoints.order_by("-sequence").values_list("run__state", "sequence")[0]
    return Fence(RunState(last[0]), None, last[1])


def find_written(run: OperationRun, commit: Commit, fence: Fence, *, due_at: datetime) -> Written | None:
    """What ``write`` would have given, where it was committed though its answer was lost; else None.

    Nobody else leases a run until that very instant, and none has moved on from an end.
    """
    asked = steady()
    runs = OperationRun.objects.filter(pk=run.pk).values_list("state", "due_at", _observed())
    state, lease, observed = runs[0]
    if state != commit.state or lease != (None if commit.state in RUN.terminal else due_at):
        return None
    seen = _from_json(asked, observed)
    return Written(seen.clock, seen.rows[fence.sequence :], None, seen.controls)


def clock() -> RemoteClock:
    """The database's clock."""
    asked = steady()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return RemoteClock(cursor.fetchone()[0], asked)


def write(
    run: OperationRun,
    commit: Commit,
    fence: Fence,
    *,
    by: By,
    due_at: datetime | None,
    turn: int,
    known_brakes: Collection[int] = (),
    report: Mapping[str, Any] | None = None,
) -> Written:
    """Writes ``commit`` in one statement: all of it or nothing. ``turn``: the subject's last one that the writer knows.
    ``known_brakes``: those that an intent was decided by. ``report``: columns of the report that an end leaves; it is
    due at once without.

    Raises Stale when the run is not as ``fence`` says, its subject's next turn is taken, or where it is an intent
    people have ordered something else meanwhile; then nothing was written.
    """
    before, ended = fence.state, commit.state in RUN.terminal
    if commit.state is not before and not RUN.allows(before, commit.state):
        raise ValueError(f"a run can't go from {before} to {commit.state}")
    parameters = {
        "run": run.pk,
        "state": commit.state,
        "before": before,
        "due_at": None if ended else due_at,
        "lease": fence.due_at,
        "ended": ended,
        "turn": turn + 1 if commit.claims else None,
        "brakes": sorted(known_brakes) if commit.is_intent else None,
        "worker": by.name,
        "rows": as_rows(commit.rows, fence.sequence, run),
        **as_events(commit.events, by, run.ref),
        **_left_behind(run, commit.ending, None if run.made_here else report or {}),
    }
    asked = steady()
    try:
        found = execute(statements.END if commit.ending else statements.WRITE, parameters)
    except IntegrityError as error:
        if isinstance(error.__cause__, UniqueViolation):
            raise Stale from error
        raise
    if found is None:
        raise Stale
    at, _, next_run, controls = found
    rows = tuple(
        Row(n, row.kind, row.step, row.attempt, row.idempotency_key, at, row.deadline_at, row.detail)
        for n, row in enumerate(commit.rows, start=fence.sequence + 1)
    )
    return Written(RemoteClock(at, asked), rows, next_run, _controls(controls))


def write_delivered(report: Report, event: NewEvent, *, by: By) -> None:
    """Writes that the task system has accepted ``report``, with the event, unless that is written already."""
    execute(statements.DELIVERED, {"report": report.pk, **as_events((event,), by, report.run.ref)})


def hold(run: OperationRun, fence: Fence, *, until: datetime, failures: int | None = None) -> None:
    """Moves the end of the caller's lease to ``until``, and sets how often its worker has failed. Raises Stale when
    another worker has the run."""
    wanted = {"run": run.pk, "before": fence.state, "lease": fence.due_at, "until": until, "failures": failures}
    if not _update(statements.HOLD, wanted):
        raise Stale


def insist(act: Callable[[], T], *, landed: Callable[[], T | None], is_over: Callable[[], bool]) -> T:
    """``act``, a write; where the connection drops, or its server has become a standby, again over a new one, until
    ``is_over``.

    Whether a write that got no answer was committed is asked by ``landed`` before it is repeated. Raises what ``act``
    raises; inside a transaction of the caller's, a dropped connection at once.
    """
    unsure = False
    for pause in _pauses():
        try:
            known = landed() if unsure else None
            return act() if known is None else known
        except (OperationalError, InterfaceError, InternalError) as error:
            if connection.in_atomic_block or is_over() or not _may_pass(error):
                raise
            log.info("a write is repeated over a new connection", error=type(error).__name__)
            unsure = True
            connection.close()
            time.sleep(pause)
    raise AssertionError("the loop returns or raises")


def _may_pass(error: Exception) -> bool:
    """Of internal errors one does over a new connection: the server that was the primary takes no writes any more."""
    return not isinstance(error, InternalError) or isinstance(error.__cause__, ReadOnlySqlTransaction)


def _pauses() -> Iterator[float]:
    yield from RECONNECT_SECONDS
    while True:
        yield RECONNECT_SECONDS[-1]


def _observed() -> RawSQL:
    return RawSQL(statements.OBSERVED, (), output_field=JSONField())  # noqa: S611 - a constant


def _from_json(asked: float, found: dict[str, Any]) -> Observed:
    rows = tuple(
        Row(
            row["sequence"],
            EventKind(row["kind"]),
            row["step"],
            row["attempt"],
            row["idempotency_key"],
            datetime.fromisoformat(row["at"]),
            datetime.fromisoformat(row["deadline_at"]) if row["deadline_at"] else None,
            _DETAIL.revealed(row["detail"]),
        )
        for row in found["rows"] or ()
    )
    clock = RemoteClock(datetime.fromisoformat(found["at"]), asked)
    subject = Subject(found["busy"], found["turn"], found["fenced"], found["unheld"])
    return Observed(clock, subject, rows, brakes.from_json(found["controls"]))


def _controls(found: Any) -> Controls | None:
    """Of JSON that came without Django, which has the driver leave it as text."""
    parsed = json.loads(found) if isinstance(found, str) else found
    return None if parsed is None else brakes.from_json(parsed)


def as_rows(rows: Sequence[NewRow], after: int, run: OperationRun) -> Jsonb:
    """``rows`` of ``run`` behind the one with the number ``after``, as statements take them."""
    return Jsonb(
        [
            {
                "sequence": number,
                "kind": row.kind,
                "step": row.step,
                "attempt": row.attempt,
                "idempotency_key": row.idempotency_key,
                "deadline_at": row.deadline_at.isoformat() if row.deadline_at else None,
                "detail": _DETAIL.concealed(row.detail, tenant_id=run.tenant_id, record=run.ref),
            }
            for number, row in enumerate(rows, start=after + 1)
        ]
    )


def as_events(events: Sequence[NewEvent], by: By, ref: str) -> dict[str, Any]:
    """``events`` about the run ``ref``, likewise."""
    written = [
        row_of(one.event, by=by, subject_kind="run", subject=ref, outcome=one.outcome, context=one.context)
        for one in events
    ]
    return {"events": Jsonb(written), "event_count": len(written)}


def _left_behind(run: OperationRun, ending: Ending | None, report: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "sample": _one(sampling.drawn(run.ref, run.runbook) if ending and ending.completion else None),
        "retries": _one(ending.retries if ending else None),
        "completion": _one(_concealed(CompletionRecord, ending.completion if ending else None, run)),
        "packet": _one(_concealed(ExceptionPacket, ending.packet if ending else None, run)),
        "report": _one(None if ending is None or report is None else _report(report)),
    }


def _concealed(model: type[Model], columns: dict[str, Any] | None, run: OperationRun) -> dict[str, Any] | None:
    """``columns`` of a new row of ``run``, those that hold its tenant's values as they are kept."""
    if columns is None:
        return None
    kept = {field.name: field for field in model._meta.concrete_fields if isinstance(field, OutlinedField)}
    return {
        name: kept[name].concealed(value, tenant_id=run.tenant_id, record=run.ref) if name in kept else value
        for name, value in columns.items()
    }


def _report(columns: Mapping[str, Any]) -> dict[str, Any]:
    times = {name: columns[name].isoformat() for name in ("due_at", "tried_until") if columns.get(name)}
    return {"attempts": columns.get("attempts", 0), **times}


def _one(values: dict[str, Any] | None) -> Jsonb:
    return Jsonb([] if values is None else [values])


def execute(statement: Statement, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
    """The one row that ``statement`` gives, or None. Alone it is its own transaction; inside one it can fail without
    ending it."""
    if connection.in_atomic_block:
        with transaction.atomic():
            return fetch(statement, parameters)
    return fetch(statement, parameters)


def fetch(statement: Statement, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
    """The same, without a way back inside a transaction."""
    try:
        found = statement.fetch(parameters)
    except DataError as error:
        if "division by zero" in str(error):
            message = "The database dropped an audit event. Look at the guards of its tables: handrail check"
            raise IntegrityError(message) from None
        raise
    return found[0] if found else None


def _update(statement: str, parameters: dict[str, Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return bool(cursor.rowcount)
