"""Makes docs/requirements.md of docs/requirements.toml and of the tests that name a number.

Tests are read, not run: a number stands in ``@pytest.mark.requirement("R2-07", …)`` on a test, or in ``pytestmark``.
"""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
TESTS = DOCS.parent / "tests"
AREAS = {
    "R2": "Running an approved runbook to its end",
    "P": "Releasing one exact packet into one lane",
    "H": "Handing a support request to the outside desk",
}
INTRODUCTION = """\
What Handrail was asked to do, each with the tests that show it. A requirement marked **open** is not met, or not in
full, and says what is missing. The numbers stand in `docs/requirements.toml`; a test names one with
`@pytest.mark.requirement("R2-07")`. `make check` fails when a number has neither a test nor an open sentence.
"""

Shown = Mapping[str, list[tuple[str, str]]]


def page(note: str) -> str:
    """The page, beginning with ``note``. Raises ValueError naming each number that is unknown or has nothing."""
    wanted: dict[str, dict[str, str]] = tomllib.loads((DOCS / "requirements.toml").read_text(encoding="utf-8"))
    shown = collected()
    if faults := list(faults_of(wanted, shown)):
        raise ValueError("; ".join(faults))
    missing = [number for number, entry in wanted.items() if "open" in entry]
    parts = [f"{note}\n# Requirements\n", INTRODUCTION]
    parts.append(f"{len(wanted)} requirements, {len(missing)} of them open: {', '.join(missing)}.\n")
    for prefix, title in AREAS.items():
        parts.append(f"## {title}\n\n| number | requirement | tests |\n|---|---|---|")
        parts += [row(n, e, shown.get(n, [])) for n, e in wanted.items() if n.split("-")[0] == prefix]
        parts[-1] += "\n"
    return "\n".join(parts)


def faults_of(wanted: Mapping[str, Mapping[str, str]], shown: Shown) -> Iterator[str]:
    for number in sorted(set(shown) - set(wanted)):
        path, test = shown[number][0]
        yield f"{path}::{test} names {number}, which docs/requirements.toml does not have"
    for number, entry in wanted.items():
        if number not in shown and "open" not in entry:
            yield f"{number} has neither a test nor an open sentence"


def row(number: str, entry: Mapping[str, str], shown: list[tuple[str, str]]) -> str:
    text = entry["text"] + (f"<br>**Open**: {entry['open']}" if "open" in entry else "")
    tests = "<br>".join(f"[{test}](../{path})" for path, test in shown)
    return f"| {number} | {text} | {tests} |"


def collected() -> Shown:
    """The tests of each number, as paths and names, in the order of the files."""
    shown: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if "requirement(" in source:
            tree = ast.parse(source)
            whole = [n for node in tree.body if _is_pytestmark(node) for n in numbers(node)]
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    for number in [*whole, *(n for mark in node.decorator_list for n in numbers(mark))]:
                        shown[number].append((path.relative_to(DOCS.parent).as_posix(), node.name))
    return shown


def numbers(of: Any) -> Iterator[str]:
    """The numbers that ``requirement(…)`` is called with somewhere in a node."""
    for node in ast.walk(of):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "requirement":
            yield from (argument.value for argument in node.args if isinstance(argument, ast.Constant))


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets)
