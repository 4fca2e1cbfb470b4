"""The format ``runbook/v1`` as closed models. The cross-checks that models can't make are in ``compiler``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from handrail.definitions.inputs.format import TaskField
from handrail.definitions.requests.forms import CallForm, Extracts, PollSpec, ReadForm
from handrail.definitions.source.scalars import (
    Closed,
    Dotted,
    Duration,
    Expression,
    FailureName,
    Formerly,
    Identifier,
    Interval,
    Kebab,
    Kept,
    Line,
    LongDuration,
    OptionalIdentifier,
    Prose,
    Status,
)

ConditionKind = Literal["prerequisite", "boundary"]
# When a prerequisite is decided: only before the first act; or before every one, whatever earlier steps have changed.
Decided = Literal["start", "always"]
Outcome = Literal["succeeded", "pending", "retryable", "terminal"]
# Why a run stops, in the words of ``runbooks.states.ExceptionCause``.
Cause = Literal[
    "prerequisite",
    "boundary",
    "ambiguous-result",
    "terminal-result",
    "retries-exhausted",
    "verification-failed",
    "outcome-unknown",
    "source-unreadable",
    "definition-error",
    "stopped-by-person",
]
# The order in which rows are tried.
OUTCOMES: tuple[Outcome, ...] = ("succeeded", "pending", "retryable", "terminal")
MAX_ATTEMPTS = 20
MAX_READ_BUDGET_SECONDS = 3600.0


def _within_an_hour(seconds: float | None) -> float | None:
    if seconds is not None and seconds > MAX_READ_BUDGET_SECONDS:
        raise PydanticCustomError("duration", "at most 1h; a person is asked after that")
    return seconds


class RetryBudgetSpec(Closed):
    """How often a run may repeat calls: the smaller of what the task carries and ``at_most``."""

    task: Identifier | None = None
    at_most: Annotated[int, Field(ge=0, le=MAX_ATTEMPTS)]


class CheckSpec(Closed):
    """A condition, and the reason code of the exception that it raises when it does not hold."""

    condition: Annotated[Expression, Formerly("that")]
    reason: Annotated[Kebab, Formerly("otherwise")]
    kind: ConditionKind | None = None
    message: Annotated[Prose | None, Formerly("says")] = None


class PrerequisiteSpec(CheckSpec):
    """What must hold before an act. Without ``decided``: before every one, but not on what earlier steps changed."""

    decided: Decided | None = None


class AlreadySpec(Closed):
    """The condition under which nothing needs doing. It is decided once, after the prerequisites hold."""

    condition: Expression
    message: Prose | None = None


class RowSpec(Closed):
    """One row of a result table: everything that is given must match."""

    status: Annotated[list[Status], Field(min_length=1, max_length=100)] | None = None
    failure: Annotated[list[FailureName], Field(min_length=1, max_length=9)] | None = None
    when: Expression | None = None
    as_: Annotated[Kebab | None, Field(alias="as")] = None


RowSpecs = Annotated[list[RowSpec], Field(max_length=50)]


class ResultSpec(Closed):
    """How an answer is classed. What no row names is ambiguous."""

    succeeded: Annotated[list[RowSpec], Field(min_length=1, max_length=50)]
    pending: RowSpecs = []
    retryable: RowSpecs = []
    terminal: RowSpecs = []


class RetryClassSpec(Closed):
    """What one class of retryable results changes."""

    attempts: Annotated[int, Field(ge=1, le=MAX_ATTEMPTS)] | None = None
    initial: Interval | None = None
    backoff: Annotated[float | int, Field(ge=1, le=10)] | None = None
    ceiling: Interval | None = None


class RetrySpec(Closed):
    """``attempts`` counts the first one too. The n-th wait is initial * backoff^(n-1), at most ceiling."""

    attempts: Annotated[int, Field(ge=1, le=MAX_ATTEMPTS)]
    initial: Interval = 1.0
    backoff: Annotated[float | int, Field(ge=1, le=10)] = 2
    ceiling: Interval = 60.0
    classes: Annotated[dict[Kebab, RetryClassSpec], Field(max_length=20)] = {}


class VerifySpec(Closed):
    """What must hold in the authoritative state afterwards, read again until it does or time is up."""

    reads: Annotated[list[Identifier], Field(min_length=1, max_length=20)]
    within: Duration = 0.0
    every: Interval = 2.0
    conditions: Annotated[list[CheckSpec], Field(min_length=1, max_length=50), Formerly("that")]
    unchanged: Annotated[list[Dotted], Field(max_length=50)] = []
    guards: Annotated[list[CheckSpec], Field(max_length=50)] = []


class StepSpec(Closed):
    name: Identifier
    title: Line | None = None
    effect: Literal["mutating", "reading"]
    deduplicates: bool = False
    call: CallForm
    answer: Extracts | None = None
    poll: PollSpec | None = None
    result: ResultSpec
    retry: RetrySpec | None = None
    verify: VerifySpec | None = None


class CopySpec(Closed):
    copy_: Annotated[list[Dotted], Field(alias="copy", max_length=50)]


# What people may say became of an exception packet, where the runbook declares no outcomes of its own.
DEFAULT_OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "fixed-by-hand": "Fixed by hand",
        "fixed-by-follow-up": "Fixed by a follow-up run",
        "not-needed": "Not needed",
        "customer-contact": "The customer must be asked",
        "defect": "Defect, reported",
        "other": "Something else",
    }
)


class FollowUpSpec(Closed):
    """A runbook that may be started from an exception packet of this one. ``by``: roles, or groups of yours."""

    runbook: Kebab
    by: Annotated[list[Kebab], Field(min_length=1, max_length=10)]


class ExceptionSpec(CopySpec):
    """``next_actions``: by reason code, what the people who take over should do next.

    ``due_within``: until when somebody should have resolved it, and ``due_within_by_cause`` for stops of one cause.
    ``outcomes``: what may become of it, title by code. ``follow_up``: what may be started from it, and who may.
    """

    next_actions: Annotated[
        dict[Kebab, Annotated[str, StringConstraints(min_length=1, max_length=500)]], Field(max_length=100)
    ] = {}
    due_within: LongDuration | None = None
    due_within_by_cause: dict[Cause, LongDuration] = {}
    outcomes: Annotated[dict[Kebab, Line], Field(min_length=1, max_length=20)] | None = None
    follow_up: Annotated[list[FollowUpSpec], Field(max_length=20)] = []


class Checkpoints(Closed):
    """What people read for each stage of a run."""

    received: Line = "Task received"
    checked: Line = "Prerequisites checked"
    invoked: Line = "Action invoked"
    verified: Line = "Effect verified"
    completed: Line = "Run completed"


MAX_WAVE_WIDTH = 1000
MAX_STARTS_A_MINUTE = 6000
Width = Annotated[int, Field(ge=1, le=MAX_WAVE_WIDTH)]
Starts = Annotated[int, Field(ge=1, le=MAX_STARTS_A_MINUTE)]


class WaveStopSpec(Closed):
    """When a wave stops itself, besides at any boundary: at so many exceptions of one reason, or where exceptions are
    more than ``share`` of what ended, once ``at_least`` runs have."""

    same_reason: Annotated[int, Field(ge=1, le=MAX_WAVE_WIDTH)] = 2
    share: Annotated[float, Field(gt=0, le=1)] = 0.2
    at_least: Annotated[int, Field(ge=1, le=MAX_WAVE_WIDTH)] = 10


class WavesSpec(Closed):
    """How runs of one event are carried: a canary of so many, then so many at a time. ``by``: the task's field that
    names the event; without it, waves are only started by people. ``stays_open``: for how long after its last task a
    wave expects further ones. A runbook without this section has the same waves as one with an empty section."""

    by: Dotted | None = None
    canary: Width = 1
    width: Width = 5
    a_minute: Starts = 60
    stop: WaveStopSpec = WaveStopSpec()
    stays_open: Duration = 3600.0


class RunbookLimitsSpec(Closed):
    """How many runs of this runbook, whatever their version, may be between first call and end, and begin a minute."""

    at_once: Width | None = None
    a_minute: Starts | None = None


class RunbookSpec(Closed):
    """A runbook as it is written."""

    handrail: Literal["runbook/v1"]
    name: Kebab
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    title: Line
    summary: Prose
    owner: Line
    escalate_to: Kebab
    task: Annotated[dict[OptionalIdentifier, TaskField], Field(min_length=1, max_length=50)]
    tenant: Dotted
    subject: Annotated[list[Dotted], Field(min_length=1, max_length=5)]
    retry_budget: RetryBudgetSpec | None = None
    reads: Annotated[dict[Identifier, ReadForm], Field(min_length=1, max_length=20)]
    read_budget: Annotated[Duration | None, AfterValidator(_within_an_hour)] = None
    prerequisites: Annotated[list[PrerequisiteSpec], Field(min_length=1, max_length=50)]
    already_as_required: AlreadySpec | None = None
    steps: Annotated[list[StepSpec], Field(min_length=1, max_length=20)]
    completion: CopySpec
    exception: ExceptionSpec
    checkpoints: Checkpoints = Checkpoints()
    waves: WavesSpec = WavesSpec()
    limits: RunbookLimitsSpec | None = None
    keep: Kept | None = None
