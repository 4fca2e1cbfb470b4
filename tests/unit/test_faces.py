"""Faces (pages, API, CLI, worker) write no rows themselves: actions do, in one transaction with their audit event."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import handrail

ROOT = Path(handrail.__file__).parent
FACES = ("web", "api", "cli", "worker")
WRITES = frozenset(
    {"save", "create", "update", "delete", "get_or_create", "update_or_create", "bulk_create", "bulk_update"}
    | {"asave", "acreate", "aupdate", "adelete", "aget_or_create", "aupdate_or_create", "abulk_create", "abulk_update"}
)
# Calls of these names that write no row, each by what it is called on.
OTHERS = {
    "live": "a live table in the terminal",
    "progress": "a progress bar in the terminal",
    "fixtures": "the demo's own module, which calls actions",
    "desk": "a ticket at the service desk",
    "installation.key_ring()": "the ring of public keys, a file",
    "release_keys": "the module of this face that saves that ring through an action",
}


def _modules() -> list[Path]:
    return [path for face in FACES for path in sorted((ROOT / face).rglob("*.py"))]


def _writes(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
            receiver = ast.unparse(node.func.value)
            if receiver not in OTHERS:
                yield f"line {node.lineno}: {receiver}.{node.func.attr}"


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_row_is_written_in_a_face(path: Path) -> None:
    assert list(_writes(path.read_text())) == []


@pytest.mark.parametrize(
    "source", ["run.save()", "Run.objects.filter(ref=ref).update(state='x')", "Run.objects.bulk_create(rows)"]
)
def test_a_write_is_seen(source: str) -> None:
    assert list(_writes(source))
