"""How a run ends: one completion record, or one exception packet; always one retry-ledger entry and one report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from handrail.audit.events import EventName, EventOutcome
from handrail.kernel.canonical import digest
from handrail.kernel.ids import Prefix, new_ref
from handrail.runbooks import labels
from handrail.runbooks.engine import account, redecision
from handrail.runbooks.engine.decision import Commit, Ending, NewEvent, NewRow, Next, Survey, Surveyed
from handrail.runbooks.engine.execution import Execution, LeasedRun
from handrail.runbooks.engine.position import summary_of
from handrail.runbooks.states import EventKind, ExceptionCause, Handling, RunState

# What the packet's columns hold. A definition's names are far shorter; a reason made of several is cut.
REASON_LIMIT = 200
MESSAGE_LIMIT = 500
ESCALATE_TO_LIMIT = 120


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run must stop. ``message`` is a sentence of ours or of the definition, never outside text.

    ``readings``: those of a verification that failed, for the ledger. ``rows`` are written before the last one.
    """

    cause: ExceptionCause
    reason: str
    message: str
    evidence: list[dict[str, Any]] = field(default_factory=list)
    rows: tuple[NewRow, ...] = ()
    readings: dict[str, Any] = field(default_factory=dict)

    def recorded(self) -> dict[str, str]:
        """As it is written down with a result, from which ``recorded`` has it again."""
        return {"cause": self.cause, "reason": self.reason, "message": self.message}


def recorded(leased: LeasedRun) -> Stop | None:
    """Why the run must stop, where its last row says so already."""
    found = leased.position.last.detail.get("stop")
    return Stop(ExceptionCause(found["cause"]), found["reason"], found["message"]) if found else None


def already(execution: Execution, *rows: NewRow, scope: dict[str, Any], claims: bool) -> Commit:
    """Ends the run as completed without a call: ``rows`` hold the readings that show that nothing needs doing."""
    condition = execution.runbook.already
    assert condition is not None
    spec = execution.runbook.spec.already_as_required
    message = (spec.message if spec else None) or f"The condition «{condition.source}» holds, so nothing was called."
    shown = {"already_as_required": True, "condition": condition.source, "message": message}
    return complete(execution, *rows, scope=scope, shown=shown, claims=claims)


def complete(
    execution: Execution,
    *rows: NewRow,
    scope: dict[str, Any],
    shown: dict[str, Any] | None = None,
    claims: bool = False,
) -> Commit:
    """Ends the run as completed, with ``rows`` before the last one, which says what is ``shown`` too."""
    fields = execution.runbook.copy(execution.runbook.spec.completion.copy_, scope)
    run = execution.run
    record = {
        "fields": fields,
        "digest": digest({"run": run.ref, "definition": run.definition_digest, "fields": fields}),
    }
    return Commit(
        (*rows, NewRow(EventKind.COMPLETED, detail={"fields": fields} | (shown or {}))),
        RunState.COMPLETED,
        events=(_event(execution, EventName.RUN_COMPLETED, already_as_required=True if shown else None),),
        ending=Ending(_retries(execution, rows), completion=record),
        claims=claims,
    )


def stop(execution: Execution, why: Stop, *, scope: dict[str, Any], claims: bool = False) -> Next:
    """Ends the run with one exception packet for the people named in the definition. Behind a call that may have
    changed something, all sources are read once more first, so that the packet tells what."""
    runbook = execution.runbook
    if not account.may_have_acted(execution.rows):
        described = account.untouched(runbook, why.reason, why.cause)
        return _stop_with(execution, why, described, scope=scope, claims=claims)

    def surveyed(now: Execution, found: Surveyed) -> Commit:
        described = account.whole(
            runbook,
            now.rows,
            redecision.at_start(now.rows),
            found.values,
            unread=found.unread,
            reason=why.reason,
            cause=why.cause,
        )
        return _stop_with(now, why, described, scope=scope, claims=claims, after=found)

    return Survey(surveyed)


