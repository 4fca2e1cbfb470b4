"""A runbook in words: what it takes, reads, requires, does, retries and proves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from handrail.definitions.inputs.format import TaskField
from handrail.definitions.requests.forms import (
    AnyCall,
    AnyRead,
    GetForm,
    HoldersOfForm,
    MembersOfForm,
    ScimChangeForm,
    ScimQueryForm,
    ScimReadForm,
    SendForm,
    StartForm,
)
from handrail.definitions.runbook.compiler import compile_runbook
from handrail.definitions.runbook.format import CheckSpec, RowSpec, RunbookSpec, StepSpec
from handrail.kernel.errors import Invalid
from handrail.web.shell import words


@dataclass(frozen=True, slots=True)
class StepSummary:
    """``rows``: of the result table, by class. ``proof``: conditions that must hold afterwards."""

    name: str
    title: str
    does: str
    effect: str
    rows: list[tuple[str, list[str]]]
    retries: str
    proof: list[CheckSpec]
    window: str
    guards: list[CheckSpec]
    unchanged: list[str]


@dataclass(frozen=True, slots=True)
class RunbookSummary:
    summary: str
    escalate_to: str
    task: list[tuple[str, str]]
    budget: str
    reads: list[tuple[str, str]]
    prerequisites: list[CheckSpec]
    steps: list[StepSummary]
    completion: list[str]
    exception: list[str]
    checkpoints: list[str]
    waves: list[tuple[str, str]]


def summarise(text: str) -> RunbookSummary | None:
    """None for a text that this version can't read as a runbook: then only the text itself is shown."""
    try:
        spec = compile_runbook(text, kept=True).spec
    except Invalid:
        return None
    labels = spec.checkpoints
    return RunbookSummary(
        summary=spec.summary,
        escalate_to=spec.escalate_to,
        task=[
            (name.rstrip("?"), field_in_words(field, optional=name.endswith("?"))) for name, field in spec.task.items()
        ],
        budget=_budget(spec),
        reads=[(name, read_in_words(read)) for name, read in spec.reads.items()],
        prerequisites=list(spec.prerequisites),
        steps=[_step(step) for step in spec.steps],
        completion=list(spec.completion.copy_),
        exception=list(spec.exception.copy_),
        checkpoints=[labels.received, labels.checked, labels.invoked, labels.verified, labels.completed],
        waves=list(_waves(spec)),
    )


def _waves(spec: RunbookSpec) -> Iterator[tuple[str, str]]:
    """How runs of one event begin, how many of this runbook may at once, and how long what they hold is kept."""
    of, stop, limits = spec.waves, spec.waves.stop, spec.limits
    yield "Tasks of one event", f"those with the same task field {of.by}" if of.by else "none: people start waves"
    yield "Rounds", f"{of.canary} first, then {of.width} at a time, at most {of.a_minute} a minute"
    share = f"more than {stop.share:.0%} of what ended, once {stop.at_least} have"
    yield "Stops itself", f"at a boundary or broken guard, at {stop.same_reason} exceptions of one reason, at {share}"
    if of.by:
        yield "Expects further tasks", f"for {words.span(of.stays_open)} after the last one"
    if limits and limits.at_once:
        yield "At once", f"at most {limits.at_once} runs of this runbook, in waves or not"
    if limits and limits.a_minute:
        yield "A minute", f"at most {limits.a_minute} runs of this runbook begin"
    kept = "for ever" if spec.keep is None else f"for {words.span(spec.keep)} after a run has ended, then erased"
    yield "Values are kept", kept


def field_in_words(field: TaskField, *, optional: bool) -> str:
    """The type of an input field and its bounds."""
    kind = f"list of {field.items.type if field.items else 'string'}" if field.type == "array" else field.type
    bounds = (
        ("at least", field.min_items if field.min_items is not None else field.minimum),
        ("at most", field.max_items if field.max_items is not None else field.maximum),
    )
    parts = [kind, *(f"{word} {bound}" for word, bound in bounds if bound is not None)]
    return ", ".join([*parts, "optional"] if optional else parts)


def _budget(spec: RunbookSpec) -> str:
    if spec.retry_budget is None:
        return "each step's own limit"
    carried = f", or task.{spec.retry_budget.task} where that is less" if spec.retry_budget.task else ""
    return f"at most {spec.retry_budget.at_most} in all{carried}"


def read_in_words(read: AnyRead) -> str:
    """What is asked, and of which connector."""
    match read:
        case GetForm():
            what = f"GET {read.get}"
        case ScimReadForm():
            what = f"{read.scim} {read.id}"
        case ScimQueryForm():
            what = f"{read.scim} where {read.filter}" if read.filter else f"all {read.scim}"
        case MembersOfForm():
            what = f"members of {read.members_of}"
        case HoldersOfForm():
            what = f"holders of {read.holders_of}"
    return f"{what} in {read.connector}"


def _call(call: AnyCall) -> str:
    match call:
        case StartForm():
            what = f"starts the job {call.start}"
        case SendForm():
            what = ", ".join(f"{method.upper()} {getattr(call, method)}" for method in call.methods)
        case GetForm():
            what = f"GET {call.get}"
        case ScimChangeForm():
            what = f"changes {call.scim} {call.id}"
        case _:
            what = words.humanise(next(iter(type(call).model_fields.keys() - {"connector"}))).lower()
    return f"{what} in {call.connector}"


def _step(step: StepSpec) -> StepSummary:
    table = step.result
    named = (
        ("succeeded", table.succeeded),
        ("pending", table.pending),
        ("retryable", table.retryable),
        ("terminal", table.terminal),
    )
    verify = step.verify
    return StepSummary(
        name=step.name,
        title=step.title or words.humanise(step.name),
        does=_call(step.call),
        effect=_effect(step),
        rows=[(name, [_row(row) for row in rows]) for name, rows in named if rows],
        retries=_retries(step),
        proof=list(verify.conditions) if verify else [],
        window=words.span(verify.within) if verify else "",
        guards=list(verify.guards) if verify else [],
        unchanged=list(verify.unchanged) if verify else [],
    )


def _effect(step: StepSpec) -> str:
    if step.effect == "reading":
        return "Changes nothing."
    if step.deduplicates:
        return "Changes something; the target takes the same key only once, so an unknown outcome may be asked again."
    return "Changes something; the target does not deduplicate, so it is never sent again once it may have been sent."


def _row(row: RowSpec) -> str:
    parts: list[str] = []
    if row.status:
        parts.append(f"status {', '.join(map(str, row.status))}")
    if row.failure:
        parts.append(", ".join(row.failure))
    if row.when:
        parts.append(f"when {row.when}")
    return " and ".join(parts) + (f" (as {row.as_})" if row.as_ else "")


def _retries(step: StepSpec) -> str:
    retry = step.retry
    if retry is None or retry.attempts == 1:
        return "One attempt only."
    own = "; ".join(_own(step))
    general = (
        f"{retry.attempts} attempts, waiting {words.span(retry.initial)}, each time {retry.backoff:g} times longer"
    )
    return f"{general}, at most {words.span(retry.ceiling)}{f'; {own}' if own else ''}."


def _own(step: StepSpec) -> Iterator[str]:
    for name, other in (step.retry.classes if step.retry else {}).items():
        parts = [f"{other.attempts} attempts"] if other.attempts else []
        parts += [f"first wait {words.span(other.initial)}"] if other.initial is not None else []
        yield f"{name}: {', '.join(parts) or 'as above'}"
