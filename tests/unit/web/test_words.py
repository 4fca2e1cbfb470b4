from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handrail.definitions.states import DefinitionState
from handrail.runbooks.engine.position import ResultClass
from handrail.runbooks.states import Handling, RunState
from handrail.web.shell import words

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "just now"), (59, "59 s ago"), (61, "1 min ago"), (7300, "2 h ago"), (90000, "1 d ago"), (-30, "in 30 s")],
)
def test_distance_reads_in_one_unit(seconds: float, text: str) -> None:
    assert words.distance(NOW - timedelta(seconds=seconds), NOW) == text


def test_distance_of_more_than_a_week_is_the_day() -> None:
    assert words.distance(NOW - timedelta(days=21), NOW) == "1 Nov 2026"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "—"),
        (0.0, "0 ms"),
        (0.34, "340 ms"),
        (2.44, "2.4 s"),
        (200, "3 min 20 s"),
        (60, "1 min"),
        (7300, "2 h 1 min"),
        (43200, "12 h"),
        (90000, "1 d 1 h"),
    ],
)
def test_span_reads_in_at_most_two_units(seconds: float | None, text: str) -> None:
    assert words.span(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "absent"), (True, "true"), ([], "none"), (["a", 2], "a, 2"), ({"b": 1}, '{"b": 1}'), (1.5, "1.5")],
)
def test_value_reads_on_one_line(value: Any, text: str) -> None:
    assert words.value_text(value) == text


@pytest.mark.parametrize("state", [*RunState, *Handling, *DefinitionState, *ResultClass])
def test_every_state_has_a_shape(state: str) -> None:
    assert state in words.STATES
