"""A run drawn to scale: one lane for each stage and step, bars for work and waits, marks for readings and the end.

Everything is placed in percent of the run's length, so that the drawing fits any width without being distorted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from handrail.runbooks.meanings import MEANINGS
from handrail.runbooks.queries.runs import LedgerRow
from handrail.runbooks.states import EventKind
from handrail.web.shell import words

NARROWEST = 0.7  # percent: a call of a millisecond within a run of minutes is still to be seen
STEPS_SECONDS = (
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    1800,
    3600,
    7200,
    21600,
    86400,
)
MOST_TICKS = 6
_ENDINGS = (EventKind.COMPLETED, EventKind.EXCEPTION, EventKind.CANCELLED)


@dataclass(frozen=True, slots=True)
class Bar:
    """``kind``: work, wait or queue."""

    left: float
    width: float
    tone: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class TimelineMark:
    """``shape``: reading, good, stop or idle."""

    at: float
    shape: str
    message: str


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(slots=True)
class TimelineLane:
    name: str
    bars: list[Bar] = field(default_factory=list)
    marks: list[TimelineMark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Timeline:
    lanes: list[TimelineLane]
    ticks: list[Tick]
    message: str


def draw(ledger: Sequence[LedgerRow], *, start: datetime, end: datetime, ended: bool) -> Timeline:
    return _Drawing(start, max(end, start + timedelta(milliseconds=1)), ended).draw(ledger)


class _Drawing:
    def __init__(self, start: datetime, end: datetime, ended: bool) -> None:
        self.start, self.end, self.ended = start, end, ended
        self.seconds = (end - start).total_seconds()
        self.lanes: dict[str, TimelineLane] = {}

    def draw(self, ledger: Sequence[LedgerRow]) -> Timeline:
        for row, following in zip(ledger, [*ledger[1:], None], strict=True):
            self._row(row, following.at if following else self.end, last=following is None)
        ticks = list(self._ticks())
        attempts = sum(row.kind is EventKind.INTENT for row in ledger)
        message = f"{words.span(self.seconds)}, {_counted(len(ledger), 'entry', 'entries')}, "
        message += _counted(attempts, "attempt", "attempts")
        return Timeline(list(self.lanes.values()), ticks, message)

    def _row(self, row: LedgerRow, until: datetime, *, last: bool) -> None:
        """Draws what went on from ``row`` to the next one, in the lane that it belongs to."""
        if last and self.ended:
            self._ending(row)
            return
        step = row.step.replace("_", " ")
        match row.kind:
            case EventKind.RECEIVED:
                self._bar("Received", row.at, until, ("idle", "queue"), "waits for a worker")
            case EventKind.CLAIMED:
                self._bar("Checking", row.at, until, ("move", "work"), "reads and checks")
            case EventKind.CHECKED:
                self._readings("Checking", row)
            case EventKind.INTENT:
                self._bar(f"Invoking {step}", row.at, until, ("move", "work"), f"attempt {row.attempt}, no result yet")
            case EventKind.RESULT | EventKind.UNKNOWN:
                self._result(row, step, until)
            case EventKind.RECONCILED if row.detail.get("effect") == "present":
                self._bar(f"Verifying {step}", row.at, until, ("move", "work"), "reads again")
            case EventKind.VERIFIED:
                self._readings(f"Verifying {step}", row)

    def _result(self, row: LedgerRow, step: str, until: datetime) -> None:
        result = str(row.detail.get("class", "unknown"))
        tone = words.STATES.get(result, ("idle", ""))[0]
        lane = self._lane(f"Invoking {step}")
        if lane.bars and lane.bars[-1].kind == "work":  # the attempt's bar gets the tone of its result
            made = lane.bars[-1]
            length = made.message.rpartition(" · ")[2]
            message = f"attempt {row.attempt}: {result} · {length}"
            lane.bars[-1] = replace(made, tone=tone, message=message)
        if until <= row.at:  # the next row was written with this one: nothing went on between them
            return
        if result == "succeeded":
            self._bar(f"Verifying {step}", row.at, until, ("move", "work"), "reads until the required state is there")
        elif result == "retryable":
            self._bar(f"Invoking {step}", row.at, until, ("wait", "wait"), "waits before the next attempt")
        elif result == "pending":
            self._bar(f"Invoking {step}", row.at, until, ("move", "work"), "asks until it is decided")
        else:
            self._bar(f"Invoking {step}", row.at, until, ("wait", "wait"), "looks before acting again")

    def _ending(self, row: LedgerRow) -> None:
        meaning = MEANINGS[row.kind]
        shape = meaning.tone if row.kind in _ENDINGS else "idle"
        label = meaning.title if row.kind in _ENDINGS else words.humanise(row.kind)
        self._lane(label).marks.append(TimelineMark(self._at(row.at), shape, label))

    def _readings(self, lane: str, row: LedgerRow) -> None:
        for reading in row.detail.get("evidence", []):
            at = datetime.fromisoformat(reading["read_at"]) if reading.get("read_at") else row.at
            self._lane(lane).marks.append(TimelineMark(self._at(at), "reading", f"{reading.get('source', '')} read"))

    def _bar(self, lane: str, start: datetime, end: datetime, look: tuple[str, str], message: str) -> None:
        """``look``: tone and kind."""
        left = self._at(start)
        width = max(self._at(end) - left, NARROWEST)
        left = min(left, 100 - width)
        text = f"{message} · {words.span((end - start).total_seconds())}"
        self._lane(lane).bars.append(Bar(round(left, 2), round(width, 2), *look, text))

    def _lane(self, name: str) -> TimelineLane:
        return self.lanes.setdefault(name, TimelineLane(name))

    def _at(self, at: datetime) -> float:
        part = (at - self.start).total_seconds() / self.seconds * 100
        return round(min(max(part, 0.0), 100.0), 2)

    def _ticks(self) -> Iterator[Tick]:
        every = next((s for s in STEPS_SECONDS if self.seconds / s <= MOST_TICKS), self.seconds / MOST_TICKS)
        for number in range(int(self.seconds // every) + 1):
            yield Tick(round(number * every / self.seconds * 100, 2), "0" if not number else _tick(number * every))


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _tick(seconds: float) -> str:
    """``2 s`` or ``1 min 30 s``, without parts that are nothing."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < words.MINUTE:
        return f"{seconds:g} s"
    return words.span(seconds)
