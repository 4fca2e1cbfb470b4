"""Runs as the actor may see them: a summary for lists, and one run with its whole ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import get_scoped, scoped, tenants_of
from handrail.access.refusals import Refusal, missing_capability
from handrail.access.snapshot import snapshot
from handrail.definitions import queries as definitions
from handrail.kernel.errors import Fault, Invalid
from handrail.runbooks import fence, labels, permissions, sealing
from handrail.runbooks.fence import Blocking
from handrail.runbooks.models import Checkpoint, OperationRun, Report, TaskUpdate
from handrail.runbooks.queries import waves
from handrail.runbooks.queries.brakes import Paused, paused_of
from handrail.runbooks.queries.breakers import WaitsForConnector, waits_for
from handrail.runbooks.queries.follow_ups import FollowUpOf, origin_of
from handrail.runbooks.queries.reviews import FoundByReview, found_of
from handrail.runbooks.queries.situations import Retrying, Situation, narrowed, retrying
from handrail.runbooks.queries.task_systems import NOT_KEPT, MessageState, messages_of
from handrail.runbooks.sealing import ErasedRun
from handrail.runbooks.states import RUN, EventKind, RunState

PAGE = 50
UNKNOWN_FILTER = "A filter names nothing that there is, so nothing was listed."


@dataclass(frozen=True, slots=True)
class RunSummary:
    """``blocking``: the run, and perhaps the exception packet, that keeps this one from acting on its subject.

    ``already_as_required``: it completed without a call, because nothing needed doing. ``retrying``: its last call
    failed in passing, and is made again. ``wave``: the one that it is a member of; ``waits_in_wave``: it has not let
    the run begin yet; ``not_attempted``: it has given the run's task back.
    """

    ref: str
    runbook: str
    version: int
    title: str
    tenant: str
    tenant_name: str
    task: str
    subject: str
    state: RunState
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    attempts: int
    exception: str | None
    reason: str | None
    paused: Paused | None = None
    waits_for_connector: WaitsForConnector | None = None
    blocking: Blocking | None = None
    already_as_required: bool = False
    retrying: Retrying | None = None
    wave: str | None = None
    waits_in_wave: bool = False
    not_attempted: bool = False

    @property
    def ended(self) -> bool:
        return self.state in RUN.terminal


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row of the checkpoint ledger. ``detail`` holds only what the definition takes of readings and answers, never
    a whole body.

    ``checkpoint`` is the runbook's own label for what the row passes, empty where it passes nothing.
    """

    sequence: int
    kind: EventKind
    step: str
    attempt: int | None
    at: datetime
    worker: str
    idempotency_key: str
    detail: dict[str, Any]
    checkpoint: str = ""

    @property
    def message(self) -> str:
        """Why the run stopped here, in one sentence; empty for other rows. Older rows have it under another key."""
        return str(self.detail.get("message") or self.detail.get("says", ""))


@dataclass(frozen=True, slots=True)
class RetryLedger:
    at: datetime
    limit: int
    attempts: int
    waited_seconds: float
    detail: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Completion:
    at: datetime
    fields: dict[str, Any]
    digest: str


@dataclass(frozen=True, slots=True)
class ReportState:
    """``failure`` is empty unless the last try to report failed; ``refused``: there will be no further try.
    ``not_kept``: the task system accepted the outcome, and does not show it."""

    delivered_at: datetime | None
    attempts: int
    failure: str
    refused: bool
    not_kept: bool = False


@dataclass(frozen=True, slots=True)
class RequestedStop:
    """Who has ordered the run to stop, and why."""

    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class FoundWrong:
    """Who found a completed run wrong, and why. ``found_in``: what shows it; empty where nothing does."""

    by: str
    at: datetime
    reason: str
    found_in: str


@dataclass(frozen=True, slots=True)
class RunDetail:
    """``made_here``: its task was described on a page, and no task system knows of it.
    ``drawn_at``: when it was drawn for a second look, and what that ``review`` has found; None where it was not."""

    summary: RunSummary
    definition_digest: str
    definition_id: int
    owner: str
    requested_by: str
    retry_limit: int
    fields: dict[str, Any]
    ledger: tuple[LedgerRow, ...]
    retry_ledger: RetryLedger | None
    completion: Completion | None
    report: ReportState | None
    messages: tuple[MessageState, ...]
    why_not_cancel: Refusal | None
    why_not_stop: Refusal | None
    stop_request: RequestedStop | None
    wrong: FoundWrong | None
    why_not_mark_wrong: Refusal | None
    made_here: bool = False
    drawn_at: datetime | None = None
    review: FoundByReview | None = None
    why_not_review: Refusal | None = None
    follow_up_of: FollowUpOf | None = None
    why_not_redeliver: Refusal | None = None
    erased: ErasedRun | None = None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are listed. Empty texts filter nothing. ``task``: the task's key, or how it begins. ``since`` and
    ``until`` bound when a run was received: from the first on, and before the second.

    ``after`` goes on behind the run with that reference: the last of the page before. ``before`` does so by time, and
    leaves out runs that were received in that same moment.
    """

    tenant: str = ""
    runbook: str = ""
    state: str = ""
    situation: str = ""
    task: str = ""
    wave: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: datetime | None = None
    after: str = ""
    limit: int = PAGE


@snapshot()
def list_runs(actor: Actor, wanted: RunFilter | None = None) -> list[RunSummary]:
    """Runs in the actor's scope, newest first. Raises Denied without ``run:view``; Invalid for a state or situation
    that there is none of, and for a tenant, runbook or run that the actor can't know of."""
    actor.require(Capability.RUN_VIEW)
    wanted = wanted or RunFilter()
    _refuse(_faults(wanted))
    rows = _narrowed(_runs(actor), wanted).order_by("-created_at", "-pk")
    if wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.before is not None:
        rows = rows.filter(created_at__lt=wanted.before)
    if wanted.after:
        rows = _behind(actor, rows, wanted.after)
    found = list(rows[: min(wanted.limit, 500)])
    if not found:
        _refuse(_unknown(actor, wanted))
    blocked, again = fence.blocking(found), retrying(found)
    return [_summary(row, blocked.get(row.pk), again.get(row.pk)) for row in found]


