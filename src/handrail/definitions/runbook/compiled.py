"""A runbook ready to be followed: everything that the engine asks of a definition. Pure; nothing here does a call.

``scope`` is nested mappings: ``task``, each read's values under its name, ``before`` (the reads as they were before the
step), ``steps`` (each earlier step's answer under its name), ``answer`` (this step's) and ``http`` (``status``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue

from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer
from handrail.definitions.inputs.schema import InputSchema
from handrail.definitions.language.conditions import Condition, ConditionError
from handrail.definitions.language.names import Absent, lookup
from handrail.definitions.requests import forms, operations
from handrail.definitions.requests.extraction import Extraction
from handrail.definitions.requests.forms import PollSpec
from handrail.definitions.runbook import classify as classification
from handrail.definitions.runbook.classify import Classification, CompiledRow
from handrail.definitions.runbook.format import DEFAULT_OUTCOMES, Checkpoints, Decided, RunbookSpec

CheckKind = Literal["prerequisite", "boundary", "verification", "guard"]
__all__ = [
    "Classification",
    "CompiledCheck",
    "CompiledRead",
    "CompiledRunbook",
    "CompiledStep",
    "CompiledVerification",
    "Condition",
    "ConditionError",
]


@dataclass(frozen=True, slots=True)
class CompiledCheck:
    """A condition, and the reason code of the exception raised when it does not hold.

    ``message`` is for people, or empty. ``decided``: of a prerequisite, as ``PrerequisiteSpec`` has it.
    """

    condition: Condition
    reason: str
    kind: CheckKind
    message: str
    decided: Decided | None = None


@dataclass(frozen=True, slots=True)
class CompiledRead:
    """One authoritative read. ``after``: the step whose answer its placeholders need; None: readable from the start.

    ``needs``: the reads above it whose values its placeholders use.
    """

    name: str
    connector: str
    spec: forms.AnyRead
    extraction: Extraction
    after: str | None
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``attempts`` counts the first one too; waits are in seconds."""

    attempts: int
    initial_seconds: float
    backoff: float
    ceiling_seconds: float

    def delay_seconds(self, failed_attempts: int) -> float:
        """The wait after so many failed attempts (1 or more)."""
        return min(self.initial_seconds * self.backoff ** (failed_attempts - 1), self.ceiling_seconds)


@dataclass(frozen=True, slots=True)
class Polling:
    """Ask again every ``every_seconds`` for at most ``within_seconds`` while the result is pending."""

    spec: PollSpec
    every_seconds: float
    within_seconds: float


