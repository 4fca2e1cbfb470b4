"""Text from outside costs time that grows with its length, and no faster."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence

from tests.factories import linear, patterns, textfunctions
from tests.factories.linear import CLASSES, PAIRS, Maker, makers, too_slow, within
from tests.lanes import NIGHTLY, share

Use = tuple[str, Callable[[str], object]]
# Far more than a sweep takes; a pattern that hangs would take hours.
SECONDS = 1200 if NIGHTLY else 240


def slow(
    uses: Sequence[Use], texts: Sequence[tuple[str, Maker]], sizes: tuple[int, ...], by_day: int = 100
) -> Iterator[str]:
    """``by_day``: how many of ``texts`` each of ``uses`` gets by day, by turns."""
    for number, (name, work) in enumerate(uses):
        for text, make in share(texts, number, by_day):
            if (why := too_slow(work, make, sizes)) is not None:
                yield f"{name} of {text}: {why}"
                break


def test_every_pattern_takes_linear_time_on_one_character_over_and_over(counted: Callable[[str], None]) -> None:
    uses = [use for found in patterns.patterns() for use in found.uses()]
    texts = list(makers(CLASSES.values()))
    counted(f"{len(uses)} uses of {len(patterns.patterns())} patterns, {len(texts)} texts")
    assert len(uses) > 120
    sizes = (linear.SMALL, linear.LARGE) if NIGHTLY else (linear.SMALL,)
    assert within(SECONDS, lambda: list(slow(uses, texts, sizes, by_day=2))) == []


def test_every_pattern_takes_linear_time_on_pairs_and_on_what_it_almost_matches(counted: Callable[[str], None]) -> None:
    found = patterns.patterns()
    pairs = list(makers(PAIRS, [("", ""), ("a", "a"), ("a", "\x01")]))
    counted(f"{len(found)} patterns, {len(pairs)} pairs, and what each almost matches")

    def work() -> list[str]:
        return [
            fault
            for number, each in enumerate(found)
            for fault in slow(
                list(each.uses()), [*patterns.almost(each.pattern), *share(pairs, number, 2)], (linear.SMALL,)
            )
        ]

    assert within(SECONDS, work) == []


# The greater, the plainer: what else the machine does takes no part of it then.
SIZES = (linear.SMALL // 4, linear.SMALL // 2, linear.SMALL)


def test_pattern_that_takes_the_square_is_found() -> None:
    bad = patterns.Found("bad", re.compile(r"^\W+|\W+$"), ("sub",))
    assert within(60, lambda: list(slow(list(bad.uses()), list(makers("!", [("a", "a")])), SIZES))) != []


def test_work_that_never_ends_is_ended() -> None:
    def sleep() -> list[str]:
        threading.Event().wait()
        return []

    assert str(signal.SIGALRM) in str(within(1, sleep))


# Among them those that an earlier version took minutes for. At night every class and pair.
TEXTS = list(makers(["!", "a", " ", "\n", "\u0301\u0323", "a ", "a.\n", '"\\'], [("a", "a")]))


def test_every_function_that_takes_text_takes_linear_time(counted: Callable[[str], None]) -> None:
    uses, by_hand = textfunctions.found(), textfunctions.by_hand()
    texts = [*TEXTS, *makers([*CLASSES.values(), *PAIRS], [("", ""), ("a", "a")])] if NIGHTLY else TEXTS
    counted(f"{len(uses)} functions, {len(texts)} texts of 8 KiB; {len(by_hand)} by hand")
    assert len(uses) > 150
    assert within(SECONDS, lambda: list(slow(uses, texts, (linear.SMALL // 2, linear.SMALL), by_day=1))) == []
    large = linear.LARGE if NIGHTLY else linear.LARGE // 4
    assert within(SECONDS, lambda: list(slow(by_hand, texts, (large,), by_day=3))) == []
