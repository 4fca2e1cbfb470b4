"""What is decided again before each call of a run, as far as readings decide it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from handrail.definitions.runbook.compiled import CompiledCheck, CompiledRunbook, CompiledStep
from handrail.runbooks.engine.position import Row
from handrail.runbooks.states import EventKind

Values = Mapping[str, Any]


def changed(runbook: CompiledRunbook, rows: Iterable[Row]) -> frozenset[str]:
    """The values, such as ``inventory.pending``, that verified steps were to change, and have changed."""
    before: dict[str, Any] = {}
    found: set[str] = set()
    for row in rows:
        if row.kind is EventKind.VERIFIED:
            step = runbook.step(row.step)
            readings = row.detail.get("readings", {})
            names = step.verify.to_change if step.verify is not None else frozenset()
            found |= {name for name in names if _differs(runbook, name, before, readings)}
        if row.kind in (EventKind.CHECKED, EventKind.VERIFIED):
            before |= row.detail.get("readings", {})
    return frozenset(found)


def prerequisites(runbook: CompiledRunbook, already_changed: frozenset[str]) -> tuple[CompiledCheck, ...]:
    """The prerequisites that are decided again before a call that is not the run's first: by ``decided_by``, so those
    are left out that name no other value than such as steps have changed."""
    return tuple(
        check
        for check in runbook.prerequisites
        if check.decided == "always" or (check.decided is None and _is_open(_read(runbook, check), already_changed))
    )


def decided_by(start: Values, now: Values, already_changed: frozenset[str]) -> dict[str, dict[str, Any]]:
    """The readings ``now``, but with what steps have changed as it was at the ``start``: what a prerequisite is decided
    again by unless it says otherwise. So every value that no step was to change is decided again wherever it stands."""
    return {
        read: {
            name: start[read][name] if f"{read}.{name}" in already_changed else value for name, value in values.items()
        }
        for read, values in now.items()
    }


def _is_open(read: frozenset[str], already_changed: frozenset[str]) -> bool:
    return not read or not read <= already_changed


def _read(runbook: CompiledRunbook, check: CompiledCheck) -> frozenset[str]:
    return frozenset(name for name in check.condition.names if name.split(".")[0] in runbook.reads)


def at_start(rows: Iterable[Row]) -> dict[str, Any]:
    """Each read's values as they were when the run first wrote them down."""
    found: dict[str, Any] = {}
    for row in rows:
        if row.kind in (EventKind.CHECKED, EventKind.VERIFIED):
            found = {**row.detail.get("readings", {}), **found}
    return found


def altered(
    runbook: CompiledRunbook, step: CompiledStep, start: Values, now: Values, already_changed: frozenset[str]
) -> str | None:
    """The first value of the step's ``unchanged`` that differs from the start, though no step was to change it."""
    names = step.verify.unchanged if step.verify is not None else ()
    return next((name for name in names if name not in already_changed and _differs(runbook, name, start, now)), None)


def _differs(runbook: CompiledRunbook, name: str, before: Values, after: Values) -> bool:
    """Whether a value that both have is another one, or of another type."""
    was, now = runbook.copy([name], before), runbook.copy([name], after)
    return bool(was and now) and (type(was[name]) is not type(now[name]) or was != now)
