"""Figures about runbook work, counted from runs, their ledgers and records, in the actor's scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.snapshot import snapshot
from handrail.definitions.active import compiled_runbook
from handrail.definitions.models import Definition
from handrail.kernel.errors import Conflict, Invalid
from handrail.runbooks import figures
from handrail.runbooks.states import ExceptionCause, RunState


class Period(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class EvaluationFilter:
    """Runs received from ``since`` on and before ``until``. Empty texts and None filter nothing. ``period``: how long
    the buckets of time are."""

    since: datetime | None = None
    until: datetime | None = None
    tenant: str = ""
    runbook: str = ""
    version: int | None = None
    period: Period = Period.WEEK


@dataclass(frozen=True, slots=True)
class CauseCount:
    cause: str
    count: int


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often runs of one version of a runbook stopped for one reason."""

    cause: str
    reason: str
    runbook: str
    version: int
    count: int


@dataclass(frozen=True, slots=True)
class RecoveryFigures:
    """Of ended runs. ``interrupted``: those with a call whose outcome was unknown, or whose worker was gone or failed;
    of these ``recovered`` completed, and were not found wrong, and ``handed_over`` stopped with an exception packet.

    ``unknown_outcomes``: calls without an answer, or without a result because their worker was gone. ``taken_over``:
    leases without progress, after which the next worker went on; runs of versions before 2026-11-27 have none.
    ``reconciled``: how often the authoritative state was read, or the job runner asked, to find out;
    ``effect_present``: it was there, or the job was; ``sent_again``: it was not, and the same call was made again with
    the same key.
    """

    interrupted: int = 0
    recovered: int = 0
    handed_over: int = 0
    unknown_outcomes: int = 0
    taken_over: int = 0
    reconciled: int = 0
    effect_present: int = 0
    sent_again: int = 0


@dataclass(frozen=True, slots=True)
class CompletenessFigures:
    """Of ended runs. ``ledgers``: whose rows go from received to the end without a gap. ``records``: that left one
    completion record or one exception packet and one retry-ledger entry, with as many attempts as the ledger has.
    ``fields``: whose record or packet has every field that the definition declares and the run knew. ``complete``:
    all three."""

    ledgers: int = 0
    records: int = 0
    fields: int = 0
    complete: int = 0


@dataclass(frozen=True, slots=True)
class ReviewFigures:
    """Of completed runs. ``drawn``: by chance for a second look; ``reviewed``: those of them that had it; ``wrong``:
    those that it found to be wrong."""

    drawn: int = 0
    reviewed: int = 0
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class RunbookFigures:
    """Of one runbook (all its versions). ``first_time``: completed with one attempt in each step.

    ``already_as_required``: completed without a call, counted in ``completed`` too. ``unattended``: completed, not
    found wrong, nobody had ordered it to stop, and no person had started it from an exception packet. ``found_wrong``:
    completed, and marked later as wrong.
    ``caught_before``: stopped before anything was invoked; ``caught_after``: invoked, and stopped rather than called
    complete. ``seconds_*``: from received to ended, of completed runs; None when there are none.
    """

    name: str
    ended: int = 0
    completed: int = 0
    first_time: int = 0
    stopped: int = 0
    cancelled: int = 0
    caught_before: int = 0
    caught_after: int = 0
    repeats: int = 0
    seconds_median: float | None = None
    seconds_p95: float | None = None
    already_as_required: int = 0
    unattended: int = 0
    found_wrong: int = 0
    recovery: RecoveryFigures = field(default_factory=RecoveryFigures)
    completeness: CompletenessFigures = field(default_factory=CompletenessFigures)
    review: ReviewFigures = field(default_factory=ReviewFigures)


