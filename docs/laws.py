"""Holds the source to the laws that no other tool knows.

    python docs/laws.py [--names | --classes | --sizes]

- Names: identifiers do not use words that this project has replaced.
- Classes: a class name means one thing. Two modules have one of the same name only where one inherits from the other.
- Sizes: a module has 400 lines at most, a function 50.

A line that needs such a word, because another's format has it, carries the mark ``law: kept`` in a comment.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "handrail"
MARK = "law: kept"
MODULE_LINES = 400
FUNCTION_LINES = 50
# Django gives these their meaning, wherever they stand.
EVERYWHERE = {"Migration", "Meta"}

# Words of identifiers, alone or between underscores, and what stands in their place.
WORDS = {
    "says": "message",
    "told": "view, message, report",
    "untold": "undelivered",
    "mend": "fix",
    "stumble": "record_unexpected_error",
    "patience": "in_process_wait",
    "bury": "fail_stalled",
    "electorate": "approvers",
    "ballot": "kind, vote",
    "lacking": "missing",
    "classed": "classification",
    "otherwise": "reason",
    "seats": "concurrent_…",
    "slots": "concurrent_…",
    "takeover": "lease",
    "gauge": "metric",
    "gauges": "metrics",
    "anew": "again",
}
# Whole identifiers.
NAMES = {
    "Hand": "LeaseHolder",
    "Grip": "LeasedRun",
    "Carriage": "Execution",
    "Pace": "WorkerSettings",
    "Standing": "DeliveryStatus",
    "Fate": "IntakeOutcome, LaneState, ExpectedOutcome",
    "Trouble": "ErrorKind",
    "Typed": "FormInput",
    "Asked": "SupportRequestInput",
    "Sheet": "FormState",
    "Card": "a …View",
    "Surface": "page, view",
    "Ballot": "VoteKind",
    "Story": "RevisionReason",
    "Gauge": "Metric",
    "Take": "Extract",
    "Takes": "Extracts",
    "Sort": "AnnexType",
    "told_at": "delivered_at",
    "moved_at": "updated_at",
    "given_digest": "inputs_digest",
    "carry": "advance",
    "carry_out": "advance",
}
# Kept: ``takeover_seconds`` of the evaluation is about people who take an exception over.
ALLOWED = {"takeover_seconds", "__slots__"}

Finding = tuple[Path, int, str]
Modules = dict[Path, ast.Module]


def main() -> int:
    laws: dict[str, Callable[[Modules], Iterator[Finding]]] = {"names": names, "classes": classes, "sizes": sizes}
    wanted = [word.removeprefix("--") for word in sys.argv[1:]] or list(laws)
    modules = {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
        if "migrations" not in path.parts
    }
    failed = False
    for law in wanted:
        found = sorted(set(laws[law](modules)))
        for path, line, text in found:
            print(f"{path.relative_to(ROOT)}:{line}: {text}")
        print(f"{law}: {len(found)} findings", file=sys.stderr)
        failed = failed or bool(found)
    return 1 if failed else 0


def names(modules: Modules) -> Iterator[Finding]:
    for path, tree in modules.items():
        marked = {
            number for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if MARK in line
        }
        for line, name in _identifiers(tree):
            if (instead := replaced(name)) and line not in marked:
                yield path, line, f"{name}: write {instead}"


def replaced(name: str) -> str | None:
    """What stands in the place of an identifier; None for one that may stay."""
    if name in ALLOWED:
        return None
    bare = name.strip("_")
    if bare in NAMES:
        return NAMES[bare]
    return next((WORDS[word] for word in bare.split("_") if word in WORDS), None)


def _identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name that a module defines or uses, with its line; ``slots=`` of a dataclass is Python's own."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.keyword(arg=str(name)) if name != "slots":
                yield node.value.lineno, name
            case ast.ImportFrom(module=module, names=aliases):
                yield from ((node.lineno, part) for part in (module or "").split("."))
                yield from ((node.lineno, alias.asname or alias.name) for alias in aliases)


def classes(modules: Modules) -> Iterator[Finding]:
    places: dict[str, list[tuple[Path, ast.ClassDef]]] = defaultdict(list)
    for path, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name not in EVERYWHERE:
                places[node.name].append((path, node))
    for name, found in places.items():
        # One that inherits from a class of its own name means the same thing, for other eyes.
        apart = [(path, node) for path, node in found if not _inherits(node, name)]
        if len(apart) > 1:
            for path, node in apart:
                others = ", ".join(str(p.relative_to(SOURCE)) for p, n in apart if n is not node)
                yield path, node.lineno, f"class {name} is also in {others}"


def _inherits(node: ast.ClassDef, name: str) -> bool:
    return any(re.search(rf"\b{name}$", ast.unparse(base)) for base in node.bases)


def sizes(modules: Modules) -> Iterator[Finding]:
    for path, tree in modules.items():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MODULE_LINES:
            yield path, 1, f"{lines} lines; {MODULE_LINES} are the most"
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    yield path, node.lineno, f"{node.name} has {length} lines; {FUNCTION_LINES} are the most"


if __name__ == "__main__":
    sys.exit(main())