def _narrowed(rows: QuerySet[OperationRun], wanted: RunFilter) -> QuerySet[OperationRun]:
    """By everything that is not a state and not a page."""
    exact = {"tenant__key": wanted.tenant, "runbook": wanted.runbook, "task_key__startswith": wanted.task}
    exact["wave"] = wanted.wave
    times = {"created_at__gte": wanted.since, "created_at__lt": wanted.until}
    rows = rows.filter(**{name: value for name, value in {**exact, **times}.items() if value})
    return narrowed(rows, Situation(wanted.situation)) if wanted.situation else rows


def _behind(actor: Actor, rows: QuerySet[OperationRun], ref: str) -> QuerySet[OperationRun]:
    """What comes after the run ``ref`` in the list, those of the same moment too. Raises Invalid."""
    last = scoped(actor, OperationRun.objects.all()).filter(ref=ref).values_list("created_at", "pk").first()
    if last is None:
        raise Invalid(UNKNOWN_FILTER, code="unknown-filter", faults=[Fault("after", "no run of your scope")])
    at, pk = last
    return rows.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk), created_at__lte=at)


def _faults(wanted: RunFilter) -> Iterator[Fault]:
    for where, value, known in (("state", wanted.state, RunState), ("situation", wanted.situation, Situation)):
        words = [word.value for word in known]
        if value and value not in words:
            yield Fault(where, f"there is none of this name; one of: {', '.join(words)}")
    if wanted.since and wanted.until and wanted.until <= wanted.since:
        yield Fault("until", "the end is not after the beginning")


def _unknown(actor: Actor, wanted: RunFilter) -> Iterator[Fault]:
    """Asked only where nothing was found: a name of another's is unknown like one that nobody has."""
    if wanted.tenant and not tenants_of(actor).filter(key=wanted.tenant).exists():
        yield Fault("tenant", "there is no tenant of this key in your scope")
    if wanted.wave and not waves.visible(actor).filter(ref=wanted.wave).exists():
        yield Fault("wave", "there is no wave of this reference in your scope")
    if wanted.runbook and not definitions.knows_runbook(actor, wanted.runbook):
        yield Fault("runbook", "there is no runbook of this name")


def _refuse(faults: Iterator[Fault]) -> None:
    if found := list(faults):
        raise Invalid(UNKNOWN_FILTER, code="unknown-filter", faults=found)


@snapshot()
def get_run(actor: Actor, ref: str) -> RunDetail:
    """One run with its whole ledger. Raises NotFound, Denied."""
    run = get_scoped(actor, _runs(actor), Capability.RUN_VIEW, ref=ref)
    requested, wrong = getattr(run, "stop_request", None), getattr(run, "wrong_completion", None)
    drawn, review = getattr(run, "sampled", None), getattr(run, "review", None)
    return RunDetail(
        summary=_summary(run, fence.blocking([run]).get(run.pk), retrying([run]).get(run.pk)),
        definition_digest=run.definition_digest,
        definition_id=run.definition_id,
        owner=run.definition.owner,
        requested_by=run.requested_by,
        retry_limit=run.retry_limit,
        fields=run.task,
        ledger=tuple(_ledger(run)),
        retry_ledger=_retry_ledger(run),
        completion=_completion(run),
        report=_report(run),
        messages=messages_of(run),
        why_not_cancel=permissions.why_not_cancel(actor, run),
        why_not_redeliver=missing_capability(actor, Capability.RUN_START),
        why_not_stop=permissions.why_not_stop(actor, run, requested=requested),
        stop_request=RequestedStop(requested.by, requested.at, requested.reason) if requested else None,
        wrong=FoundWrong(wrong.by, wrong.at, wrong.reason, wrong.found_in) if wrong else None,
        why_not_mark_wrong=permissions.why_not_mark_wrong(actor, run, marked=wrong),
        made_here=run.made_here,
        drawn_at=drawn.at if drawn else None,
        review=found_of(review),
        why_not_review=permissions.why_not_review(actor, run, drawn=drawn, review=review),
        follow_up_of=origin_of(run),
        erased=sealing.erased(run.tenant_id, run.ref),
    )


