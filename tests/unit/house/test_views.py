"""The packet page asks one query, and a run has one row, one view a query, and one view a page."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3] / "src" / "handrail"
QUERIES = "handrail.packets.queries"


def asked(path: Path) -> list[str]:
    """The functions of the packets' queries that a module calls, by module attribute or imported by name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == QUERIES
        for alias in node.names
    }
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    by_attribute = [
        call.attr for call in calls if isinstance(call, ast.Attribute) and ast.unparse(call.value) == "queries"
    ]
    return by_attribute + [call.id for call in calls if isinstance(call, ast.Name) and call.id in named]


def test_the_page_of_a_revision_asks_one_query() -> None:
    assert asked(SOURCE / "web" / "packets" / "packet_view.py") == ["get_packet_review"]
    # While a package is on its way, the page asks how far it is; that answer is no part of the page.
    assert asked(SOURCE / "web" / "packets" / "packet.py") == ["get_progress"]


def test_a_run_is_shown_through_the_queries_of_its_slice_alone() -> None:
    shown = {
        node.name
        for path in (SOURCE / "web" / "runs").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    own = {name for name in shown if name.startswith(("Run", "Ledger"))}
    assert own == {"RunView", "LedgerLine"}
