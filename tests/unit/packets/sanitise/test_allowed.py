"""What the allow-list lets through never holds anything: the property that each rule of it has to keep."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.packets.sanitise import sanitise
from handrail.packets.sanitise.headers import COMMON
from tests.factories.allowed import HEADER, captured, traced
from tests.lanes import examples


@given(document=captured())
@settings(max_examples=examples(60), deadline=None)
def test_a_capture_of_allowed_values_clears(document: dict[str, Any]) -> None:
    result = sanitise("har/v1", json.dumps(document).encode())

    assert result.cleared, (result.reasons, result.report)


@given(document=traced())
@settings(max_examples=examples(60), deadline=None)
def test_a_trace_of_allowed_values_clears(document: dict[str, Any]) -> None:
    result = sanitise("otlp/v1", json.dumps(document).encode())

    assert result.cleared, (result.reasons, result.report)


@given(sent=st.lists(HEADER, min_size=1, max_size=10))
@settings(max_examples=examples(60), deadline=None)
def test_headers_of_allowed_values_are_shown(sent: list[tuple[str, str]]) -> None:
    entry = {"request": {"headers": [{"name": n, "value": v} for n, v in sent]}, "response": {"status": 200}}

    result = sanitise("har/v1", json.dumps({"log": {"entries": [entry]}}).encode())

    assert result.data is not None, result.reasons
    shown = json.loads(result.data)["log"]["entries"][0]["request"]["headers"]
    assert [header["name"] for header in shown] == [name.lower() for name, _ in sent]
    assert {header["name"] for header in shown} <= set(COMMON)
