"""The format ``runbook/v1`` as closed models. What the models can't say alone is in ``checks``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from handrail.definitions.fields import (
    Closed,
    Dotted,
    Duration,
    Expression,
    FailureName,
    Identifier,
    Interval,
    Kebab,
    Line,
    OptionalIdentifier,
    Prose,
    Status,
    Template,
)
from handrail.definitions.forms import Call, Query, Read, Takes
from handrail.definitions.valuetypes import Base, ValueType

Kind = Literal["prerequisite", "boundary"]
Outcome = Literal["succeeded", "pending", "retryable", "terminal"]
# The order in which rows are tried.
OUTCOMES: tuple[Outcome, ...] = ("succeeded", "pending", "retryable", "terminal")
MAX_ATTEMPTS = 20


class _Rules(Closed):
    """What may be asked of a text or number."""

    format: Literal["email", "uuid", "date", "date-time", "uri", "hostname", "ipv4", "ipv6"] | None = None
    pattern: Annotated[str, Field(max_length=500)] | None = None
    enum: Annotated[list[JsonValue], Field(min_length=1, max_length=200)] | None = None
    min_length: Annotated[int | None, Field(alias="minLength", ge=0)] = None
    max_length: Annotated[int | None, Field(alias="maxLength", ge=0)] = None
    minimum: float | int | None = None
    maximum: float | int | None = None


class Items(_Rules):
    """What the members of a task's list are."""

    type: Base


class TaskField(_Rules):
    """One field of the task: the subset of JSON Schema that can be checked in bounded time and typed for conditions."""

    type: Literal["string", "integer", "number", "boolean", "object", "array"]
    items: Items | None = None
    min_items: Annotated[int | None, Field(alias="minItems", ge=0)] = None
    max_items: Annotated[int | None, Field(alias="maxItems", ge=0)] = None
    unique_items: Annotated[bool | None, Field(alias="uniqueItems")] = None
    description: Line | None = None

    def value_type(self, *, optional: bool) -> ValueType:
        if self.type == "array":
            return ValueType(self.items.type if self.items else "string", many=True, optional=optional)
        return ValueType(self.type, optional=optional)

    def json_schema(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True, exclude_none=True, exclude={"description"})


class RetryBudget(Closed):
    """How often a run may repeat calls: the smaller of what the task carries and ``at_most``."""

    task: Identifier | None = None
    at_most: Annotated[int, Field(ge=0, le=MAX_ATTEMPTS)]


class Check(Closed):
    """A condition, and the reason code of the exception that it raises when it does not hold."""

    that: Expression
    otherwise: Kebab
    kind: Kind | None = None
    says: Prose | None = None


class Row(Closed):
    """One row of a result table: everything that is given must match."""

    status: Annotated[list[Status], Field(min_length=1, max_length=100)] | None = None
    failure: Annotated[list[FailureName], Field(min_length=1, max_length=9)] | None = None
    when: Expression | None = None
    as_: Annotated[Kebab | None, Field(alias="as")] = None


Rows = Annotated[list[Row], Field(max_length=50)]


class Result(Closed):
    """How an answer is classed. What no row names is ambiguous."""

    succeeded: Annotated[list[Row], Field(min_length=1, max_length=50)]
    pending: Rows = []
    retryable: Rows = []
    terminal: Rows = []


class RetryClass(Closed):
    """What one class of retryable results does otherwise."""

    attempts: Annotated[int, Field(ge=1, le=MAX_ATTEMPTS)] | None = None
    initial: Interval | None = None
    backoff: Annotated[float | int, Field(ge=1, le=10)] | None = None
    ceiling: Interval | None = None


class Retry(Closed):
    """``attempts`` counts the first one too. The n-th wait is initial * backoff^(n-1), at most ceiling."""

    attempts: Annotated[int, Field(ge=1, le=MAX_ATTEMPTS)]
    initial: Interval = 1.0
    backoff: Annotated[float | int, Field(ge=1, le=10)] = 2
    ceiling: Interval = 60.0
    classes: Annotated[dict[Kebab, RetryClass], Field(max_length=20)] = {}


class Poll(Closed):
    """Ask again while the row ``pending`` matches. ``get``: the path to ask; without it, the job by ``answer.id``."""

    get: Template | None = None
    query: Query = {}
    every: Interval
    within: Interval


class Verify(Closed):
    """What must hold in the authoritative state afterwards, read again until it does or time is up."""

    reads: Annotated[list[Identifier], Field(min_length=1, max_length=20)]
    within: Duration = 0.0
    every: Interval = 2.0
    that: Annotated[list[Check], Field(min_length=1, max_length=50)]
    unchanged: Annotated[list[Dotted], Field(max_length=50)] = []
    guards: Annotated[list[Check], Field(max_length=50)] = []


class Step(Closed):
    name: Identifier
    title: Line | None = None
    effect: Literal["mutating", "reading"]
    deduplicates: bool = False
    call: Call
    answer: Takes | None = None
    poll: Poll | None = None
    result: Result
    retry: Retry | None = None
    verify: Verify | None = None


class Copy(Closed):
    copy_: Annotated[list[Dotted], Field(alias="copy", max_length=50)]


class Checkpoints(Closed):
    """What people read for each stage of a run."""

    received: Line = "Task received"
    checked: Line = "Prerequisites checked"
    invoked: Line = "Action invoked"
    verified: Line = "Effect verified"
    completed: Line = "Run completed"


class Runbook(Closed):
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
    retry_budget: RetryBudget | None = None
    reads: Annotated[dict[Identifier, Read], Field(min_length=1, max_length=20)]
    prerequisites: Annotated[list[Check], Field(min_length=1, max_length=50)]
    steps: Annotated[list[Step], Field(min_length=1, max_length=20)]
    completion: Copy
    exception: Copy
    checkpoints: Checkpoints = Checkpoints()
