"""Runs as the actor may see them: a summary for lists, and one run with its whole ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import get_scoped, scoped
from handrail.access.refusals import Refusal
from handrail.access.snapshot import snapshot
from handrail.runbooks import fence, labels, permissions
from handrail.runbooks.fence import Blocking
from handrail.runbooks.models import Checkpoint, OperationRun
from handrail.runbooks.queries.brakes import Paused, paused_of
from handrail.runbooks.queries.breakers import WaitsForConnector, waits_for
from handrail.runbooks.states import RUN, EventKind, RunState

PAGE = 50


@dataclass(frozen=True, slots=True)
class RunSummary:
    """``blocking``: the run, and perhaps the exception packet, that keeps this one from acting on its subject.

    ``already_as_required``: it completed without a call, because nothing needed doing.
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
    """``failure`` is empty unless the last try to report failed; ``refused``: there will be no further try."""

    delivered_at: datetime | None
    attempts: int
    failure: str
    refused: bool


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
    why_not_cancel: Refusal | None
    why_not_stop: Refusal | None
    stop_request: RequestedStop | None
    wrong: FoundWrong | None
    why_not_mark_wrong: Refusal | None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """``before`` pages backwards: only runs created before it. Empty texts filter nothing."""

    tenant: str = ""
    runbook: str = ""
    state: str = ""
    before: datetime | None = None
    limit: int = PAGE


@snapshot()
def list_runs(actor: Actor, wanted: RunFilter | None = None) -> list[RunSummary]:
    """Runs in the actor's scope, newest first. Raises Denied without ``run:view``."""
    actor.require(Capability.RUN_VIEW)
    wanted = wanted or RunFilter()
    rows = _runs(actor).order_by("-created_at", "-pk")
    if wanted.tenant:
        rows = rows.filter(tenant__key=wanted.tenant)
    if wanted.runbook:
        rows = rows.filter(runbook=wanted.runbook)
    if wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.before is not None:
        rows = rows.filter(created_at__lt=wanted.before)
    found = list(rows[: min(wanted.limit, 500)])
    blocked = fence.blocking(found)
    return [_summary(row, blocked.get(row.pk)) for row in found]


@snapshot()
def get_run(actor: Actor, ref: str) -> RunDetail:
    """One run with its whole ledger. Raises NotFound, Denied."""
    run = get_scoped(actor, _runs(actor), Capability.RUN_VIEW, ref=ref)
    requested, wrong = getattr(run, "stop_request", None), getattr(run, "wrong_completion", None)
    return RunDetail(
        summary=_summary(run, fence.blocking([run]).get(run.pk)),
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
        why_not_cancel=permissions.why_not_cancel(actor, run),
        why_not_stop=permissions.why_not_stop(actor, run, requested=requested),
        stop_request=RequestedStop(requested.by, requested.at, requested.reason) if requested else None,
        wrong=FoundWrong(wrong.by, wrong.at, wrong.reason, wrong.found_in) if wrong else None,
        why_not_mark_wrong=permissions.why_not_mark_wrong(actor, run, marked=wrong),
    )


def count_active(tenant_id: int) -> int:
    """How many runs of the tenant have not ended: asked before it is closed, for any actor."""
    return OperationRun.objects.filter(tenant_id=tenant_id, state__in=RUN.active).count()


def count_states(actor: Actor, *, tenant: str = "", runbook: str = "") -> dict[RunState, int]:
    """How many runs are in each state, every state named; of one tenant or runbook where they are given.

    Raises Denied without ``run:view``.
    """
    actor.require(Capability.RUN_VIEW)
    rows = scoped(actor, OperationRun.objects.all())
    if tenant:
        rows = rows.filter(tenant__key=tenant)
    if runbook:
        rows = rows.filter(definition__name=runbook)
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
    said = ("stop_request", "wrong_completion")
    noted = ("paused", "paused__brake", "paused__brake__tenant", "paused__brake__definition")
    return scoped(actor, OperationRun.objects.select_related(*joined, *said, *noted).annotate(attempts=attempts))


def _summary(run: OperationRun, blocked: Blocking | None = None) -> RunSummary:
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
    return ReportState(row.delivered_at, row.attempts, row.failure, row.delivered_at is None and row.due_at is None)
