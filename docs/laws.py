"""Holds the source to the laws that no other tool knows.

    python docs/laws.py [--names | --classes | --sizes | --patterns]

- Names: identifiers do not use words that this project has replaced.
- Classes: a class name means one thing. Two modules have one of the same name only where one inherits from the other.
- Sizes: a module has 400 lines at most, a function 50.
- Patterns: regular expressions are compiled where a module begins, so that the tests find every one and see that it
  takes linear time.

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
# ``GaugeMetricFamily`` is the metrics library's.
ALLOWED = {"takeover_seconds", "__slots__", "GaugeMetricFamily"}

Finding = tuple[Path, int, str]
Modules = dict[Path, ast.Module]


def main() -> int:
    laws: dict[str, Callable[[Modules], Iterator[Finding]]] = {
        "names": names,
        "classes": classes,
        "sizes": sizes,
        "patterns": patterns,
    }
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
        if instead := replaced(path.stem):
            yield path, 1, f"module {path.stem}: write {instead}"
        marked = {
            number for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if MARK in line
        }
        for line, name in _identifiers(tree):
            if (instead := replaced(name)) and line not in marked:
                yield path, line, f"{name}: write {instead}"

    for path in sorted(SOURCE.rglob("*.html")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            for name in of_template(line):
                if (instead := replaced(name)) and MARK not in line:
                    yield path, number, f"{name}: write {instead}"


def of_template(line: str) -> list[str]:
    """The identifiers in a line's variables and tags; texts that tags are given aren't identifiers."""
    tags = re.findall(r"\{[{%](.*?)[%}]\}", line)
    return [name for tag in tags for name in re.findall(r"[A-Za-z_]\w*", re.sub(r"\"[^\"]*\"", "", tag))]


def replaced(name: str) -> str | None:
    """What stands in the place of an identifier; None for one that may stay."""
    if name in ALLOWED:
        return None
    bare = name.strip("_")
    if bare in NAMES:
        return NAMES[bare]
    words = (word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", bare))
    return next((WORDS[word] for word in words if word in WORDS), None)


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
            case ast.Import(names=aliases):
                yield from (
                    (node.lineno, part) for alias in aliases for part in (alias.asname or alias.name).split(".")
                )
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name
            case ast.Global(names=several) | ast.Nonlocal(names=several):
                yield from ((node.lineno, name) for name in several)


def classes(modules: Modules) -> Iterator[Finding]:
    places: dict[str, list[tuple[Path, ast.ClassDef]]] = defaultdict(list)
    for path, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name not in EVERYWHERE:
                places[node.name].append((path, node))
    for name, found in places.items():
        # One that inherits from a class of its own name means the same thing, for other eyes.
        apart = [(path, node) for path, node in found if not _inherits(modules[path], node, name)]
        if len(apart) > 1:
            for path, node in apart:
                others = ", ".join(str(p.relative_to(SOURCE)) for p, n in apart if n is not node)
                yield path, node.lineno, f"class {name} is also in {others}"


def _inherits(tree: ast.Module, node: ast.ClassDef, name: str) -> bool:
    """Whether a base of ``node`` is a class of the same name that another of our modules has."""
    ours = {
        alias.asname or alias.name.partition(".")[0]
        for statement in ast.walk(tree)
        if isinstance(statement, ast.Import | ast.ImportFrom)
        for alias in statement.names
        if (getattr(statement, "module", None) or alias.name).partition(".")[0] == "handrail"
    }
    return any(
        re.search(rf"\b{name}$", text) and text.partition(".")[0] in ours for text in map(ast.unparse, node.bases)
    ) or _renamed(tree, node, name)


def _renamed(tree: ast.Module, node: ast.ClassDef, name: str) -> bool:
    """``from handrail.x import Name as Other`` and ``class Name(Other)``."""
    others = {
        alias.asname
        for statement in ast.walk(tree)
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("handrail")
        for alias in statement.names
        if alias.name == name and alias.asname
    }
    return any(ast.unparse(base) in others for base in node.bases)


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


def patterns(modules: Modules) -> Iterator[Finding]:
    """Calls of ``re`` inside functions."""
    for path, tree in modules.items():
        lines = path.read_text(encoding="utf-8").splitlines()
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            for node in ast.walk(function):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=method)) if method != "escape":
                        if MARK not in "".join(lines[node.lineno - 1 : node.end_lineno]):
                            yield path, node.lineno, f"re.{method} in a function: compile the pattern at the module"


if __name__ == "__main__":
    sys.exit(main())
