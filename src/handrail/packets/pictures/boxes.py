"""What a person covers: boxes on pages, in thousandths of the page, so that they fit whatever size is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from handrail.kernel.errors import Fault, Invalid

WHOLE = 1000
MAX_BOXES = 500


class Box(NamedTuple):
    """``page`` counts from 1; ``x`` and ``y`` are the upper left corner."""

    page: int
    x: int
    y: int
    w: int
    h: int

    def covers(self, other: Box) -> bool:
        """Whether all of ``other`` lies under it."""
        return (
            self.page == other.page
            and self.x <= other.x
            and self.y <= other.y
            and self.x + self.w >= other.x + other.w
            and self.y + self.h >= other.y + other.h
        )


def read(given: Iterable[Mapping[str, Any] | Sequence[int]], *, pages: int | None = None) -> tuple[Box, ...]:
    """The boxes, each once, sorted. Raises Invalid with a fault for each that is none."""
    boxes, faults = set(), []
    for number, one in enumerate(given, start=1):
        values = [one.get(name) for name in Box._fields] if isinstance(one, Mapping) else list(one)
        if number > MAX_BOXES:
            faults.append(Fault("boxes", f"at most {MAX_BOXES}"))
            break
        if fault := _fault(values, pages):
            faults.append(Fault(f"boxes[{number}]", fault))
        else:
            boxes.add(Box(*values))
    if faults:
        raise Invalid("These boxes can't be drawn.", faults=faults)
    return tuple(sorted(boxes))


def _fault(values: Sequence[Any], pages: int | None) -> str:
    if len(values) != len(Box._fields) or any(type(value) is not int for value in values):
        return "page, x, y, w and h are whole numbers"
    page, x, y, w, h = values
    if page < 1 or (pages is not None and page > pages):
        return f"there are {pages} pages" if pages else "pages count from 1"
    if not (0 <= x < WHOLE and 0 <= y < WHOLE and w >= 1 and h >= 1 and x + w <= WHOLE and y + h <= WHOLE):
        return f"x, y, w and h are thousandths of the page: from 0 to {WHOLE}, at least 1 wide and high"
    return ""


def covered(place: Sequence[Box], boxes: Sequence[Box]) -> bool:
    """Whether each box of ``place`` lies under one of ``boxes`` as a whole."""
    return all(any(box.covers(part) for box in boxes) for part in place)
