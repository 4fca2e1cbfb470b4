"""CONTRIBUTING answers where ten everyday changes go; the files that it names are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("## Where a change goes\n")[2].partition("\n## ")[0]
ROWS = [line for line in SECTION.splitlines() if line.startswith("| ") and not line.startswith("| change |")]
CHANGES = (
    "notification channel",
    "hold code",
    "column in **Operations**",
    "desk preset",
    "CLI verb",
    "metric",
    "lane",
    "CEL function",
    "role",
    "reason text",
)


def paths(row: str) -> list[str]:
    return [quoted for quoted in re.findall(r"`([^`]+)`", row) if "/" in quoted]


@pytest.mark.parametrize("change", CHANGES)
def test_each_everyday_change_has_a_row_with_files(change: str) -> None:
    rows = [row for row in ROWS if change in row.split("|")[1]]
    assert len(rows) == 1
    assert paths(rows[0])


@pytest.mark.parametrize("path", sorted({path for row in ROWS for path in paths(row)}))
def test_each_file_named_is_there(path: str) -> None:
    assert (ROOT / path).exists()
