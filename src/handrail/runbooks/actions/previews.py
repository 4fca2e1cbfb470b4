"""A dry run: reads and prerequisites as a run would do them, and what it would invoke. Nothing is written outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.definitions import wiring
from handrail.definitions.active import active_runbook, compiled_runbook
from handrail.definitions.runbook.compiled import CompiledRunbook, ConditionError
from handrail.kernel.errors import Invalid
from handrail.runbooks import timing
from handrail.runbooks.delegated import IncomingTask, subject_of
from handrail.runbooks.engine.moves.check import check_prerequisites
from handrail.runbooks.engine.outside import Unreadable, read_all


@dataclass(frozen=True, slots=True)
class PrerequisiteResult:
    """``result`` is empty when it holds, else ``not-met`` or ``error: …``."""

    condition: str
    reason: str
    kind: str
    result: str


@dataclass(frozen=True, slots=True)
class WouldInvoke:
    step: str
    connector: str
    effect: str
    operation: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Preview:
    """``unreadable`` names the source that could not be read or the connector that is missing; then the rest is empty.
    ``would_invoke`` is None when a run would stop before invoking anything, or complete as ``already_as_required``,
    because nothing needs doing. ``readings``: what was read, by the names of the reads."""

    runbook: str
    version: int
    definition_digest: str
    tenant: str
    subject: str
    retry_limit: int
    version_matches: bool
    evidence: tuple[dict[str, Any], ...]
    prerequisites: tuple[PrerequisiteResult, ...]
    would_invoke: WouldInvoke | None
    unreadable: str = ""
    already_as_required: bool = False
    readings: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def would_start(self) -> bool:
        return self.would_invoke is not None


def preview(*, task: IncomingTask, by: Actor, needs: Capability = Capability.RUN_PREVIEW) -> Preview:
    """What a run of ``task`` would do now. ``needs``: as for ``runs.start``. Raises NotFound, Denied, Invalid as that
    does."""
    by.require(needs)
    definition = active_runbook(by.workspace_id, task.runbook)
    runbook = compiled_runbook(definition)
    payload = runbook.validate_task(task.payload)
    tenant = guards.get_open_tenant(by, runbook.tenant_key(payload), needs)
    record(
        EventName.RUN_PREVIEWED,
        by=by,
        tenant_id=tenant.pk,
        subject_kind="task",
        subject=task.key,
        definition=definition.digest,
    )
    scope: dict[str, Any] = {"runbook": runbook.identity, "task": payload}
    base: dict[str, Any] = {
        "runbook": runbook.name,
        "version": runbook.version,
        "definition_digest": definition.digest,
        "tenant": tenant.key,
        "subject": subject_of(runbook, payload),
        "retry_limit": runbook.retry_limit(payload),
        "version_matches": task.version == definition.version,
    }
    if unusable := wiring.faults(runbook):
        message = "; ".join(map(str, unusable))
        return Preview(**base, evidence=(), prerequisites=(), would_invoke=None, unreadable=message)
    try:
        readings = read_all(runbook, runbook.initial_reads, scope, timing.get())
    except Unreadable as error:
        return Preview(**base, evidence=(), prerequisites=(), would_invoke=None, unreadable=error.message)
    scope = {**scope, **readings.values, "before": readings.values}
    results = _results(runbook, scope)
    starts = base["version_matches"] and not any(r.result for r in results)
    needed = _is_needed(runbook, scope) if starts else None
    return Preview(
        **base,
        evidence=tuple(readings.evidence),
        prerequisites=results,
        would_invoke=_would_invoke(runbook, scope) if needed else None,
        already_as_required=needed is False,
        readings={name: dict(values) for name, values in readings.values.items()},
    )


def _is_needed(runbook: CompiledRunbook, scope: dict[str, Any]) -> bool | None:
    """Whether anything needs doing; None where that can't be evaluated, so that a run would stop."""
    try:
        return runbook.already is None or not runbook.already.holds(scope)
    except ConditionError:
        return None


def _results(runbook: CompiledRunbook, scope: dict[str, Any]) -> tuple[PrerequisiteResult, ...]:
    outcomes = check_prerequisites(runbook.prerequisites, scope)
    return tuple(
        PrerequisiteResult(check.condition.source, check.reason, check.kind, result)
        for check, result in zip(runbook.prerequisites, outcomes, strict=True)
    )


def _would_invoke(runbook: CompiledRunbook, scope: dict[str, Any]) -> WouldInvoke | None:
    step = runbook.steps[0]
    try:
        operation = runbook.operation(step.call, scope, idempotency_key=f"RUN-PREVIEW:{step.name}")
    except Invalid:
        return None
    shown = operation.model_dump(mode="json", exclude={"idempotency_key"}, exclude_none=True)
    return WouldInvoke(step.name, step.connector, "mutating" if step.mutating else "reading", shown)
