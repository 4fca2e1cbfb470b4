"""Reference tables: closed, of one type, looked up exactly."""

from __future__ import annotations

import pytest

from handrail.definitions.table import compile_table
from handrail.kernel.errors import Invalid, NotFound
from tests.unit.definitions.bad import edited
from tests.unit.definitions.samples import TABLE


def test_compile_gives_rows() -> None:
    table = compile_table(TABLE)
    assert (table.name, table.version, table.title) == ("plan-codes", 1, "Plan codes")
    assert table.owner == "support-governance@example.com"
    assert dict(table.rows) == {"P-100": "Basic", "P-200": "Business"}
    assert table.digest.startswith("sha256:")


@pytest.mark.requirement("P-04")
def test_value_of_compares_exactly() -> None:
    table = compile_table(TABLE)
    assert table.value_of("P-100") == "Basic"
    for key in ("p-100", "P-100 ", "P-300"):
        with pytest.raises(NotFound, match="plan-codes"):
            table.value_of(key)


@pytest.mark.parametrize(
    ("old", "new", "where", "line"),
    [
        ("  P-100: Basic", "  P-100: Basic\n  P-100: Other", "rows.P-100", 9),
        ("P-200: Business", "P-200: 7", "rows.P-200", 9),
        ("P-200: Business", "P-200: [a]", "rows.P-200", 9),
        ("P-200: Business", "P-200: null", "rows.P-200", 9),
        ("P-200: Business", "200: Business", "rows.200", 9),
        ("P-200: Business", '" P-200": Business', "rows. P-200", 9),
        ("P-200: Business", '"": Business', "rows", 9),
        ("rows:\n  P-100: Basic\n  P-200: Business\n", "rows: {}\n", "rows", 7),
        ("of: The", "off: The", "off", 6),
        ("table/v1", "runbook/v1", "handrail", 1),
    ],
)
def test_compile_refuses(old: str, new: str, where: str, line: int) -> None:
    with pytest.raises(Invalid) as refusal:
        compile_table(edited(TABLE, old, new))
    assert (where, line) in [(fault.where.rstrip("."), fault.line) for fault in refusal.value.faults]