@dataclass(frozen=True, slots=True)
class VersionFigures:
    runbook: str
    version: int
    figures: RunbookFigures


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """Of runs received in the period that begins at ``begins_at`` (UTC)."""

    begins_at: datetime
    figures: RunbookFigures
    causes: list[CauseCount]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``periods``: the newest first, those in which runs were received that have ended; ``truncated``: there were more
    runs than are counted, and these are the newest."""

    since: datetime | None
    total: RunbookFigures
    runbooks: list[RunbookFigures]
    causes: list[CauseCount]
    unresolved: int
    takeover_seconds: float | None
    versions: list[VersionFigures] = field(default_factory=list)
    reasons: list[ReasonCount] = field(default_factory=list)
    period: Period = Period.WEEK
    periods: list[PeriodFigures] = field(default_factory=list)
    truncated: bool = False


# What PostgreSQL's grouping() is for each set of RUNS and of CAUSES.
_TOTAL, _RUNBOOK, _VERSION, _PERIOD = 7, 3, 1, 6
_CAUSE, _REASON, _CAUSE_PERIOD = 3, 1, 2
_RECOVERY = tuple(RecoveryFigures.__dataclass_fields__)
_REVIEW = tuple(ReviewFigures.__dataclass_fields__)
_COMPLETENESS = tuple(CompletenessFigures.__dataclass_fields__)
ALL = "All runbooks"
CHOSEN = figures.CHOSEN


@snapshot()
def evaluate(actor: Actor, wanted: EvaluationFilter | None = None, *, since: datetime | None = None) -> Evaluation:
    """Figures over the runs that ``wanted`` names, or received from ``since`` on. Five statements, however many
    runbooks there are. Raises Denied without ``evaluation:view``."""
    actor.require(Capability.EVALUATION_VIEW)
    wanted = wanted or EvaluationFilter(since=since)
    chosen = chosen_by(actor, wanted)
    rows = _rows(figures.RUNS, chosen | {"declared": Jsonb(_declared(chosen))})
    causes = _rows(figures.CAUSES, chosen)
    [(unresolved, takeover_seconds, truncated)] = _all(figures.HANDLING, chosen)[1]
    total = next((_figures(row, ALL) for row in rows if row["of"] == _TOTAL), RunbookFigures(ALL))
    return Evaluation(
        since=wanted.since,
        total=total,
        runbooks=[_figures(row, row["runbook"]) for row in rows if row["of"] == _RUNBOOK],
        causes=_causes(row for row in causes if row["of"] == _CAUSE),
        unresolved=unresolved,
        takeover_seconds=takeover_seconds,
        versions=[
            VersionFigures(row["runbook"], row["version"], _figures(row, f"{row['runbook']} v{row['version']}"))
            for row in rows
            if row["of"] == _VERSION
        ],
        reasons=[
            ReasonCount(row["cause"], row["reason"], row["runbook"], row["version"], row["count"])
            for row in causes
            if row["of"] == _REASON
        ],
        period=wanted.period,
        periods=_periods(rows, causes),
        truncated=truncated,
    )


def chosen_by(actor: Actor, wanted: EvaluationFilter) -> dict[str, Any]:
    """The parameters of CHOSEN: the runs that ``wanted`` names in the actor's scope."""
    return {
        "workspace": actor.workspace_id,
        "tenants": None if actor.tenant_ids is None else sorted(actor.tenant_ids),
        "since": wanted.since,
        "until": wanted.until,
        "tenant": wanted.tenant,
        "runbook": wanted.runbook,
        "version": wanted.version,
        "unit": wanted.period.value,
    }


def _periods(rows: Sequence[Mapping[str, Any]], causes: Sequence[Mapping[str, Any]]) -> list[PeriodFigures]:
    stops: dict[datetime, list[Mapping[str, Any]]] = {}
    for row in causes:
        if row["of"] == _CAUSE_PERIOD:
            stops.setdefault(row["period"], []).append(row)
    found = [row for row in rows if row["of"] == _PERIOD][: figures.MOST_PERIODS]
    return [
        PeriodFigures(
            row["period"], _figures(row, row["period"].date().isoformat()), _causes(stops.get(row["period"], ()))
        )
        for row in found
    ]


def _causes(rows: Iterator[Mapping[str, Any]] | Sequence[Mapping[str, Any]]) -> list[CauseCount]:
    """In the order in which the domain names them."""
    counted = {row["cause"]: row["count"] for row in rows}
    return [CauseCount(cause.value, counted[cause.value]) for cause in ExceptionCause if cause.value in counted]


def _figures(row: Mapping[str, Any], name: str) -> RunbookFigures:
    flat = RunbookFigures.__dataclass_fields__.keys() - {"name", "recovery", "completeness", "review"}
    return RunbookFigures(
        name=name,
        recovery=RecoveryFigures(**{key: row[key] for key in _RECOVERY}),
        completeness=CompletenessFigures(**{key: row[key] for key in _COMPLETENESS}),
        review=ReviewFigures(**{key: row[key] for key in _REVIEW}),
        **{key: row[key] for key in flat},
    )


def _declared(chosen: Mapping[str, Any]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """By definition and ending: the fields that it declares, and where a run has each. Nothing of a definition that
    this version can't read."""
    ids = [row[0] for row in _all(figures.DEFINITIONS, chosen)[1]]
    found = {}
    for definition in Definition.objects.filter(pk__in=ids):
        try:
            spec = compiled_runbook(definition).spec
        except (Invalid, Conflict):
            continue
        copied = {RunState.COMPLETED: spec.completion.copy_, RunState.EXCEPTION: spec.exception.copy_}
        found[str(definition.pk)] = {state.value: [_place(name) for name in names] for state, names in copied.items()}
    return found


def _place(name: str) -> dict[str, Any]:
    root, *rest = name.removeprefix("before.").split(".")
    known = root in ("task", "steps")
    return {"name": name, "root": root if known else "reads", "path": rest if known else [root, *rest]}


def _rows(statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    columns, found = _all(statement, parameters)
    return [dict(zip(columns, row, strict=True)) for row in found]


def _all(statement: str, parameters: Mapping[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [column[0] for column in cursor.description], cursor.fetchall()
