"""Which run keeps another one from its subject: one under way, or one that stopped and is not resolved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from django.db.models import Exists, OuterRef, Q, QuerySet

from handrail.connectors.outcome import Failure
from handrail.runbooks.models import Checkpoint, OperationRun
from handrail.runbooks.states import EXCLUSIVE, EventKind, Handling, RunState

_UNSENT = sorted(failure.value for failure in Failure if not failure.sent)


@dataclass(frozen=True, slots=True)
class Blocking:
    """``busy`` while the run ``run`` works on the subject; ``fenced`` while its ``exception`` is unresolved."""

    kind: Literal["busy", "fenced"]
    run: str
    exception: str | None = None

    @property
    def message(self) -> str:
        if self.kind == "busy":
            return f"waits for {self.run}, which works on the same subject"
        return f"fenced by {self.run}: its exception packet {self.exception} is unresolved"


def fencing(runs: QuerySet[OperationRun]) -> QuerySet[OperationRun]:
    """Those of ``runs`` that stopped behind a changing call that may have been sent, and are not resolved."""
    # An attempt that was not sent is made again under the same number, so the row behind the intent decides.
    results = Checkpoint.objects.filter(run=OuterRef("run"), sequence=OuterRef("sequence") + 1, kind=EventKind.RESULT)
    unsent = Exists(results.filter(Q(detail__failure__in=_UNSENT) | Q(detail__class="not-sent")))
    intents = Checkpoint.objects.filter(run=OuterRef("pk"), kind=EventKind.INTENT, detail__effect="mutating")
    stopped = runs.filter(state=RunState.EXCEPTION).exclude(exception_packet__handling=Handling.RESOLVED)
    return stopped.filter(Exists(intents.filter(~unsent)))


def is_fenced(run: OperationRun) -> bool:
    """Whether an unresolved stop of the same tenant and subject keeps ``run`` from acting."""
    return fencing(_others(run)).exists()


def waiting_on(run: OperationRun) -> QuerySet[OperationRun]:
    """The runs of the tenant and subject of ``run`` that have not begun to act."""
    return _others(run).filter(state__in=(RunState.RECEIVED, RunState.CHECKING))


def fenced_by(run: OperationRun) -> list[str]:
    """The references of the runs that ``run`` keeps from acting, the oldest first; none where it fences nothing."""
    if not fencing(OperationRun.objects.filter(pk=run.pk)).exists():
        return []
    return list(waiting_on(run).order_by("created_at", "pk").values_list("ref", flat=True))


def blocking(runs: Sequence[OperationRun]) -> dict[int, Blocking]:
    """By run id: what keeps those of ``runs`` that have not begun from acting. Two statements for all of them."""
    waiting = [run for run in runs if run.state in (RunState.RECEIVED, RunState.CHECKING)]
    if not waiting:
        return {}
    subjects = Q()
    for run in waiting:
        subjects |= Q(tenant_id=run.tenant_id, subject=run.subject)
    same = OperationRun.objects.filter(subjects).order_by("created_at", "pk")
    fences = _first(fencing(same).select_related("exception_packet"))
    busy = _first(same.filter(state__in=EXCLUSIVE))
    found: dict[int, Blocking] = {}
    for run in waiting:
        key = (run.tenant_id, run.subject)
        if (fence := fences.get(key)) is not None:
            found[run.pk] = Blocking("fenced", fence.ref, fence.exception_packet.ref)
        elif (other := busy.get(key)) is not None and other.pk != run.pk:
            found[run.pk] = Blocking("busy", other.ref)
    return found


def _first(runs: Iterable[OperationRun]) -> dict[tuple[int, str], OperationRun]:
    found: dict[tuple[int, str], OperationRun] = {}
    for run in runs:
        found.setdefault((run.tenant_id, run.subject), run)
    return found


def _others(run: OperationRun) -> QuerySet[OperationRun]:
    return OperationRun.objects.filter(tenant_id=run.tenant_id, subject=run.subject).exclude(pk=run.pk)
