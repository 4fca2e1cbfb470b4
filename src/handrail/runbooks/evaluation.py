"""Figures about runbook work, counted from runs and their records, in the actor's scope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Aggregate, Avg, Count, DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import scoped
from handrail.access.snapshot import snapshot
from handrail.runbooks.models import Checkpoint, ExceptionPacket, OperationRun
from handrail.runbooks.states import RUN, EventKind, ExceptionCause, RunState

_ENDED = sorted(RUN.terminal)


@dataclass(frozen=True, slots=True)
class CauseCount:
    cause: str
    count: int


@dataclass(frozen=True, slots=True)
class RunbookFigures:
    """Of one runbook (all its versions). ``first_time``: completed with one attempt in each step.

    ``caught_before``: stopped before anything was invoked; ``caught_after``: invoked, and stopped rather than called
    complete. ``seconds_*``: from received to ended, of completed runs; None when there are none.
    """

    name: str
    ended: int
    completed: int
    first_time: int
    stopped: int
    cancelled: int
    caught_before: int
    caught_after: int
    repeats: int
    seconds_median: float | None
    seconds_p95: float | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    since: datetime | None
    total: RunbookFigures
    runbooks: list[RunbookFigures]
    causes: list[CauseCount]
    unresolved: int
    takeover_seconds: float | None


class Percentile(Aggregate):
    """PostgreSQL's percentile_cont over an interval. https://www.postgresql.org/docs/current/functions-aggregate.html"""

    function = "PERCENTILE_CONT"
    template = "%(function)s(%(fraction)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()


@snapshot()
def evaluate(actor: Actor, *, since: datetime | None = None) -> Evaluation:
    """Figures over runs received from ``since`` on. Raises Denied without ``evaluation:view``."""
    actor.require(Capability.EVALUATION_VIEW)
    runs = scoped(actor, OperationRun.objects.all())
    packets = scoped(actor, ExceptionPacket.objects.all())
    if since is not None:
        runs, packets = runs.filter(created_at__gte=since), packets.filter(run__created_at__gte=since)
    causes = dict(packets.order_by().values_list("cause").annotate(n=Count("pk")))
    taken = packets.filter(taken_at__isnull=False).aggregate(
        mean=Avg(ExpressionWrapper(F("taken_at") - F("at"), output_field=DurationField()))
    )["mean"]
    return Evaluation(
        since=since,
        total=_figures(runs, "All runbooks"),
        runbooks=[_figures(runs.filter(runbook=name), name) for name in _names(runs)],
        causes=[CauseCount(cause.value, causes[cause.value]) for cause in ExceptionCause if cause.value in causes],
        unresolved=packets.exclude(handling="resolved").count(),
        takeover_seconds=taken.total_seconds() if taken is not None else None,
    )


def _names(runs: QuerySet[OperationRun]) -> list[str]:
    return sorted(runs.order_by().values_list("runbook", flat=True).distinct())


def _figures(runs: QuerySet[OperationRun], name: str) -> RunbookFigures:
    intents = Checkpoint.objects.filter(run=OuterRef("pk"), kind=EventKind.INTENT)
    repeated = Exists(intents.filter(attempt__gt=1))
    rows = runs.filter(state__in=_ENDED).annotate(repeated=repeated, invoked=Exists(intents))
    completed, stopped = Q(state=RunState.COMPLETED), Q(state=RunState.EXCEPTION)
    length = ExpressionWrapper(F("finished_at") - F("created_at"), output_field=DurationField())
    got = rows.annotate(length=length).aggregate(
        ended=Count("pk"),
        completed=Count("pk", filter=completed),
        first_time=Count("pk", filter=completed & Q(repeated=False)),
        stopped=Count("pk", filter=stopped),
        cancelled=Count("pk", filter=Q(state=RunState.CANCELLED)),
        caught_before=Count("pk", filter=stopped & Q(invoked=False)),
        caught_after=Count("pk", filter=stopped & Q(invoked=True)),
        median=Percentile("length", fraction=0.5, filter=completed),
        p95=Percentile("length", fraction=0.95, filter=completed),
    )
    median, p95 = got.pop("median"), got.pop("p95")
    return RunbookFigures(
        name=name,
        repeats=Checkpoint.objects.filter(run__in=rows.values("pk"), kind=EventKind.INTENT, attempt__gt=1).count(),
        seconds_median=median.total_seconds() if median is not None else None,
        seconds_p95=p95.total_seconds() if p95 is not None else None,
        **got,
    )
