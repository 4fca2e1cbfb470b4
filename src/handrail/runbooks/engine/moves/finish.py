"""How a run ends: one completion record, or one exception packet; always one retry-ledger entry and one report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from handrail.audit.events import EventName, EventOutcome
from handrail.kernel.canonical import digest
from handrail.kernel.ids import Prefix, new_ref
from handrail.runbooks import labels
from handrail.runbooks.engine.decision import Commit, Ending, NewEvent, NewRow
from handrail.runbooks.engine.execution import Execution, LeasedRun
from handrail.runbooks.engine.position import summary_of
from handrail.runbooks.states import EventKind, ExceptionCause, Handling, RunState

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


def complete(execution: Execution, *rows: NewRow, scope: dict[str, Any]) -> Commit:
    """Ends the run as completed, with ``rows`` before the last one."""
    fields = execution.runbook.copy(execution.runbook.spec.completion.copy_, scope)
    run = execution.run
    record = {
        "fields": fields,
        "digest": digest({"run": run.ref, "definition": run.definition_digest, "fields": fields}),
    }
    return Commit(
        (*rows, NewRow(EventKind.COMPLETED, detail={"fields": fields})),
        RunState.COMPLETED,
        events=(_event(execution, EventName.RUN_COMPLETED),),
        ending=Ending(_retries(execution, rows), completion=record),
    )


def stop(execution: Execution, why: Stop, *, scope: dict[str, Any], claims: bool = False) -> Commit:
    """Ends the run with one exception packet for the people named in the definition."""
    runbook = execution.runbook
    allowed = runbook.spec.exception.copy_
    carried = _Carried(
        escalate_to=runbook.escalate_to,
        checkpoint=labels.last(runbook.checkpoints, _kinds(execution)),
        fields=runbook.copy(allowed, scope),
        evidence=_evidence(why.evidence or list(execution.position.evidence), frozenset(allowed)),
    )
    return _stop(execution, why, carried, claims=claims)


def abandon(leased: LeasedRun, why: Stop, *, escalate_to: str) -> Commit:
    """Ends a run whose definition can't be followed, or whose values may be what is wrong: with a packet that carries
    none of them, for ``escalate_to``."""
    passed = labels.last(None, _kinds(leased))
    return _stop(leased, why, _Carried(escalate_to[:ESCALATE_TO_LIMIT], checkpoint=passed))


def cancel(by: str) -> Commit:
    """Ends a run that has invoked nothing."""
    row = NewRow(EventKind.CANCELLED, detail={"by": by})
    return Commit((row,), RunState.CANCELLED, events=(NewEvent(EventName.RUN_CANCELLED),), ending=Ending())


@dataclass(frozen=True, slots=True)
class _Carried:
    """What a packet carries beside why the run stopped."""

    escalate_to: str
    checkpoint: str
    fields: dict[str, Any] = field(default_factory=dict)
    evidence: list[dict[str, Any]] = field(default_factory=list)


def _stop(leased: LeasedRun, why: Stop, carried: _Carried, *, claims: bool = False) -> Commit:
    step, ref = leased.position.step, new_ref(Prefix.EXCEPTION)
    reason, message = why.reason[:REASON_LIMIT], why.message[:MESSAGE_LIMIT]
    packet = {
        "ref": ref,
        "cause": why.cause,
        "reason": reason,
        "message": message,
        "checkpoint": carried.checkpoint,
        "step": step,
        "escalate_to": carried.escalate_to,
        "fields": carried.fields,
        "evidence": carried.evidence,
        "attempts": _attempts(leased, why.rows),
        "handling": Handling.OPEN,
    }
    detail = {"cause": why.cause, "reason": reason, "message": message, "packet": ref}
    stopped = _event(leased, EventName.RUN_STOPPED, EventOutcome.FAILED, cause=why.cause, reason=reason, packet=ref)
    return Commit(
        (*why.rows, NewRow(EventKind.EXCEPTION, step=step, detail=detail)),
        RunState.EXCEPTION,
        events=(stopped,),
        ending=Ending(_retries(leased, why.rows), packet=packet),
        claims=claims,
    )


def _kinds(leased: LeasedRun) -> Iterable[EventKind]:
    return (row.kind for row in leased.rows)


def _retries(leased: LeasedRun, rows: tuple[NewRow, ...]) -> dict[str, Any]:
    position = leased.position
    return {
        "limit": leased.run.retry_limit,
        "attempts": sum(position.attempts.values()),
        "waited_seconds": position.waited_seconds,
        "detail": _attempts(leased, rows),
    }


def _event(
    leased: LeasedRun, event: EventName, outcome: EventOutcome = EventOutcome.DONE, **context: str | None
) -> NewEvent:
    run = leased.run
    return NewEvent(event, outcome, {"task": run.task_key, "definition": run.definition_digest, **context})


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


def why_given_up(leased: LeasedRun, reason: str, message: str) -> Stop:
    """Why a run stops that Handrail itself can't go on with. Where the outcome of an action is open, that is why."""
    if leased.position.is_open and not leased.own_intent:
        whole = f"It is unknown whether the action took effect, and it can't be found out. {message}"
        return Stop(ExceptionCause.UNKNOWN_OUTCOME, "outcome-unknown", whole)
    return Stop(ExceptionCause.DEFINITION, reason, message)
