"""Claiming the subject, and checking that the task still matches the authoritative systems."""

from __future__ import annotations

from typing import Any

from handrail.audit.events import EventName
from handrail.definitions import wiring
from handrail.definitions.runbook.compiled import CompiledCheck, CompiledRunbook, ConditionError
from handrail.runbooks.engine.decision import Commit, NewEvent, NewRow, Next, Reads, Wait
from handrail.runbooks.engine.execution import Execution
from handrail.runbooks.engine.moves import finish
from handrail.runbooks.engine.moves.finish import Stop
from handrail.runbooks.engine.moves.following import intent
from handrail.runbooks.engine.outside import Readings, Unreadable
from handrail.runbooks.engine.position import Phase
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import EventKind, ExceptionCause


def check(execution: Execution) -> Next:
    """Reads all sources, checks every prerequisite, and commits the claim of the subject with the first step's intent;
    or stops the run; or waits while another run of the same tenant and subject is under way.

    What is read here counts only if no other run took the subject since this worker looked: the claim is void then,
    and all of it is done again.
    """
    if _is_unclaimed(execution) and execution.subject.busy:
        # The run that occupies the subject wakes this one when it ends; the wait is for the case that it could not.
        return Wait(execution.after(execution.timing.subject_busy_seconds))
    if mismatch := version_mismatch(execution.run):
        return _stop(execution, mismatch, scope=execution.scope())
    if unusable := wiring.faults(execution.runbook):  # of later steps too: nothing is begun that could not be ended
        why = Stop(ExceptionCause.DEFINITION, "connector-unusable", "; ".join(map(str, unusable)))
        return _stop(execution, why, scope=execution.scope())
    return Reads(tuple(execution.runbook.initial_reads), then=_checked)


def _checked(execution: Execution, readings: Readings | Unreadable) -> Next:
    if isinstance(readings, Unreadable):
        why = Stop(ExceptionCause.SOURCE, f"source-unreadable-{readings.read.replace('_', '-')}", readings.message)
        return _stop(execution, why, scope=execution.scope())
    runbook = execution.runbook
    scope = execution.scope(**readings.values)
    results = check_prerequisites(runbook, scope)
    failed = [(check, result) for check, result in zip(runbook.prerequisites, results, strict=True) if result]
    if failed:
        evidence = [*readings.evidence, {"prerequisites": _prerequisite_rows(runbook, results)}]
        return _stop(execution, _refused(*failed[0], evidence=evidence), scope=scope)
    checked = NewRow(EventKind.CHECKED, detail={"readings": readings.values, "evidence": readings.evidence})
    return intent(
        execution,
        runbook.steps[0],
        *_claim(execution),
        checked,
        repeat_of=0,
        events=(NewEvent(EventName.RUN_CHECKED, context={"prerequisites": len(results)}),),
        claims=_is_unclaimed(execution),
    )


def _stop(execution: Execution, why: Stop, *, scope: dict[str, Any]) -> Commit:
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


def check_prerequisites(runbook: CompiledRunbook, scope: dict[str, Any]) -> list[str]:
    """For each prerequisite, in order: "" when it holds, "not-met" when it does not, or "error: …" when it could not
    be evaluated, which is never a pass."""
    results: list[str] = []
    for check in runbook.prerequisites:
        try:
            results.append("" if check.condition.holds(scope) else "not-met")
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


def _prerequisite_rows(runbook: CompiledRunbook, results: list[str]) -> list[dict[str, str]]:
    return [
        {"condition": check.condition.source, "reason": check.reason, "result": result or "holds"}
        for check, result in zip(runbook.prerequisites, results, strict=True)
    ]
