"""The rules of the log cite clauses of its format, and each clause is cited by the rule that holds it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CLAUSES = re.findall(r"^\| (CF-\d+) \|", (ROOT / "docs/reference/checkpoint-format.md").read_text(), re.MULTILINE)
CITED = {
    clause
    for path in (ROOT / "src/handrail/audit").rglob("*.py")
    for clause in re.findall(r"CF-\d+", path.read_text(encoding="utf-8"))
}


def test_clauses_are_numbered_once() -> None:
    assert len(CLAUSES) == len(set(CLAUSES)) > 20


@pytest.mark.parametrize("clause", CLAUSES)
def test_clause_is_cited_by_a_rule(clause: str) -> None:
    assert clause in CITED


def test_cited_clauses_are_there() -> None:
    assert set(CLAUSES) >= CITED
