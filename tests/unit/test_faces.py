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
# Managers, and SQL of one's own: rows are read by queries.
REACHES = frozenset({"objects", "_base_manager", "_default_manager", "raw", "_raw_delete", "save_base"})
SQL = frozenset({"cursor", "execute", "executemany"})
RELATED = frozenset({"add", "set", "remove", "clear"})
# What may ask the database itself, and why. None writes a row of Handrail's.
ASKS = {
    "cli/checks.py": "its version and clock",
    "cli/migrations.py": "one migration at a time",
    "cli/database_server.py": "what the server is set up for",
    "cli/roles.py": "what the serving role may do",
    "worker/loop.py": "is there a hint?",
    "worker/pooling.py": "does a session stay the same behind a pool?",
    "worker/clocks.py": "what time is it there, and whose turn is it to say so?",
    "cli/demo/report.py": "does any table hold a secret of the demo?",
    "cli/demo/state.py": "the demo's database is made and dropped",
}
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


def _writes(source: str, *, asks: bool = False) -> Iterator[str]:
    """Each use of a writing method, called or handed on; with ``asks``, SQL may be used."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=of, attr=name) if name in WRITES and ast.unparse(of) not in OTHERS:
                yield f"line {node.lineno}: {ast.unparse(node)}"
            case ast.Attribute(attr=name) if name in REACHES | (frozenset() if asks else SQL):
                yield f"line {node.lineno}: {ast.unparse(node)}"
            case ast.Call(func=ast.Attribute(value=ast.Attribute() as of, attr=name)) if name in RELATED:
                if of.attr.endswith("_set") or "user" in ast.unparse(of):
                    yield f"line {node.lineno}: {ast.unparse(of)}.{name}"
            case ast.Call(func=ast.Name("getattr" | "methodcaller" | "attrgetter"), args=arguments):
                named = {one.value for one in arguments if isinstance(one, ast.Constant)}
                yield from (
                    f"line {node.lineno}: {name}" for name in sorted(map(str, named & (WRITES | REACHES | SQL)))
                )


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_row_is_written_in_a_face(path: Path) -> None:
    asks = str(path.relative_to(ROOT)) in ASKS
    assert list(_writes(path.read_text(encoding="utf-8"), asks=asks)) == []


def test_what_may_ask_the_database_does() -> None:
    assert [name for name in ASKS if not list(_writes((ROOT / name).read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize(
    "source",
    [
        "run.save()",
        "run.save(update_fields=['state'])",
        "Run.objects.filter(ref=ref).update(state='x')",
        "Run.objects.bulk_create(rows)",
        "Run.objects.get_or_create(ref=ref)",
        "tenant.run_set.create(ref=ref)",
        "tenant.run_set.add(run)",
        "request.user.groups.clear()",
        "write = run.save\nwrite()",
        "list(map(Run.save, runs))",
        "getattr(run, 'save')()",
        "Run._base_manager.all()",
        "Run.objects.filter()._raw_delete('default')",
        "with connection.cursor() as cursor: cursor.execute('DELETE FROM run')",
        "super().save()",
    ],
)
def test_a_write_is_seen(source: str) -> None:
    assert list(_writes(source))
