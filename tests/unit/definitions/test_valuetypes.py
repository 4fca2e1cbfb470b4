"""Values from outside are taken only as what they were declared to be, and only where canonical JSON can keep them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.definitions.valuetypes import MAX_INTEGER, ValueType, check
from handrail.kernel.canonical import canonical_bytes


@given(value=st.floats() | st.integers())
def test_check_takes_no_number_that_canonical_json_refuses(value: float) -> None:
    try:
        taken = check(value, ValueType("number"))
    except ValueError:
        return
    assert canonical_bytes(taken)


@pytest.mark.parametrize("value", [MAX_INTEGER + 1, float(MAX_INTEGER + 1), -1e300])
def test_check_refuses_whole_numbers_that_lose_digits(value: float) -> None:
    with pytest.raises(ValueError, match="beyond"):
        check(value, ValueType("number"))


@pytest.mark.parametrize(("value", "base"), [("5", "integer"), (1, "boolean"), (True, "integer"), (1.5, "integer")])
def test_check_coerces_nothing(value: object, base: str) -> None:
    with pytest.raises(ValueError, match=f"expected {base}"):
        check(value, ValueType(base))  # type: ignore[arg-type]
