"""What a run is in besides its state: words to narrow lists of runs to, and when a failed call is made again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KeyTextTransform

from handrail.kernel.clock import now
from handrail.runbooks import fence
from handrail.runbooks.engine.position import ResultClass
from handrail.runbooks.models import Checkpoint, OperationRun
from handrail.runbooks.states import EventKind, ExceptionCause, Handling, RunState


class Situation(StrEnum):
    """``retrying``: its last call failed in passing, and is made again. ``overdue``: its next step is due, and no
    worker has it. ``outcome-unknown``: nobody knows whether its last call took effect, or it stopped for that and is
    not resolved. ``fenced``: an unresolved exception packet keeps it from its subject. ``paused``: a brake holds it.
    ``waiting-for-person``: it stopped, and its exception packet is not resolved."""

    RETRYING = "retrying"
    OVERDUE = "overdue"
    UNKNOWN = "outcome-unknown"
    FENCED = "fenced"
    PAUSED = "paused"
    PERSON = "waiting-for-person"


@dataclass(frozen=True, slots=True)
class Retrying:
    """The call that is made again: the number of the attempt that comes ``next_at`` or later, and of how many retries
    of the whole run it is one."""

    step: str
    attempt: int
    limit: int
    next_at: datetime

    @property
    def message(self) -> str:
        return f"attempt {self.attempt} at {self.next_at:%H:%M:%S} UTC, up to {self.limit} retries"


_AGAIN = (ResultClass.RETRYABLE.value, ResultClass.NOT_SENT.value)


def narrowed(rows: QuerySet[OperationRun], situation: Situation) -> QuerySet[OperationRun]:
    """Those of ``rows`` that are in ``situation``."""
    match situation:
        case Situation.RETRYING:
            return _by_last_row(rows).filter(Q(last_kind=EventKind.RESULT, last_class__in=_AGAIN))
        case Situation.OVERDUE:
            return rows.filter(due_at__lt=now())
        case Situation.UNKNOWN:
            return _unknown(rows)
        case Situation.FENCED:
            same = OperationRun.objects.filter(tenant_id=OuterRef("tenant_id"), subject=OuterRef("subject"))
            waiting = rows.filter(state__in=(RunState.RECEIVED, RunState.CHECKING))
            return waiting.filter(Exists(fence.fencing(same, OuterRef(OuterRef("pk")))))
        case Situation.PAUSED:
            return _paused(rows)
        case Situation.PERSON:
            return rows.filter(state=RunState.EXCEPTION, exception_packet__handling__in=_UNRESOLVED)


_UNRESOLVED = (Handling.OPEN, Handling.TAKEN)


def retrying(runs: Iterable[OperationRun]) -> dict[int, Retrying]:
    """By run id: the call that is made again, of those of ``runs`` that wait for one. One statement for all of them."""
    active = {run.pk: run for run in runs if run.state in (RunState.INVOKING, RunState.VERIFYING)}
    if not active:
        return {}
    last = Checkpoint.objects.filter(run__in=active).order_by("run_id", "-sequence").distinct("run_id")
    kept = ("run_id", "kind", "step", "attempt", "at", "detail__class", "detail__wait_seconds")
    return {row["run_id"]: _retrying(active[row["run_id"]], row) for row in last.values(*kept) if _is_repeated(row)}


def _is_repeated(row: dict[str, Any]) -> bool:
    return row["kind"] == EventKind.RESULT and row["detail__class"] in _AGAIN


def _retrying(run: OperationRun, row: dict[str, Any]) -> Retrying:
    # An attempt of which nothing was sent is made again under the same number.
    number = (row["attempt"] or 1) + (row["detail__class"] == ResultClass.RETRYABLE)
    wait = timedelta(seconds=row["detail__wait_seconds"] or 0.0)
    return Retrying(row["step"], number, run.retry_limit, row["at"] + wait)


def _by_last_row(rows: QuerySet[OperationRun]) -> QuerySet[OperationRun]:
    """Runs that have not ended, with what their last ledger row is."""
    last = Checkpoint.objects.filter(run=OuterRef("pk")).order_by("-sequence")
    word = last.annotate(word=KeyTextTransform("class", "detail"))
    return rows.filter(due_at__isnull=False).alias(
        last_kind=Subquery(last.values("kind")[:1]),
        last_class=Subquery(word.values("word")[:1]),
        last_deadline=Subquery(last.values("deadline_at")[:1]),
    )


def _unknown(rows: QuerySet[OperationRun]) -> QuerySet[OperationRun]:
    moving = _by_last_row(OperationRun.objects.all()).filter(
        Q(last_kind=EventKind.UNKNOWN)
        | Q(last_kind=EventKind.RESULT, last_class=ResultClass.UNKNOWN)
        | Q(last_kind=EventKind.INTENT, last_deadline__lt=now())
    )
    stopped = Q(exception_packet__cause=ExceptionCause.UNKNOWN_OUTCOME, exception_packet__handling__in=_UNRESOLVED)
    return rows.filter(Q(state=RunState.EXCEPTION) & stopped | Q(Exists(moving.filter(pk=OuterRef("pk")))))


def _paused(rows: QuerySet[OperationRun]) -> QuerySet[OperationRun]:
    """As ``queries.brakes.paused_of`` decides it of one run."""
    noted = rows.filter(finished_at=None, paused__connector="", paused__run_updated_at=F("updated_at"))
    return noted.filter(
        Q(paused__brake__isnull=False, paused__brake__released_at=None)
        | Q(paused__brake=None, definition__state="deprecated", definition__deprecated_at__isnull=False)
    )
