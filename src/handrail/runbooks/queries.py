"""Runs and exception packets as the actor may see them: plain data for pages, API and CLI alike."""

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
from handrail.runbooks import labels, permissions
from handrail.runbooks.models import Checkpoint, ExceptionPacket, OperationRun, TaskRefusal
from handrail.runbooks.states import RUN, EventKind, Handling, RunState

PAGE = 50


@dataclass(frozen=True, slots=True)
class RunSummary:
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
    """``failure`` is empty unless the last try to tell the task system failed; ``refused``: there will be no other."""

    delivered_at: datetime | None
    attempts: int
    failure: str
    refused: bool


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


@dataclass(frozen=True, slots=True)
class ExceptionSummary:
    ref: str
    run: str
    runbook: str
    tenant: str
    tenant_name: str
    at: datetime
    cause: str
    reason: str
    message: str
    escalate_to: str
    handling: Handling
    taken_by: str | None


@dataclass(frozen=True, slots=True)
class ExceptionDetail:
    """``fields``: what the definition lets the packet carry. ``evidence``: the readings that decided. ``attempts``:
    what was tried, each with its result class and reason."""

    summary: ExceptionSummary
    checkpoint: str
    step: str
    task: str
    subject: str
    definition_digest: str
    fields: dict[str, Any]
    evidence: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    taken_at: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None
    note: str
    why_not_take: Refusal | None
    why_not_take_over: Refusal | None
    why_not_resolve: Refusal | None


@dataclass(frozen=True, slots=True)
class RefusedTask:
    """A task that could not become a run: ``code`` and ``message`` give the reason to those who qualify tasks."""

    task: str
    at: datetime
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class RunFilter:
    """``before`` pages backwards: only runs created before it. Empty texts filter nothing."""

    tenant: str = ""
    runbook: str = ""
    state: str = ""
    before: datetime | None = None
    limit: int = PAGE


@dataclass(frozen=True, slots=True)
class ExceptionFilter:
    """``before`` pages backwards: only packets written before it. Empty texts filter nothing."""

    handling: str = ""
    tenant: str = ""
    taken_by: str = ""
    unresolved: bool = False
    before: datetime | None = None
    limit: int = PAGE


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
    return [_summary(row) for row in rows[: min(wanted.limit, 500)]]


def get_run(actor: Actor, ref: str) -> RunDetail:
    """One run with its whole ledger. Raises NotFound, Denied."""
    run = get_scoped(actor, _runs(actor), Capability.RUN_VIEW, ref=ref)
    return RunDetail(
        summary=_summary(run),
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
    )


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


def list_refusals(
    actor: Actor, *, since: datetime | None = None, before: datetime | None = None, limit: int = PAGE
) -> list[RefusedTask]:
    """Refused tasks of the workspace, newest first; from ``since`` on, and older than ``before``.

    What was refused belongs to no tenant yet, so that only those who are entitled to all of them see it: for others
    there is none. Raises Denied without ``run:view``.
    """
    actor.require(Capability.RUN_VIEW)
    if actor.tenant_ids is not None:
        return []
    rows = TaskRefusal.objects.filter(workspace_id=actor.workspace_id).order_by("-at", "-pk")
    if since is not None:
        rows = rows.filter(at__gte=since)
    if before is not None:
        rows = rows.filter(at__lt=before)
    return [RefusedTask(row.task_key, row.at, row.code, row.message) for row in rows[: min(limit, 500)]]


def list_runbook_names(actor: Actor) -> list[str]:
    """The names of runbooks that have runs in the actor's scope."""
    rows = scoped(actor, OperationRun.objects.all())
    return sorted(rows.order_by().values_list("runbook", flat=True).distinct())


def list_exceptions(actor: Actor, wanted: ExceptionFilter | None = None) -> list[ExceptionSummary]:
    """Exception packets in the actor's scope, newest first. Raises Denied without ``exception:view``."""
    wanted = wanted or ExceptionFilter()
    rows = _wanted(actor, wanted).select_related("tenant", "run", "run__definition").order_by("-at", "-pk")
    return [_exception(row) for row in rows[: min(wanted.limit, 500)]]


def count_exceptions(actor: Actor, wanted: ExceptionFilter) -> int:
    """How many there are, whatever ``wanted.limit``. Raises Denied without ``exception:view``."""
    return _wanted(actor, wanted).count()


def get_exception(actor: Actor, ref: str) -> ExceptionDetail:
    """One exception packet. Raises NotFound, Denied."""
    packet = get_scoped(actor, _exceptions(actor), Capability.EXCEPTION_VIEW, ref=ref)
    return ExceptionDetail(
        summary=_exception(packet),
        checkpoint=packet.checkpoint,
        step=packet.step,
        task=packet.run.task_key,
        subject=packet.run.subject,
        definition_digest=packet.run.definition_digest,
        fields=packet.fields,
        evidence=packet.evidence,
        attempts=packet.attempts,
        taken_at=packet.taken_at,
        resolved_at=packet.resolved_at,
        resolved_by=packet.resolved_by,
        note=packet.note,
        why_not_take=permissions.why_not_take(actor, packet),
        why_not_take_over=permissions.why_not_take_over(actor, packet),
        why_not_resolve=permissions.why_not_resolve(actor, packet),
    )


def _runs(actor: Actor) -> QuerySet[OperationRun]:
    # A subquery a row: a join and GROUP BY would count every run's ledger before LIMIT leaves fifty of them.
    intents = Checkpoint.objects.filter(run=OuterRef("pk"), kind=EventKind.INTENT).order_by().values("run")
    attempts = Coalesce(Subquery(intents.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0)
    joined = ("tenant", "definition", "exception_packet", "retry_ledger", "completion", "report")
    return scoped(actor, OperationRun.objects.select_related(*joined).annotate(attempts=attempts))


def _wanted(actor: Actor, wanted: ExceptionFilter) -> QuerySet[ExceptionPacket]:
    actor.require(Capability.EXCEPTION_VIEW)
    rows = scoped(actor, ExceptionPacket.objects.all())
    exact = {"handling": wanted.handling, "tenant__key": wanted.tenant, "taken_by": wanted.taken_by}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if wanted.unresolved:
        rows = rows.exclude(handling=Handling.RESOLVED)
    return rows if wanted.before is None else rows.filter(at__lt=wanted.before)


def _exceptions(actor: Actor) -> QuerySet[ExceptionPacket]:
    return scoped(actor, ExceptionPacket.objects.select_related("tenant", "run", "run__definition"))


def _summary(run: OperationRun) -> RunSummary:
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
    )


def _ledger(run: OperationRun) -> Iterator[LedgerRow]:
    said = labels.find_labels(run)
    for row in run.checkpoints.order_by("sequence"):
        kind = EventKind(row.kind)
        told = (row.sequence, kind, row.step, row.attempt, row.at, row.worker, row.idempotency_key, row.detail)
        yield LedgerRow(*told, checkpoint=labels.of(said, kind))


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


def _exception(packet: ExceptionPacket) -> ExceptionSummary:
    return ExceptionSummary(
        ref=packet.ref,
        run=packet.run.ref,
        runbook=packet.run.definition.name,
        tenant=packet.tenant.key,
        tenant_name=packet.tenant.name,
        at=packet.at,
        cause=packet.cause,
        reason=packet.reason,
        message=packet.message,
        escalate_to=packet.escalate_to,
        handling=Handling(packet.handling),
        taken_by=packet.taken_by,
    )
