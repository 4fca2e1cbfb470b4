"""Which run keeps another one from its subject: one under way, or one that stopped and is not resolved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from handrail.connectors.outcome import Failure
from handrail.runbooks.models import Checkpoint, FollowUp, OperationRun
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


def fencing(runs: QuerySet[OperationRun], passing: OuterRef | int | None = None) -> QuerySet[OperationRun]:
    """Those of ``runs`` that stopped behind a changing call that may have been sent, and are not resolved.

    ``passing``: the id of a run; without the one then that lets it pass, because it is a follow-up of that.
    """
    # An attempt that was not sent is made again under the same number, so the row behind the intent decides.
    results = Checkpoint.objects.filter(run=OuterRef("run"), sequence=OuterRef("sequence") + 1, kind=EventKind.RESULT)
    unsent = Exists(results.filter(Q(detail__failure__in=_UNSENT) | Q(detail__class="not-sent")))
    intents = Checkpoint.objects.filter(run=OuterRef("pk"), kind=EventKind.INTENT, detail__effect="mutating")
    stopped = runs.filter(state=RunState.EXCEPTION).exclude(exception_packet__handling=Handling.RESOLVED)
    found = stopped.filter(Exists(intents.filter(~unsent)))
    if passing is None:
        return found
    return found.exclude(Exists(_held().filter(run=passing, packet__run=OuterRef("pk"))))


def _held() -> QuerySet[FollowUp]:
    """The follow-up runs whose exception packet the person who started them has."""
    return FollowUp.objects.filter(packet__handling=Handling.TAKEN, packet__taken_by=F("by"))


def waiting_on(run: OperationRun) -> QuerySet[OperationRun]:
    """The runs of the tenant and subject of ``run`` that have not begun to act, but for its own follow-ups."""
    return _others(run).filter(state__in=(RunState.RECEIVED, RunState.CHECKING)).exclude(follow_up__packet__run=run)


def fenced_by(run: OperationRun) -> list[str]:
    """The references of the runs that ``run`` keeps from acting, the oldest first; none where it fences nothing."""
    if not fencing(OperationRun.objects.filter(pk=run.pk)).exists():
        return []
    return list(waiting_on(run).order_by("created_at", "pk").values_list("ref", flat=True))


def blocking(runs: Sequence[OperationRun]) -> dict[int, Blocking]:
    """By run id: what keeps those of ``runs`` that have not begun from acting. Three statements for all of them."""
    waiting = [run for run in runs if run.state in (RunState.RECEIVED, RunState.CHECKING)]
    if not waiting:
        return {}
    subjects = Q()
    for run in waiting:
        subjects |= Q(tenant_id=run.tenant_id, subject=run.subject)
    same = OperationRun.objects.filter(subjects).order_by("created_at", "pk")
    fences = _each(fencing(same).select_related("exception_packet"))
    passed = dict(_held().filter(run__in=waiting).values_list("run_id", "packet_id"))
    busy = _first(same.filter(state__in=EXCLUSIVE))
    found: dict[int, Blocking] = {}
    for run in waiting:
        key = (run.tenant_id, run.subject)
        unpassed = [one for one in fences.get(key, ()) if one.exception_packet.pk != passed.get(run.pk)]
        if fence := next(iter(unpassed), None):
            found[run.pk] = Blocking("fenced", fence.ref, fence.exception_packet.ref)
        elif (other := busy.get(key)) is not None and other.pk != run.pk:
            found[run.pk] = Blocking("busy", other.ref)
    return found


def _each(runs: Iterable[OperationRun]) -> dict[tuple[int, str], list[OperationRun]]:
    found: dict[tuple[int, str], list[OperationRun]] = {}
    for run in runs:
        found.setdefault((run.tenant_id, run.subject), []).append(run)
    return found


def _first(runs: Iterable[OperationRun]) -> dict[tuple[int, str], OperationRun]:
    return {key: of_subject[0] for key, of_subject in _each(runs).items()}


def _others(run: OperationRun) -> QuerySet[OperationRun]:
    return OperationRun.objects.filter(tenant_id=run.tenant_id, subject=run.subject).exclude(pk=run.pk)
