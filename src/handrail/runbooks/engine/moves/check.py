"""Claiming the subject, and checking that the task still matches the authoritative systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from handrail.audit.events import EventName
from handrail.definitions import wiring
from handrail.definitions.runbook.compiled import CompiledCheck, ConditionError
from handrail.runbooks.brakes import Held
from handrail.runbooks.engine.decision import Commit, CurrentState, Look, NewEvent, NewRow, Next, Reads, Wait
from handrail.runbooks.engine.execution import Execution
from handrail.runbooks.engine.moves import finish
from handrail.runbooks.engine.moves.finish import Stop
from handrail.runbooks.engine.moves.following import hold, intent, read_wait
from handrail.runbooks.engine.outside import Readings, Unreadable
from handrail.runbooks.engine.position import Phase
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import EventKind, ExceptionCause, RunState


def check(execution: Execution) -> Next:
    """Reads all sources, checks every prerequisite, and commits the claim of the subject with the first step's intent;
    or stops the run; or waits while another run of the same tenant and subject is under way.

    What is read here counts only if no other run took the subject since this worker looked: the claim is void then,
    and all of it is done again.
    """
    if execution.subject.unheld:
        return _stop(execution, not_held(), scope=execution.scope())
    if (_is_unclaimed(execution) and execution.subject.busy) or execution.subject.fenced:
        # The run that occupies the subject wakes this one when it ends, as does the resolution of the exception packet
        # that fences it; the wait is for the case that they could not.
        return Wait(execution.after(execution.timing.subject_busy_seconds))
    if mismatch := version_mismatch(execution.run):
        return _stop(execution, mismatch, scope=execution.scope())
    if unusable := wiring.faults(execution.runbook):  # of later steps too: nothing is begun that could not be ended
        why = Stop(ExceptionCause.DEFINITION, "connector-unusable", "; ".join(map(str, unusable)))
        return _stop(execution, why, scope=execution.scope())
    return Reads(tuple(execution.runbook.initial_reads), then=_read)


def _read(execution: Execution, readings: Readings | Unreadable) -> Next:
    if isinstance(readings, Unreadable):
        return _wait_for(execution, readings) or _stop(execution, unreadable(readings), scope=execution.scope())
    if _is_unclaimed(execution):
        return _checked(execution, readings)
    # Claimed some time ago, while reads failed: what was loaded of the definition may be old.
    return Look(lambda later, current_state: _looked(later, readings, current_state))


def _looked(execution: Execution, readings: Readings, current_state: CurrentState) -> Next:
    if current_state.unheld:
        return _stop(execution, not_held(), scope=execution.scope())
    if current_state.fenced:
        return Wait(execution.after(execution.timing.subject_busy_seconds))
    if current_state.orphaned:
        return hold(execution, Held(None))
    if not current_state.active:
        return _stop(execution, version_not_active(execution.run), scope=execution.scope())
    return _checked(execution, readings)


def _wait_for(execution: Execution, error: Unreadable) -> Next | None:
    """Waits for a read that failed in passing. The claim says since when, and keeps the subject meanwhile."""
    if not _is_unclaimed(execution):
        return read_wait(execution, error, since=execution.position.last.at)
    if read_wait(execution, error, since=execution.at) is None:
        return None
    return Commit(_claim(execution), RunState.CHECKING, claims=True)


def unreadable(error: Unreadable, rows: tuple[NewRow, ...] = ()) -> Stop:
    """Why a run stops whose sources can't be read."""
    return Stop(ExceptionCause.SOURCE, f"source-unreadable-{error.read.replace('_', '-')}", error.message, rows=rows)


def _checked(execution: Execution, readings: Readings) -> Next:
    runbook = execution.runbook
    scope = execution.scope(**readings.values)
    if refused := first_refused(runbook.prerequisites, scope, evidence=readings.evidence):
        return _stop(execution, refused, scope=scope)
    checked = NewRow(EventKind.CHECKED, detail={"readings": readings.values, "evidence": readings.evidence})
    try:
        needless = runbook.already is not None and runbook.already.holds(scope)
    except ConditionError as error:
        message = f"Whether it is already as required could not be evaluated. {error.message}"
        why = Stop(ExceptionCause.DEFINITION, "condition-error", message, readings.evidence)
        return _stop(execution, why, scope=scope)
    if needless:
        return finish.already(execution, *_claim(execution), checked, scope=scope, claims=_is_unclaimed(execution))
    return intent(
        execution,
        runbook.steps[0],
        *_claim(execution),
        checked,
        repeat_of=0,
        events=(NewEvent(EventName.RUN_CHECKED, context={"prerequisites": len(runbook.prerequisites)}),),
        claims=_is_unclaimed(execution),
    )