@snapshot()
def list_under_way(actor: Actor, wave: str, *, limit: int = PAGE) -> list[RunSummary]:
    """The members of a wave in the actor's scope that it has let begin, and that have not ended: the longest first.

    Raises Denied."""
    actor.require(Capability.RUN_VIEW)
    begun = _runs(actor).filter(wave__ref=wave, wave_round__isnull=False, finished_at=None)
    found = list(begun.order_by("admitted_at", "pk")[:limit])
    blocked, again = fence.blocking(found), retrying(found)
    return [_summary(row, blocked.get(row.pk), again.get(row.pk)) for row in found]


def count_active(tenant_id: int) -> int:
    """How many runs of the tenant have not ended: asked before it is closed, for any actor."""
    return OperationRun.objects.filter(tenant_id=tenant_id, state__in=RUN.active).count()


def count_unsent(tenant_id: int) -> int:
    """How many reports and further messages of the tenant are still on their way to the task system."""
    reports = Report.objects.filter(tenant_id=tenant_id, due_at__isnull=False).count()
    return reports + TaskUpdate.objects.filter(tenant_id=tenant_id, due_at__isnull=False).count()


def count_states(actor: Actor, wanted: RunFilter | None = None) -> dict[RunState, int]:
    """How many runs are in each state, every state named: of those that ``wanted`` names, whatever its state and page.

    Raises Denied without ``run:view``, Invalid as ``list_runs``.
    """
    actor.require(Capability.RUN_VIEW)
    wanted = wanted or RunFilter()
    _refuse(_faults(wanted))
    rows = _narrowed(scoped(actor, OperationRun.objects.all()), wanted)
    counted = dict(rows.values_list("state").annotate(n=Count("pk")).order_by())
    return {state: counted.get(state.value, 0) for state in RunState}


def list_runbook_names(actor: Actor) -> list[str]:
    """The names of runbooks that have runs in the actor's scope."""
    rows = scoped(actor, OperationRun.objects.all())
    return sorted(rows.order_by().values_list("runbook", flat=True).distinct())


def _runs(actor: Actor) -> QuerySet[OperationRun]:
    # A subquery a row: a join and GROUP BY would count every run's ledger before LIMIT leaves fifty of them.
    intents = Checkpoint.objects.filter(run=OuterRef("pk"), kind=EventKind.INTENT).order_by().values("run")
    attempts = Coalesce(Subquery(intents.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0)
    joined = ("tenant", "definition", "exception_packet", "retry_ledger", "completion", "report")
    said = ("stop_request", "wrong_completion", "sampled", "review")
    noted = ("paused", "paused__brake", "paused__brake__tenant", "paused__brake__definition")
    return scoped(actor, OperationRun.objects.select_related(*joined, *said, *noted).annotate(attempts=attempts))


def _summary(run: OperationRun, blocked: Blocking | None = None, again: Retrying | None = None) -> RunSummary:
    packet = getattr(run, "exception_packet", None)
    return RunSummary(
        ref=run.ref,
        runbook=run.definition.name,
        version=run.definition.version,
        title=run.definition.title,
        tenant=run.tenant.key,
        tenant_name=run.tenant.name,
        task=run.task_key,
        subject=run.subject,
        state=RunState(run.state),
        created_at=run.created_at,
        updated_at=run.updated_at,
        finished_at=run.finished_at,
        attempts=run.attempts,  # type: ignore[attr-defined] # annotated in _runs
        exception=packet.ref if packet else None,
        reason=packet.reason if packet else None,
        paused=paused_of(getattr(run, "paused", None)),
        waits_for_connector=waits_for(getattr(run, "paused", None)),
        blocking=blocked,
        already_as_required=run.state == RunState.COMPLETED and run.attempts == 0,  # type: ignore[attr-defined]
        retrying=again,
        wave=run.wave_id,
        waits_in_wave=run.wave_id is not None and run.wave_round is None and run.finished_at is None,
        not_attempted=bool(run.not_attempted),
    )


def _ledger(run: OperationRun) -> Iterator[LedgerRow]:
    said = labels.find_labels(run)
    for row in run.checkpoints.order_by("sequence"):
        kind = EventKind(row.kind)
        columns = (row.sequence, kind, row.step, row.attempt, row.at, row.worker, row.idempotency_key, row.detail)
        yield LedgerRow(*columns, checkpoint=labels.of(said, kind))


def _retry_ledger(run: OperationRun) -> RetryLedger | None:
    row = getattr(run, "retry_ledger", None)
    return RetryLedger(row.at, row.limit, row.attempts, row.waited_seconds, row.detail) if row else None


def _completion(run: OperationRun) -> Completion | None:
    row = getattr(run, "completion", None)
    return Completion(row.at, row.fields, row.digest) if row else None


def _report(run: OperationRun) -> ReportState | None:
    row = getattr(run, "report", None)
    if row is None:
        return None
    ended = row.delivered_at is None and row.due_at is None
    return ReportState(row.delivered_at, row.attempts, row.failure, ended, row.failure_code == NOT_KEPT)
