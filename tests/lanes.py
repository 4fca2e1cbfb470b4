"""How much of a sweep a lane runs. ``HANDRAIL_TESTS`` is ``all``, as for ``make test``, or ``nightly``: everything."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")

NIGHTLY = os.environ.get("HANDRAIL_TESTS", "all") == "nightly"
# Prime to 8, so that a slice of flipped bytes still flips every one of the eight bits.
STEP = 7


def swept(items: Sequence[T]) -> Sequence[T]:
    """Every one of ``items`` at night, by day every seventh and the last."""
    return items if NIGHTLY else [*items[:-1:STEP], *items[-1:]]


def portion(items: Iterable[T], of: int) -> Sequence[T]:
    """Every one of ``items`` at night, by day one ``of`` so many: for tables in which each row asks the same."""
    listed = list(items)
    return listed if NIGHTLY else listed[::of]


def share(items: Sequence[T], number: int, count: int) -> Sequence[T]:
    """What the ``number``-th of many takes of ``items``: at night all, by day ``count`` by turns, so that many together
    take each."""
    if NIGHTLY or count >= len(items):
        return items
    return [items[(number * count + place) % len(items)] for place in range(count)]


def crossed(ones: Iterable[T], others: Sequence[U]) -> list[tuple[T, U]]:
    """Every pair at night, by day each of ``ones`` with the next of ``others`` by turns."""
    if NIGHTLY:
        return [(one, other) for one in ones for other in others]
    return [(one, others[number % len(others)]) for number, one in enumerate(ones)]


def examples(number: int) -> int:
    """How many examples Hypothesis tries: ``number`` by day, four times as many at night."""
    return 4 * number if NIGHTLY else number


def rounds(by_day: int, at_night: int) -> int:
    return at_night if NIGHTLY else by_day


def by_turns(points: Iterable[str]) -> list[tuple[str, str]]:
    """Where a process is killed: before and after each of ``points`` at night, by day by turns before one, after the
    next."""
    both = [(when, point) for point in points for when in ("before", "after")]
    return both if NIGHTLY else both[::4] + both[3::4]