def _stop(execution: Execution, why: Stop, *, scope: dict[str, Any]) -> Next:
    whole = Stop(why.cause, why.reason, why.message, why.evidence, rows=_claim(execution))
    return finish.stop(execution, whole, scope=scope, claims=_is_unclaimed(execution))


def _is_unclaimed(execution: Execution) -> bool:
    """Earlier versions of Handrail claimed the subject in a commit of its own, so a run may have done so already."""
    return execution.position.phase is Phase.CLAIM


def _claim(execution: Execution) -> tuple[NewRow, ...]:
    return (NewRow(EventKind.CLAIMED),) if _is_unclaimed(execution) else ()


def version_mismatch(run: OperationRun) -> Stop | None:
    """The task must name the active version, both when it was received and now."""
    definition = run.definition
    if run.task_version == definition.version and definition.state == "active":
        return None
    message = (
        f"The task names version {run.task_version} of {definition.name}. Another one is active: have the task "
        "qualified again for the active version."
    )
    return Stop(ExceptionCause.PREREQUISITE, "runbook-version-mismatch", message)


def version_not_active(run: OperationRun) -> Stop:
    """Why a run stops whose definition is not active any more."""
    name = f"version {run.definition.version} of {run.definition.name}"
    message = f"The run follows {name}, which is not active any more. Have the task qualified again."
    return Stop(ExceptionCause.PREREQUISITE, "runbook-version-mismatch", message)


def not_held() -> Stop:
    """Why a follow-up run stops once the person who started it has its exception packet no more."""
    message = (
        "The person who started this follow-up run has its exception packet no more: it was handed back, given to "
        "somebody else or resolved."
    )
    return Stop(ExceptionCause.PREREQUISITE, "follow-up-not-held", message)


def first_refused(
    checks: Sequence[CompiledCheck],
    scope: dict[str, Any],
    *,
    evidence: list[dict[str, Any]],
    always: dict[str, Any] | None = None,
) -> Stop | None:
    """Why a run stops of whose prerequisites ``checks`` one does not hold, with the result of each. ``always``: the
    scope of those that are decided always."""
    results = check_prerequisites(checks, scope, always=always)
    failed = next(((one, result) for one, result in zip(checks, results, strict=True) if result), None)
    if failed is None:
        return None
    return _refused(*failed, evidence=[*evidence, {"prerequisites": _prerequisite_rows(checks, results)}])


def check_prerequisites(
    checks: Sequence[CompiledCheck], scope: dict[str, Any], *, always: dict[str, Any] | None = None
) -> list[str]:
    """For each prerequisite, in order: "" when it holds, "not-met" when it does not, or "error: …" when it could not
    be evaluated, which is never a pass."""
    results: list[str] = []
    for check in checks:
        try:
            by = always if always is not None and check.decided == "always" else scope
            results.append("" if check.condition.holds(by) else "not-met")
        except ConditionError as error:
            results.append(f"error: {error.message}")
    return results


def _refused(check: CompiledCheck, result: str, *, evidence: list[dict[str, Any]]) -> Stop:
    if result.startswith("error"):
        message = f"The prerequisite «{check.reason}» could not be evaluated, so it does not hold."
        return Stop(ExceptionCause.DEFINITION, check.reason, message, evidence)
    cause = ExceptionCause.BOUNDARY if check.kind == "boundary" else ExceptionCause.PREREQUISITE
    return Stop(
        cause, check.reason, check.message or f"The prerequisite «{check.condition.source}» does not hold.", evidence
    )


def _prerequisite_rows(checks: Sequence[CompiledCheck], results: list[str]) -> list[dict[str, str]]:
    return [
        {"condition": check.condition.source, "reason": check.reason, "result": result or "holds"}
        for check, result in zip(checks, results, strict=True)
    ]
