"""Tables on a narrow terminal."""

from __future__ import annotations

import pytest
from rich.console import Console

from handrail.cli import output

COLUMNS = ("run", "task", "tenant", "runbook", "state", "reason", "updated")
ROW = (
    "RUN-7K3M9QX2ZA",
    "TASK-1028",
    "ten_catalpa",
    "rotate-sync-credential v3",
    "exception",
    "new-credential-not-active",
    "2026-11-26 17:49:29Z",
)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Console:
    """A terminal of 80 columns."""
    terminal = Console(width=80, record=True)
    monkeypatch.setattr(output, "console", lambda: terminal)
    return terminal


def test_reference_of_a_row_is_whole_on_80_columns(narrow: Console) -> None:
    output.print_table("", COLUMNS, [ROW])
    shown = narrow.export_text()
    assert "RUN-7K3M9QX2ZA" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_single_column_is_wrapped_rather_than_cut(narrow: Console) -> None:
    output.print_table("", ("reading",), [["x" * 200]])
    assert narrow.export_text().count("x") == 200
