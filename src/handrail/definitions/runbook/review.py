"""Findings of a runbook beyond the faults of its text, and when its prerequisites are decided."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from handrail.definitions.language.celtree import CelNode
from handrail.definitions.language.conditions import Condition
from handrail.definitions.runbook.compiled import CompiledCheck, CompiledRunbook, CompiledStep
from handrail.definitions.source.faults import Path, dotted
from handrail.definitions.source.loader import Document
from handrail.kernel.errors import Fault

_COMPARED = frozenset({"_==_", "_!=_"})
_NOT_A_LETTER = re.compile(r"[^a-z0-9]")
_NUMBER = re.compile(r"v?([0-9]{1,7})")


@dataclass(frozen=True, slots=True)
class PrerequisiteTiming:
    """When the prerequisite with this ``reason`` is decided, in words. ``until``: the first step after which it no
    longer is, or not on all that it names, because that step changes it; empty when there is none."""

    reason: str
    condition: str
    decided: str
    until: str


def decisions(runbook: CompiledRunbook) -> tuple[PrerequisiteTiming, ...]:
    """When each prerequisite is decided, in the order of the text."""
    return tuple(_decision(runbook, check) for check in runbook.prerequisites)


def _decision(runbook: CompiledRunbook, check: CompiledCheck) -> PrerequisiteTiming:
    def made(decided: str, until: str = "") -> PrerequisiteTiming:
        return PrerequisiteTiming(check.reason, check.condition.source, decided, until)

    if check.decided == "start":
        return made("before the first call only")
    step, names = _first_change(runbook, check)
    if check.decided == "always" or step is None:
        return made("before every call")
    listed = ", ".join(names)
    if any(name.split(".")[0] in runbook.reads and name not in names for name in check.condition.names):
        return made(f"before every call; once {step} has been verified, which changes {listed}, on the rest", step)
    return made(f"before every call, until {step} has been verified, which changes {listed}", step)


def _first_change(runbook: CompiledRunbook, check: CompiledCheck) -> tuple[str | None, list[str]]:
    for step in runbook.steps[:-1]:
        names = sorted(step.verify.to_change.intersection(check.condition.names)) if step.verify else []
        if names:
            return step.name, names
    return None, []


def findings(runbook: CompiledRunbook, document: Document) -> list[Fault]:
    """One for each literal version or name of a runbook in a condition that is not the definition's own."""
    found = []
    for path, condition in _conditions(runbook):
        for message in _foreign(runbook, condition):
            mark = document.mark(path)
            found.append(Fault(dotted(document.written(path)), message, mark.line, mark.column))
    return found


def not_carried(runbook: CompiledRunbook, document: Document) -> list[Fault]:
    """One for each guard that can fail on a value that the exception packet may not carry."""
    allowed = frozenset(runbook.spec.exception.copy_)
    found = []
    for path, names in _guarded(runbook):
        if missing := [name for name in names if name not in allowed]:
            mark, listed = document.mark(path), ", ".join(missing)
            message = f"it can fail on {listed}, which the exception packet may not carry; add it to exception.copy"
            found.append(Fault(dotted(document.written(path)), message, mark.line, mark.column))
    return found


def _guarded(runbook: CompiledRunbook) -> Iterator[tuple[Path, list[str]]]:
    """Each guard with the values that it can fail on. A task's own values are known without the packet."""
    for number, step in enumerate(runbook.steps):
        if step.verify is None:
            continue
        base: Path = ("steps", number, "verify")
        for index, name in enumerate(step.verify.unchanged):
            yield (*base, "unchanged", index), [name]
        for index, guard in enumerate(step.verify.guards):
            yield (*base, "guards", index, "condition"), _outside(runbook, step, guard.condition)


