"""What the pages show of an annex: plain data, bounded whatever the annex holds. Texts are as they stand in it, cut."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from handrail.packets.sanitise import SanitiseContext

PAGE = 100
TEXT = 300
# More lines of one entry than anybody reads.
LINES = 400
WIDTH = 1000


@dataclass(frozen=True, slots=True)
class AnnexBytes:
    """What there is of an annex. ``cleared`` None: it stays inside. ``original`` None: the reader does not see it."""

    sanitiser: str
    media_type: str
    cleared: bytes | None
    original: bytes | None
    context: SanitiseContext | None = None


@dataclass(frozen=True, slots=True)
class AskedPart:
    """Which page of its rows, from 1, or which one row by its number, from 1."""

    page: int = 1
    row: int | None = None


@dataclass(frozen=True, slots=True)
class AnnexPart:
    """The rows from ``first`` to ``last`` of ``total``, counted from 1. ``page`` of ``pages``."""

    page: int
    pages: int
    first: int
    last: int
    total: int


@dataclass(frozen=True, slots=True)
class RemovedHere:
    """How many values a rule took away at one place of one row."""

    rule: str
    place: str
    count: int


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """One value of a row. None: there is none on that side. ``rule``: what took it away or changed it."""

    name: str
    before: str | None
    after: str | None
    rule: str

    @property
    def state(self) -> Literal["same", "changed", "removed", "added"]:
        if self.after is None:
            return "removed"
        if self.before is None:
            return "added"
        return "same" if self.before == self.after else "changed"


@dataclass(frozen=True, slots=True)
class TimeBar:
    """A bar on a line that is ``WIDTH`` wide."""

    x: float
    width: float
    part: str


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One exchange, span or line. ``cells``: by column. ``before``: those of the original that differ, by column.

    ``tone``: stop, wait or good. ``depth``: how deep it stands in a tree. ``note``: what is odd about its place.
    ``group``: the page or trace that begins with it, where there are several: each has its own line of time.
    """

    number: int
    cells: tuple[str, ...]
    before: dict[str, str]
    tone: str
    bars: tuple[TimeBar, ...]
    removed: tuple[RemovedHere, ...]
    depth: int = 0
    note: str = ""
    group: str = ""

    @property
    def removed_count(self) -> int:
        return sum(one.count for one in self.removed)


@dataclass(frozen=True, slots=True)
class AnnexContent:
    """``kind``: how it is drawn. ``facts``: what is true of the whole. ``lines``: of the one row that was asked for, or
    of what has no rows. ``with_original``: both sides are there. ``message``: why nothing is shown. ``image``:
    a picture as it leaves, in base64."""

    kind: Literal["waterfall", "tree", "lines", "table", "picture", "plain"]
    columns: tuple[str, ...] = ()
    rows: tuple[ShownRow, ...] = ()
    part: AnnexPart = AnnexPart(1, 1, 0, 0, 0)
    facts: tuple[tuple[str, str], ...] = ()
    lines: tuple[ComparedLine, ...] = ()
    row: ShownRow | None = None
    with_original: bool = False
    message: str = ""
    image: str = ""


def part_of(total: int, asked: AskedPart) -> AnnexPart:
    pages = max(1, -(-total // PAGE))
    page = min(max(asked.page, 1), pages)
    return AnnexPart(page, pages, min((page - 1) * PAGE + 1, total), min(page * PAGE, total), total)


def shown_text(value: Any, limit: int = TEXT) -> str:
    """A value on one line, cut at ``limit``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else str(value) if isinstance(value, int | float) else _kind(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def number_of(value: Any) -> float:
    """A number as it can be drawn: 0 for what is none, is negative or has no end."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 # NaN
        return 0.0
    return float(min(max(value, 0), 1e15))


def duration(milliseconds: float) -> str:
    if milliseconds >= 60_000:  # noqa: PLR2004 # a minute
        return str(timedelta(seconds=round(min(milliseconds, 1e12) / 1000)))
    return f"{milliseconds / 1000:.2f} s" if milliseconds >= 1000 else f"{milliseconds:.0f} ms"  # noqa: PLR2004


def moment(milliseconds: float) -> str:
    """Milliseconds since 1970 as a time in UTC; empty for none, and for what no calendar has."""
    try:
        return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC" if milliseconds > 0 else ""
    except (ValueError, OverflowError, OSError):
        return ""


def _kind(value: Any) -> str:
    size = len(value) if isinstance(value, list | dict) else 0
    word = "value" if isinstance(value, dict) else "entry" if size == 1 else "entries"
    return f"{size} {word}{'s' if isinstance(value, dict) and size != 1 else ''}"
