"""How much of a corpus leaves without a person: by source, and what holds the rest."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from handrail.packets.sanitise import sanitise

REAL, SHAPE = "real", "shape"
LEAST = 0.95
_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Specimen:
    """One capture or trace. ``label``: ``real`` when ``source`` wrote it, ``shape`` when only its format is."""

    name: str
    kind: str
    source: str
    label: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of a specimen: the codes of what holds it, none when it is cleared."""

    specimen: Specimen
    codes: tuple[str, ...]

    @property
    def cleared(self) -> bool:
        return not self.codes


def measured(specimens: Iterable[Specimen]) -> Iterator[Measured]:
    for one in specimens:
        result = sanitise(one.kind, one.data)
        yield Measured(one, () if result.cleared else tuple(reason.code for reason in result.reasons) or ("unknown",))


def share(found: Iterable[Measured]) -> float:
    listed = list(found)
    return sum(one.cleared for one in listed) / len(listed)


def report(found: list[Measured]) -> Iterator[str]:
    """A line for each source, one for all, and one for each reason why something is held."""
    by_source: defaultdict[tuple[str, str], list[Measured]] = defaultdict(list)
    held: defaultdict[str, list[str]] = defaultdict(list)
    for one in found:
        by_source[one.specimen.label, one.specimen.source].append(one)
        for code in one.codes:
            held[code].append(one.specimen.name)
    for (label, source), some in sorted(by_source.items()):
        yield f"{label:5}  {source:32} {sum(one.cleared for one in some):4} of {len(some):4} cleared"
    for label, number in sorted(Counter(one.specimen.label for one in found).items()):
        some = [one for one in found if one.specimen.label == label]
        yield f"{label:5}  {'all':32} {sum(one.cleared for one in some):4} of {number:4} cleared, {share(some):.1%}"
    cleared = sum(one.cleared for one in found)
    yield f"{'all':39} {cleared:4} of {len(found):4} cleared without a person, {share(found):.1%}"
    for code, names in sorted(held.items(), key=lambda item: -len(item[1])):
        yield f"held   {code:32} {len(names):4}  {', '.join(names[:_MOST_NAMES])}"


def said(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