@dataclass(frozen=True, slots=True)
class CompiledVerification:
    """``reads``: all that must be re-read, in declared order, those of ``unchanged`` among them.

    ``reads_need_answer``: one of them names the step's own answer. ``unchanged``: dotted names; each must equal
    ``before.`` and the name.
    """

    reads: tuple[str, ...]
    reads_need_answer: bool
    within_seconds: float
    every_seconds: float
    conditions: tuple[CompiledCheck, ...]
    unchanged: tuple[str, ...]
    guards: tuple[CompiledCheck, ...]

    @property
    def to_change(self) -> frozenset[str]:
        """The values, such as ``inventory.pending``, that its conditions say the step is there to change."""
        named = {name for check in self.conditions for name in check.condition.names}
        return frozenset(name for name in named if name.split(".")[0] in self.reads) - frozenset(self.unchanged)

    def changed(self, scope: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of ``unchanged`` whose values differ between ``before`` and now. An absent value differs."""
        return tuple(name for name in self.unchanged if _differs(name, scope))


@dataclass(frozen=True, slots=True)
class CompiledStep:
    """``retry``: by retry class; the class None is the general policy. ``rows`` are in the order of trying."""

    name: str
    title: str
    mutating: bool
    deduplicates: bool
    connector: str
    call: forms.AnyCall
    answers: Extraction | None
    poll: Polling | None
    rows: tuple[CompiledRow, ...]
    retry: Mapping[str | None, RetryPolicy]
    verify: CompiledVerification | None

    @property
    def proof_needs_answer(self) -> bool:
        """Whether the effect can't be looked for without this step's answer, as after a crash that lost it."""
        if self.verify is None:
            return True
        own = ("answer.", f"steps.{self.name}.")
        return self.verify.reads_need_answer or any(
            name.startswith(own) for check in self.verify.conditions for name in check.condition.names
        )

    def policy(self, retry_class: str | None) -> RetryPolicy:
        return self.retry.get(retry_class) or self.retry[None]


@dataclass(frozen=True, slots=True)
class CompiledRunbook:
    """Immutable and safe to share between threads. ``digest`` is over the canonical JSON of the parsed text.

    ``already``: the condition under which nothing needs doing.
    """

    spec: RunbookSpec
    digest: str
    tasks: InputSchema
    reads: Mapping[str, CompiledRead]
    prerequisites: tuple[CompiledCheck, ...]
    steps: tuple[CompiledStep, ...]
    already: Condition | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def version(self) -> int:
        return self.spec.version

    @property
    def title(self) -> str:
        return self.spec.title

    @property
    def owner(self) -> str:
        return self.spec.owner

    @property
    def escalate_to(self) -> str:
        return self.spec.escalate_to

    @property
    def identity(self) -> dict[str, JsonValue]:
        """What conditions may name of the runbook itself."""
        return {"name": self.name, "version": self.version}

    @property
    def checkpoints(self) -> Checkpoints:
        """The labels that people read."""
        return self.spec.checkpoints

    def due_within_seconds(self, cause: str) -> float | None:
        """How soon an exception packet of this ``cause`` should be resolved; None where nothing says so."""
        spec = self.spec.exception
        by_cause: Mapping[str, float] = {str(name): seconds for name, seconds in spec.due_within_by_cause.items()}
        return by_cause.get(cause, spec.due_within)

    @property
    def outcomes(self) -> Mapping[str, str]:
        """What may become of its exception packets, title by code."""
        return self.spec.exception.outcomes or DEFAULT_OUTCOMES

    @property
    def keep_seconds(self) -> float | None:
        """How long the values of a run are kept after it has ended; None for ever."""
        return self.spec.keep

    @property
    def initial_reads(self) -> tuple[str, ...]:
        """The reads of the checking stage, in declared order: those that need no step's answer."""
        return tuple(name for name, read in self.reads.items() if read.after is None)

    def step(self, name: str) -> CompiledStep:
        return next(step for step in self.steps if step.name == name)

    def validate_task(self, payload: Mapping[str, Any]) -> dict[str, JsonValue]:
        """The declared fields and no others; absent optional ones as None. Raises Invalid, a fault for each field."""
        return self.tasks.validate(payload)

    def tenant_key(self, task: Mapping[str, Any]) -> str:
        """The tenant's key in Handrail, from a validated task."""
        return str(lookup(self.spec.tenant, {"task": task}))

    def subject(self, task: Mapping[str, Any]) -> str:
        """What only one run at a time may concern, from a validated task."""
        return " / ".join(str(lookup(name, {"task": task})) for name in self.spec.subject)

    def wave_event(self, task: Mapping[str, Any]) -> str:
        """The event that the wave of a validated task is of; empty where it belongs to none."""
        named = self.spec.waves.by
        value = lookup(named, {"task": task}) if named else None
        return "" if value is None else str(value)

    @property
    def overreaching(self) -> frozenset[str]:
        """The reasons that say that something was changed, or would have been, that no run may decide: boundaries, and
        guards of what a step did."""
        guards = (check for step in self.steps if step.verify for check in step.verify.guards)
        bounds = (check for check in self.prerequisites if check.kind == "boundary")
        return frozenset(check.reason for check in (*guards, *bounds))

    def retry_limit(self, task: Mapping[str, Any]) -> int:
        """How many repeats (attempts after a step's first) the whole run may make."""
        budget = self.spec.retry_budget
        if budget is None:
            return sum(max(policy.attempts for policy in step.retry.values()) - 1 for step in self.steps)
        carried = task.get(budget.task) if budget.task else None
        return budget.at_most if carried is None else max(0, min(int(carried), budget.at_most))

    def operation(
        self, asked: operations.AnyForm, scope: Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> Operation:
        """The connector's operation for ``CompiledRead.spec``, ``CompiledStep.call`` or ``Polling.spec``.

        Raises Invalid (``placeholder``) for a value that is absent or can't stand where it is asked to.
        """
        return operations.build(asked, scope, idempotency_key)

    def extract(self, read: str, value: JsonValue) -> dict[str, JsonValue]:
        """The read's declared values. Raises Invalid (``answer-unusable``) naming read and field."""
        return self.reads[read].extraction.apply(read, value)

    def classify(self, step: str | CompiledStep, scope: Mapping[str, Any], answer: Answer) -> Classification:
        """What came of a call or a poll, by the step's result table. Never raises for what an answer holds."""
        chosen = self.step(step) if isinstance(step, str) else step
        return classification.classify(chosen.rows, chosen.answers, scope, answer)

    def copy(self, names: Sequence[str], scope: Mapping[str, Any]) -> dict[str, JsonValue]:
        """Dotted name to value, of those that ``scope`` has by now."""
        return {name: value for name in names if (value := _value(name, scope)) is not _ABSENT}


_ABSENT: Any = object()


def _value(name: str, scope: Mapping[str, Any]) -> Any:
    try:
        return lookup(name, scope)
    except Absent:
        return _ABSENT


def _differs(name: str, scope: Mapping[str, Any]) -> bool:
    before, after = _value(f"before.{name}", scope), _value(name, scope)
    return before is _ABSENT or after is _ABSENT or type(before) is not type(after) or bool(before != after)
