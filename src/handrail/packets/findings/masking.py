"""A visible mark in the place of what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from handrail.packets.findings.kinds import TextFinding, mark_of


class Masked(NamedTuple):
    """``text`` with the marks in it, ``counts``: how many of each kind, and ``gone``: what stood there."""

    text: str
    counts: Mapping[str, int]
    gone: tuple[str, ...]


def masked(text: str, found: Iterable[TextFinding]) -> Masked:
    """``text`` with its mark in the place of each of ``found``; where some overlap, one mark for all."""
    out: list[str] = []
    counts: Counter[str] = Counter()
    gone: list[str] = []
    end = 0
    for start, stop, kind in _together(found):
        out += [text[end:start], mark_of(kind)]
        counts[kind] += 1
        gone.append(text[start:stop])
        end = stop
    return Masked("".join([*out, text[end:]]), dict(sorted(counts.items())), tuple(gone))


def _together(found: Iterable[TextFinding]) -> list[tuple[int, int, str]]:
    parts: list[tuple[int, int, str]] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if parts and one.start < parts[-1][1]:
            start, end, kind = parts[-1]
            parts[-1] = (start, max(end, one.end), kind)
        else:
            parts.append((one.start, one.end, one.kind))
    return parts
