from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from handrail.runbooks.queries.runs import LedgerRow
from handrail.runbooks.states import EventKind
from handrail.web.runs import timeline
from handrail.web.runs.timeline import Timeline

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def row(sequence: int, kind: EventKind, after: float, detail: dict[str, Any] | None = None) -> LedgerRow:
    at = START + timedelta(seconds=after)
    return LedgerRow(sequence, kind, "resync", 1, at, "worker-1", "", detail or {})


def drawn(*rows: LedgerRow, seconds: float = 10, ended: bool = True) -> Timeline:
    return timeline.draw(rows, start=START, end=START + timedelta(seconds=seconds), ended=ended)


def test_attempt_takes_the_tone_of_its_result_and_the_wait_follows() -> None:
    result = row(3, EventKind.RESULT, 3, {"class": "retryable", "wait_seconds": 5})
    shown = drawn(
        row(1, EventKind.RECEIVED, 0), row(2, EventKind.INTENT, 2), result, row(4, EventKind.INTENT, 8), ended=False
    )
    bars = {lane.name: lane.bars for lane in shown.lanes}["Invoking resync"]
    assert [(b.left, b.width, b.tone, b.kind) for b in bars] == [
        (20.0, 10.0, "wait", "work"),
        (30.0, 50.0, "wait", "wait"),
        (80.0, 20.0, "move", "work"),
    ]


def test_reading_is_marked_when_it_was_made() -> None:
    evidence = [{"source": "tenant", "read_at": (START + timedelta(seconds=4)).isoformat()}]
    shown = drawn(
        row(1, EventKind.CLAIMED, 0),
        row(2, EventKind.CHECKED, 5, {"evidence": evidence}),
        row(3, EventKind.COMPLETED, 10),
    )
    assert [(mark.at, mark.message) for mark in shown.lanes[0].marks] == [(40.0, "tenant read")]


def test_end_is_marked_by_its_own_shape() -> None:
    for kind, shape in ((EventKind.COMPLETED, "good"), (EventKind.EXCEPTION, "stop"), (EventKind.CANCELLED, "idle")):
        assert drawn(row(1, EventKind.RECEIVED, 0), row(2, kind, 10)).lanes[-1].marks[0].shape == shape


def test_rows_of_one_instant_leave_no_bar_between_them() -> None:
    result = row(2, EventKind.RESULT, 4, {"class": "ambiguous"})
    shown = drawn(row(1, EventKind.INTENT, 0), result, row(3, EventKind.EXCEPTION, 4), seconds=4)
    assert [bar.message for bar in shown.lanes[0].bars] == ["attempt 1: ambiguous · 4.0 s"]


def test_run_of_no_length_is_drawn() -> None:
    assert drawn(row(1, EventKind.RECEIVED, 0), seconds=0, ended=False).lanes[0].bars[0].width == 100


@given(
    st.lists(st.tuples(st.sampled_from(EventKind), st.floats(0, 1e6)), min_size=1, max_size=12),
    st.floats(0, 1e6),
    st.booleans(),
)
def test_nothing_is_drawn_outside(told: list[tuple[EventKind, float]], seconds: float, ended: bool) -> None:
    shown = drawn(*(row(n, kind, at) for n, (kind, at) in enumerate(told, 1)), seconds=seconds, ended=ended)
    for lane in shown.lanes:
        assert all(bar.left >= 0 and bar.left + bar.width <= 100.05 and bar.width > 0 for bar in lane.bars)
        assert all(0 <= mark.at <= 100 for mark in lane.marks)
    assert all(0 <= tick.at <= 100 for tick in shown.ticks)
    assert len(shown.ticks) <= timeline.MOST_TICKS + 1
