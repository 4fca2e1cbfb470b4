"""Whether work grows linearly with the text that it is done on: measured in processor time, against a plain loop.

No duration is asserted. A piece of work is too slow where it takes many times as long as looking at every character
once, and twice the text takes far more than twice as long. It runs in a process of its own with a limit on processor
time, so that what hangs fails instead.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

KIB = 1024
SMALL, LARGE = 8 * KIB, 64 * KIB
# What one look at a character may cost more than a step of a plain loop.
DEAR = 20
# Twice the text takes twice as long, give or take what else the machine does; the square takes four times as long.
GROWTH = 3.0

CLASSES = {
    "lower": "a",
    "upper": "A",
    "digit": "0",
    "underscore": "_",
    "exclamation": "!",
    "space": " ",
    "newline": "\n",
    "return": "\r",
    "tab": "\t",
    "quote": '"',
    "apostrophe": "'",
    "backtick": "`",
    "bracket": "[",
    "brace": "{",
    "closing-brace": "}",
    "parenthesis": "(",
    "angle": "<",
    "closing-angle": ">",
    "backslash": "\\",
    "slash": "/",
    "colon": ":",
    "comma": ",",
    "dot": ".",
    "hyphen": "-",
    "equals": "=",
    "percent": "%",
    "ampersand": "&",
    "at": "@",
    "hash": "#",
    "tilde": "~",
    "nul": "\0",
    "combining": "\u0301",
    "emoji": "\U0001f600",
    "rtl-mark": "\u200f",
    "override": "\u202e",
    "no-break-space": "\u00a0",
    "accented": "\u00e9",
}
_PAIRED = "aA0! \n\"'\\-=%&@./_<{"
PAIRS = [a + b for a in _PAIRED for b in _PAIRED if a != b] + ["\u0301\u0323", "a\u0301", "\r\n", "eyJ", "\uff9e\u0301"]
# One character at the end or the beginning can make a pattern fail at every place before it.
ENDS = [("", ""), ("", "!"), ("a", "a"), ("a", "\x01")]

Maker = Callable[[int], str]


def makers(units: Iterable[str], ends: Iterable[tuple[str, str]] = ENDS) -> Iterator[tuple[str, Maker]]:
    """Each text's name, and what makes it of any size."""
    for unit in units:
        for head, tail in ends:
            yield (
                f"{head!a} + {unit!a}… + {tail!a}",
                lambda size, unit=unit, head=head, tail=tail: head + unit * (size // len(unit)) + tail,
            )


def too_slow(work: Callable[[str], object], make: Maker, sizes: tuple[int, ...] = (SMALL, LARGE)) -> str | None:
    """Why ``work`` does not take linear time on texts that ``make`` makes of ``sizes``; None where it does."""
    for size in sizes:
        if _cpu(work, make(size)) <= DEAR * plain_loop(size):
            continue
        half, whole = (min(_cpu(work, make(n)) for _ in range(3)) for n in (size // 2, size))
        if whole <= DEAR * plain_loop(size) or whole <= GROWTH * half:
            continue
        # What only looks like it, since the machine did something else, does not go on like that.
        twice = _cpu(work, make(2 * size))
        if twice > GROWTH * whole:
            return f"{size // KIB} KiB take {whole / half:.1f} times as long as half of it, and twice as much likewise"
    return None


@lru_cache
def plain_loop(size: int) -> float:
    """The processor time of looking at each of ``size`` characters."""
    return min(_cpu(lambda text: [c for c in text if c.isalpha() and c.isdigit()], "a" * size) for _ in range(5))


def _cpu(work: Callable[[str], object], text: str) -> float:
    begin = time.thread_time()
    work(text)
    return time.thread_time() - begin


def within(seconds: int, work: Callable[[], list[str]]) -> list[str]:
    """What ``work`` finds, in a forked process that may take ``seconds`` of processor time, and three times as long
    where it sleeps or the machine is busy."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(reading)
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(3 * seconds)
            try:
                answer = work()
            except Exception as error:  # noqa: BLE001 - told to the parent, whose test fails with it
                answer = traceback.format_exception(error)[-3:]
            os.write(writing, json.dumps([line[:500] for line in answer[:50]]).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as answer:
        found = answer.read()
    _, status = os.waitpid(child, 0)
    if status:
        over = f"{signal.SIGXCPU} means over {seconds} s of processor time, {signal.SIGALRM} that it does not end"
        return [f"ended with status {status}: a signal of {over}"]
    return list(json.loads(found))
