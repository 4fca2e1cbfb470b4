"""The intent to call, committed before the call: after a crash it shows that something may have happened."""

from __future__ import annotations

from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.definitions.runbook.compiled import CompiledStep
from handrail.kernel.clock import after
from handrail.runbooks.engine import controlled
from handrail.runbooks.engine.execution import Execution
from handrail.runbooks.engine.ledger import NewRow
from handrail.runbooks.engine.outside import connector
from handrail.runbooks.states import EventKind, RunState


def commit_intent(execution: Execution, step: CompiledStep, *before: NewRow, repeat_of: int) -> None:
    """Adds the intent to call ``step`` behind the rows ``before``, in the caller's transaction.

    ``repeat_of`` is the number of attempts already made in this step. The row's deadline is the call's own, with a
    margin to record the result: a row that has no result after that was left by a worker that is gone. Raises
    Interrupted where a person keeps the run from going on.
    """
    controlled.before_intent(execution, step)
    deadline = after(connector(step.connector).deadline_seconds + execution.timing.intent_margin_seconds)
    intent = NewRow(
        EventKind.INTENT,
        step=step.name,
        attempt=repeat_of + 1,
        idempotency_key=execution.idempotency_key(step.name),
        deadline_at=deadline,
        detail={"connector": step.connector, "effect": "mutating" if step.mutating else "reading"},
    )
    execution.append(*before, intent, state=RunState.INVOKING, due_at=deadline)
    record(
        EventName.RUN_INVOKED,
        by=execution.by,
        tenant_id=execution.run.tenant_id,
        subject_kind="run",
        subject=execution.run.ref,
        step=step.name,
        attempt=repeat_of + 1,
    )
