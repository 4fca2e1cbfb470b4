"""The package format as it is documented, and the code that enforces it, name the same clauses and codes."""

from __future__ import annotations

import re
from pathlib import Path

from handrail.packets import proof
from handrail.packets.proof.findings import Code

FORMAT = Path(__file__).parents[4] / "docs/reference/package-format.md"
CLAUSE = re.compile(r"^- \*\*(PF-\d+)\*\*", re.MULTILINE)
CITED = re.compile(r"\bPF-\d+\b")


def documented() -> list[str]:
    return CLAUSE.findall(FORMAT.read_text(encoding="utf-8"))


def cited() -> set[str]:
    files = Path(str(proof.__file__)).parent.rglob("*.py")
    return {clause for file in files for clause in CITED.findall(file.read_text(encoding="utf-8"))}


def test_clauses_are_numbered_in_order() -> None:
    assert documented() == [f"PF-{number}" for number in range(1, len(documented()) + 1)]


def test_every_cited_clause_exists_and_every_clause_is_cited() -> None:
    assert cited() == set(documented())


def test_every_code_of_a_finding_belongs_to_a_clause() -> None:
    named = set(re.findall(r"`([a-z-]+)`", FORMAT.read_text(encoding="utf-8")))
    assert {code.value for code in Code} <= named
