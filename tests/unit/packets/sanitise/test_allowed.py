"""What the allow-list lets through never holds anything: the property that each rule of it has to keep."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.packets.sanitise import sanitise
from handrail.packets.sanitise.headers import COMMON
from tests.corpus import specimens
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


SHOWN = re.compile(r"[A-Za-z0-9._~+=-]{6,}")


@pytest.mark.parametrize("number", range(5))
def test_words_that_a_cleared_capture_shows_do_not_hold_it_as_secrets(number: int) -> None:
    """Not where they are cookies and passwords of the same capture either: what shows them is hidden, or ours."""
    choose = random.Random(number)
    for specimen, _ in choose.sample(list(specimens.captures("allowed")), 4):
        first = sanitise(specimen.kind, specimen.data)
        assert first.data is not None, (specimen.name, first.reasons)
        words = sorted(set(SHOWN.findall(first.data.decode())))
        document = json.loads(specimen.data)
        for entry in document["log"]["entries"]:
            some = choose.sample(words, min(8, len(words)))
            entry["request"]["headers"] += [{"name": "Cookie", "value": "; ".join(f"a={word}" for word in some)}]
            entry["request"]["postData"] = {"mimeType": "application/json", "text": json.dumps({"password": some[0]})}

        again = sanitise(specimen.kind, json.dumps(document).encode())

        assert again.cleared, (specimen.name, again.reasons)