def _outside(runbook: CompiledRunbook, step: CompiledStep, condition: Condition) -> list[str]:
    names: dict[str, None] = {}
    for name in condition.names:
        plain = name.removeprefix("before.")
        root = plain.split(".")[0]
        if root == "answer":
            names[f"steps.{step.name}.{plain.partition('.')[2]}"] = None
        elif root in runbook.reads or root == "steps":
            names[plain] = None
    return list(names)


def _conditions(runbook: CompiledRunbook) -> Iterator[tuple[Path, Condition]]:
    for index, check in enumerate(runbook.prerequisites):
        yield ("prerequisites", index, "condition"), check.condition
    if runbook.already is not None:
        yield ("already_as_required", "condition"), runbook.already
    for number, step in enumerate(runbook.steps):
        for row in step.rows:
            if row.when is not None:
                yield ("steps", number, "result", row.outcome, row.index, "when"), row.when
        parts = (("conditions", step.verify.conditions), ("guards", step.verify.guards)) if step.verify else ()
        for part, checks in parts:
            for index, check in enumerate(checks):
                yield ("steps", number, "verify", part, index, "condition"), check.condition


def _foreign(runbook: CompiledRunbook, condition: Condition) -> Iterator[str]:
    compared = [pair for node in condition.tree.root.walk() for pair in _comparisons(node)]
    about_runbook = any(_is_name(runbook, name) for name, _ in compared) or "runbook.name" in condition.names
    for name, values in compared:
        numbers = [number for value in values if (number := _number(value)) is not None]
        if numbers and runbook.version not in numbers and _is_version(runbook, name, about_runbook):
            shown = ", ".join(map(str, numbers))
            yield f"it compares {name} with version {shown}; this is version {runbook.version}: write runbook.version"
        texts = [value for value in values if isinstance(value, str)]
        if texts and runbook.name not in texts and _is_name(runbook, name):
            yield f"it compares {name} with {texts[0][:64]}; this is {runbook.name}: write runbook.name"


def _comparisons(node: CelNode) -> Iterator[tuple[str, list[int | str | None]]]:
    """Each name that ``node`` compares with constants, and those."""
    if node.kind != "call" or len(node.parts) != 2:  # noqa: PLR2004 - two operands
        return
    left, right = node.parts
    if node.label in _COMPARED:
        for name, value in ((left, right), (right, left)):
            if (dotted_name := _named(name)) and value.kind == "constant":
                yield dotted_name, [value.value]
    listed = node.label == "@in" and right.kind == "list" and all(part.kind == "constant" for part in right.parts)
    if listed and (dotted_name := _named(left)):
        yield dotted_name, [part.value for part in right.parts]


def _named(node: CelNode) -> str:
    """The dotted name that ``node`` is, with what is selected of it; empty for anything else."""
    if node.kind == "name":
        return node.label
    if node.kind == "select" and (base := _named(node.parts[0])):
        return f"{base}.{node.label}"
    if node.kind == "call" and len(node.parts) == 1:  # a conversion, such as int(ticket.version)
        return _named(node.parts[0])
    return ""


def _number(value: int | str | None) -> int | None:
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value.strip().lower())
        return int(match[1]) if match else None
    return value


def _is_version(runbook: CompiledRunbook, name: str, about_runbook: bool) -> bool:
    spelled = _spelled(runbook, name)
    last = name.rsplit(".", maxsplit=1)[-1]
    return any(one.endswith("runbookversion") for one in spelled) or (about_runbook and last.endswith("version"))


def _is_name(runbook: CompiledRunbook, name: str) -> bool:
    return any(one.endswith(("runbook", "runbookname")) for one in _spelled(runbook, name))


def _spelled(runbook: CompiledRunbook, name: str) -> list[str]:
    """``name`` and where its value stands in what is read, in letters and digits only."""
    root, _, field = name.removeprefix("before.").partition(".")
    extracts = runbook.spec.reads[root].extract if root in runbook.reads else {}
    at = next((extract.at for key, extract in extracts.items() if key.removesuffix("?") == field), None)
    return [_NOT_A_LETTER.sub("", text.lower()) for text in (name, at or "")]
