"""How a run ends: one completion record, or one exception packet; always one retry-ledger entry and one report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.kernel.canonical import digest
from handrail.kernel.clock import now
from handrail.kernel.ids import Prefix, new_ref
from handrail.runbooks import labels, reporting
from handrail.runbooks.engine.execution import Execution, LeasedRun
from handrail.runbooks.engine.ledger import NewRow
from handrail.runbooks.engine.position import summary_of
from handrail.runbooks.models import CompletionRecord, ExceptionPacket, OperationRun, Report, RetryLedgerEntry
from handrail.runbooks.states import EventKind, ExceptionCause, Handling, RunState
from handrail.work.wake import wake

# What the packet's columns hold. A definition's names are far shorter; a reason made of several is cut.
REASON_LIMIT = 200
MESSAGE_LIMIT = 500
ESCALATE_TO_LIMIT = 120


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run must stop. ``message`` is a sentence of ours or of the definition, never outside text."""

    cause: ExceptionCause
    reason: str
    message: str
    evidence: list[dict[str, Any]] = field(default_factory=list)
    rows: tuple[NewRow, ...] = ()


def complete(execution: Execution, *rows: NewRow, scope: dict[str, Any]) -> None:
    """Ends the run as completed, with ``rows`` before the last one. Raises Stale when another worker ended it."""
    fields = execution.runbook.copy(execution.runbook.spec.completion.copy_, scope)
    run = execution.run
    with transaction.atomic():
        execution.append(*rows, NewRow(EventKind.COMPLETED, detail={"fields": fields}), state=RunState.COMPLETED)
        CompletionRecord.objects.create(
            workspace_id=run.workspace_id,
            tenant_id=run.tenant_id,
            run=run,
            at=now(),
            fields=fields,
            digest=digest({"run": run.ref, "definition": run.definition_digest, "fields": fields}),
        )
        _close(execution, rows)
        _audit(execution, EventName.RUN_COMPLETED, EventOutcome.DONE)


def stop(execution: Execution, why: Stop, *, scope: dict[str, Any]) -> None:
    """Ends the run with one exception packet for the people named in the definition. Raises Stale."""
    runbook = execution.runbook
    allowed = runbook.spec.exception.copy_
    carried = _Carried(
        escalate_to=runbook.escalate_to,
        checkpoint=labels.last(runbook.checkpoints, (row.kind for row in execution.holder.rows)),
        fields=runbook.copy(allowed, scope),
        evidence=_evidence(why.evidence or list(execution.position.evidence), frozenset(allowed)),
    )
    _stop(execution, why, carried)


def abandon(leased: LeasedRun, why: Stop, *, escalate_to: str) -> None:
    """Ends a run whose definition can't be followed, or whose values may be what is wrong: with a packet that carries
    none of them, for ``escalate_to``. Raises Stale."""
    passed = labels.last(None, (row.kind for row in leased.holder.rows))
    _stop(leased, why, _Carried(escalate_to[:ESCALATE_TO_LIMIT], checkpoint=passed))


@dataclass(frozen=True, slots=True)
class _Carried:
    """What a packet carries beside why the run stopped."""

    escalate_to: str
    checkpoint: str
    fields: dict[str, Any] = field(default_factory=dict)
    evidence: list[dict[str, Any]] = field(default_factory=list)


def _stop(leased: LeasedRun, why: Stop, carried: _Carried) -> None:
    run, step = leased.run, leased.position.step
    reason, message = why.reason[:REASON_LIMIT], why.message[:MESSAGE_LIMIT]
    with transaction.atomic():
        packet = ExceptionPacket(
            ref=new_ref(Prefix.EXCEPTION),
            workspace_id=run.workspace_id,
            tenant_id=run.tenant_id,
            run=run,
            at=now(),
            cause=why.cause,
            reason=reason,
            message=message,
            checkpoint=carried.checkpoint,
            step=step,
            escalate_to=carried.escalate_to,
            fields=carried.fields,
            evidence=carried.evidence,
            attempts=_attempts(leased, why.rows),
            handling=Handling.OPEN,
        )
        detail = {"cause": why.cause, "reason": reason, "message": message, "packet": packet.ref}
        leased.append(*why.rows, NewRow(EventKind.EXCEPTION, step=step, detail=detail), state=RunState.EXCEPTION)
        packet.save(force_insert=True)
        _close(leased, why.rows)
        _audit(leased, EventName.RUN_STOPPED, EventOutcome.FAILED, why, packet.ref)


def close_cancelled(run: OperationRun) -> None:
    """After a cancellation, in the caller's transaction: reports the outcome and wakes the next run."""
    _report(run)
    wake_next(run)


def wake_next(run: OperationRun) -> None:
    """Makes the oldest run that waited for this one's subject due, if there is one.

    A worker that is just finding the subject busy loses its lease by this, and with it the wait that it would write.
    """
    waiting = OperationRun.objects.filter(tenant_id=run.tenant_id, subject=run.subject, state=RunState.RECEIVED)
    following = waiting.order_by("created_at", "pk").values_list("pk", flat=True).first()
    if following is not None and waiting.filter(pk=following).update(due_at=Now()):
        wake("run")


def _close(leased: LeasedRun, rows: tuple[NewRow, ...]) -> None:
    run, position = leased.run, leased.position
    RetryLedgerEntry.objects.create(
        workspace_id=run.workspace_id,
        tenant_id=run.tenant_id,
        run=run,
        at=now(),
        limit=run.retry_limit,
        attempts=sum(position.attempts.values()),
        waited_seconds=position.waited_seconds,
        detail=_attempts(leased, rows),
    )
    _report(run)
    wake_next(run)


def _report(run: OperationRun) -> None:
    Report.objects.create(workspace_id=run.workspace_id, tenant_id=run.tenant_id, run=run, **reporting.born())


def _audit(
    leased: LeasedRun, event: EventName, outcome: EventOutcome, why: Stop | None = None, packet: str | None = None
) -> None:
    run = leased.run
    record(
        event,
        by=leased.by,
        tenant_id=run.tenant_id,
        subject_kind="run",
        subject=run.ref,
        outcome=outcome,
        task=run.task_key,
        definition=run.definition_digest,
        cause=why.cause if why else None,
        reason=why.reason[:REASON_LIMIT] if why else None,
        packet=packet,
    )


def _evidence(evidence: list[dict[str, Any]], allowed: frozenset[str]) -> list[dict[str, Any]]:
    """``evidence`` with no other values than those that the definition lets an exception packet carry."""
    return [
        {**item, "values": {k: v for k, v in item["values"].items() if f"{item['source']}.{k}" in allowed}}
        if "values" in item
        else item
        for item in evidence
    ]


def _attempts(leased: LeasedRun, rows: tuple[NewRow, ...]) -> list[dict[str, Any]]:
    """Every attempt with its result, those in ``rows``, which are only now being written, included."""
    attempts = [dict(attempt) for attempt in leased.position.history]
    for row in rows:
        if row.kind in (EventKind.RESULT, EventKind.UNKNOWN) and attempts:
            attempts[-1] |= summary_of(row.detail)
    return attempts
