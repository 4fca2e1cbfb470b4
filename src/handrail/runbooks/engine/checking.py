"""Claiming a run, and checking that its task still matches the authoritative systems."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.definitions import wiring
from handrail.definitions.runbook.compiled import CompiledCheck, CompiledRunbook, ConditionError
from handrail.kernel.clock import after
from handrail.kernel.errors import Stale
from handrail.runbooks.engine import endings
from handrail.runbooks.engine.endings import Stop
from handrail.runbooks.engine.execution import Execution, Wait
from handrail.runbooks.engine.intent import commit_intent
from handrail.runbooks.engine.ledger import NewRow
from handrail.runbooks.engine.outside import Unreadable
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import EXCLUSIVE, EventKind, ExceptionCause, RunState


def claim(execution: Execution) -> Wait | None:
    """Takes the subject for this run, or waits while another run of the same tenant and subject is under way."""
    run = execution.run
    others = OperationRun.objects.filter(tenant_id=run.tenant_id, subject=run.subject, state__in=EXCLUSIVE)
    if not others.exists():
        try:
            execution.append(NewRow(EventKind.CLAIMED), state=RunState.CHECKING)
        except Stale as error:
            if not isinstance(error.__cause__, IntegrityError) or not others.exists():
                raise
        else:
            return None
    # The run that occupies the subject wakes this one when it ends; the wait is for the case that it could not.
    return Wait(after(execution.timing.subject_busy_seconds))


def check(execution: Execution) -> Wait | None:
    """Reads all sources again, checks every prerequisite, and commits the first step's intent; else stops the run."""
    runbook = execution.runbook
    if mismatch := version_mismatch(execution.run):
        endings.stop(execution, mismatch, scope=execution.scope())
        return None
    if unusable := wiring.faults(runbook):  # of later steps too: nothing is begun that could not be ended
        why = Stop(ExceptionCause.DEFINITION, "connector-unusable", "; ".join(map(str, unusable)))
        endings.stop(execution, why, scope=execution.scope())
        return None
    try:
        readings = execution.read(runbook.initial_reads)
    except Unreadable as error:
        why = Stop(ExceptionCause.SOURCE, f"source-unreadable-{error.read.replace('_', '-')}", error.message)
        endings.stop(execution, why, scope=execution.scope())
        return None
    scope = execution.scope(**readings.values)
    results = check_prerequisites(runbook, scope)
    failed = [(check, result) for check, result in zip(runbook.prerequisites, results, strict=True) if result]
    if failed:
        why = _refused(
            *failed[0], evidence=[*readings.evidence, {"prerequisites": _prerequisite_rows(runbook, results)}]
        )
        endings.stop(execution, why, scope=scope)
        return None
    first = runbook.steps[0]
    checked = NewRow(EventKind.CHECKED, detail={"readings": readings.values, "evidence": readings.evidence})
    with transaction.atomic():
        record(
            EventName.RUN_CHECKED,
            by=execution.by,
            tenant_id=execution.run.tenant_id,
            subject_kind="run",
            subject=execution.run.ref,
            prerequisites=len(results),
        )
        commit_intent(execution, first, checked, repeat_of=0)
    return None


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