def _stop_with(
    execution: Execution,
    why: Stop,
    described: dict[str, Any],
    *,
    scope: dict[str, Any],
    claims: bool,
    after: Surveyed | None = None,
) -> Commit:
    runbook = execution.runbook
    allowed = runbook.spec.exception.copy_
    carried = _Carried(
        escalate_to=runbook.escalate_to,
        checkpoint=labels.last(runbook.checkpoints, _kinds(execution)),
        fields=runbook.copy(allowed, scope),
        evidence=_evidence(why.evidence or list(execution.position.evidence), frozenset(allowed)),
        account=described,
        readings={"verification": why.readings, "after": after.values if after else {}},
        due_within=runbook.due_within_seconds(why.cause),
    )
    return _stop(execution, why, carried, claims=claims)


def abandon(leased: LeasedRun, why: Stop, *, escalate_to: str) -> Commit:
    """Ends a run whose definition can't be followed, or whose values may be what is wrong: with a packet that carries
    none of them, for ``escalate_to``."""
    passed = labels.last(None, _kinds(leased))
    if account.may_have_acted(leased.rows):
        described = account.unseen(why.reason, why.cause, leased.rows)
    else:
        described = account.untouched(None, why.reason, why.cause)
    return _stop(leased, why, _Carried(escalate_to[:ESCALATE_TO_LIMIT], checkpoint=passed, account=described))


def cancel(by: str, *, refused_with: str = "") -> Commit:
    """Ends a run that has invoked nothing. ``refused_with``: the exception packet whose resolution refused it."""
    detail = {"by": by} | ({"refused_with": refused_with} if refused_with else {})
    event = NewEvent(EventName.RUN_CANCELLED, context={"refused_with": refused_with or None})
    row = NewRow(EventKind.CANCELLED, detail=detail)
    return Commit((row,), RunState.CANCELLED, events=(event,), ending=Ending())


def not_attempted(leased_by: str, *, wave: str, why: str) -> Commit:
    """Ends a member of ``wave`` that was not begun, and is given back to where its task came from."""
    detail = {"by": leased_by, "not_attempted": wave, "message": why[:MESSAGE_LIMIT]}
    event = NewEvent(EventName.RUN_NOT_ATTEMPTED, context={"wave": wave})
    return Commit((NewRow(EventKind.CANCELLED, detail=detail),), RunState.CANCELLED, events=(event,), ending=Ending())


@dataclass(frozen=True, slots=True)
class _Carried:
    """What a packet carries beside why the run stopped. ``readings`` go into the ledger only. ``due_within``: the
    seconds until it is late, from when it is written; None for no due time."""

    escalate_to: str
    checkpoint: str
    account: dict[str, Any]
    fields: dict[str, Any] = field(default_factory=dict)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    readings: dict[str, Any] = field(default_factory=dict)
    due_within: float | None = None


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
        "due_within": carried.due_within,
    }
    detail: dict[str, Any] = {"cause": why.cause, "reason": reason, "message": message, "packet": ref}
    detail |= {"account": carried.account}
    detail |= {key: values for key, values in carried.readings.items() if values}
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
    leased: LeasedRun, event: EventName, outcome: EventOutcome = EventOutcome.DONE, **context: str | bool | None
) -> NewEvent:
    run = leased.run
    about = {"task": run.task_key, "definition": run.definition_digest, "wave": run.wave_id}
    return NewEvent(event, outcome, {**about, **context})


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
    """Why a run stops that Handrail itself can't go on with. Where the outcome of an action is open, that is why; where
    the last row says why the run must stop, that is."""
    if (found := recorded(leased)) is not None:
        return found
    if leased.position.is_open and not leased.own_intent:
        whole = f"It is unknown whether the action took effect, and it can't be found out. {message}"
        return Stop(ExceptionCause.UNKNOWN_OUTCOME, "outcome-unknown", whole)
    return Stop(ExceptionCause.DEFINITION, reason, message)
