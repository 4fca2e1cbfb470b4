from __future__ import annotations

import json
from typing import Any

import pytest

from handrail.packets.sanitise.places import MOST_PLACES, located
from handrail.packets.sanitise.scan import Doubt, stands_in


def entry(url: str = "", headers: dict[str, str] | None = None, query: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "request": {
            "url": url,
            "headers": [{"name": name, "value": value} for name, value in (headers or {}).items()],
            "queryString": [{"name": name, "value": value} for name, value in (query or {}).items()],
        },
        "response": {"headers": [], "redirectURL": ""},
    }


def har(*entries: dict[str, Any]) -> str:
    return json.dumps({"log": {"creator": {"name": "Firefox"}, "entries": list(entries)}})


def span(name: str, **attributes: str) -> dict[str, Any]:
    listed = [{"key": key.replace("_", "."), "value": {"stringValue": value}} for key, value in attributes.items()]
    return {"name": name, "attributes": listed, "events": [{"name": "x", "attributes": listed}]}


def trace(*groups: list[dict[str, Any]]) -> str:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]} for spans in groups]})


def places(output: str, text: str = "river7stone") -> tuple[str, ...]:
    return located(output, lambda found: text in found).places


@pytest.mark.parametrize(
    ("output", "place"),
    [
        (har(entry(), entry("https://river7stone/")), "entry 2, request address"),
        (har(entry(headers={"accept": "x", "via": "1.1 river7stone"})), "entry 1, request header via"),
        (har(entry(query={"client_id": "river7stone"})), "entry 1, request parameter client_id"),
        (json.dumps({"log": {"creator": {"name": "river7stone"}}}), "creator name"),
        (json.dumps({"log": {"pages": [{}, {"title": "river7stone"}]}}), "page 2, title"),
        (trace([span("a")], [span("b"), span("river7stone")]), "span 3, name"),
        (har({"response": {"statusText": "river7stone"}}), "entry 1, response statusText"),
        (json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "river7stone"}}]}]}]}),
         "log record 1, body"),
        (json.dumps({"resourceSpans": [{}, {"resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "river7stone"}}]}}]}),
         "resource 2, attribute service.name"),
        ('{"log":"log/v1"}\n{"line":17,"text":"river7stone"}\n', "line 17"),
    ],
)  # fmt: skip
def test_located_names_the_place_of_a_text(output: str, place: str) -> None:
    assert places(output) == (place,)


def test_located_names_attributes_of_spans_and_of_their_events() -> None:
    assert places(trace([span("a"), span("b", error_type="river7stone")])) == (
        "span 2, attribute error.type",
        "span 2, event 1, attribute error.type",
    )


def test_located_names_the_first_places_and_counts_the_others() -> None:
    found = located(har(*[entry("https://river7stone/")] * (MOST_PLACES + 3)), lambda text: "river7stone" in text)

    assert (len(found.places), found.more) == (MOST_PLACES, 3)
    assert str(found).endswith("entry 10, request address; and in 3 more")


@pytest.mark.parametrize("text", ["RIVER7STONE", "x-river7stone"])
def test_stands_in_finds_a_dropped_value_in_any_case(text: str) -> None:
    assert stands_in(text, Doubt("dropped-value", "river7stone"))


@pytest.mark.parametrize("text", ["72697665723773746f6e65", "cml2ZXI3c3RvbmU", "%72iver7stone"])
def test_stands_in_finds_a_dropped_value_that_is_written_otherwise(text: str) -> None:
    doubt = Doubt("dropped-value", "river7stone")

    assert not stands_in(text, doubt)
    assert stands_in(text, doubt, decoded=True)
