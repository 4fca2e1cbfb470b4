"""Pointers must lead somewhere; expressions give None for what is absent."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from handrail.connectors.extract import ExtractFailed, compile_path, extract

TENANT: JsonValue = {
    "id": "ten_1",
    "plan": {"tier": None},
    "a/b": {"~": 1},
    "admins": [{"email": "a@x.example", "designated": True}, {"email": "b@x.example", "designated": False}],
}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("", TENANT),
        ("/id", "ten_1"),
        ("/plan/tier", None),
        ("/a~1b/~0", 1),
        ("/admins/0/email", "a@x.example"),
        ("admins[?designated].email", ["a@x.example"]),
        ("plan.nothing", None),
    ],
)
def test_extract_gives_what_is_there(at: str, expected: JsonValue) -> None:
    assert extract(TENANT, at) == expected


@pytest.mark.parametrize(
    "at",
    ["/nothing", "/admins/2", "/admins/-", "/admins/x", "/id/0/x", "/plan/tier/deeper", "sum(id)"],
)
def test_extract_fails_where_nothing_is(at: str) -> None:
    with pytest.raises(ExtractFailed):
        extract(TENANT, at)


@pytest.mark.parametrize("at", ["/a~2", "admins[", "a." * 300, "(" * 400])
def test_compile_path_refuses_what_is_malformed(at: str) -> None:
    with pytest.raises(ExtractFailed):
        compile_path(at)
