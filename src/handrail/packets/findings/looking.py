"""One look at one text, by all that is looked for, in every reading of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from handrail.packets.findings.claims import claims_in
from handrail.packets.findings.credentials import encoded_in, random_in, tokens_in
from handrail.packets.findings.folding import TextReading, folded, joined
from handrail.packets.findings.hosts import hosts_in
from handrail.packets.findings.kinds import MARKS, Spotted, TextFinding, TextTerms, code_of, not_overlapping
from handrail.packets.findings.library import shapes_in
from handrail.packets.findings.passwords import passwords_in
from handrail.packets.findings.people import accounts_in, emails_in, people_in

_MARKED = re.compile(r"\[masked: [A-Za-z -]{1,40}\]")
NOTHING = TextTerms()
# Shorter than this, a text is nothing that anybody could use.
SHORTEST = 4


def look(text: str, terms: TextTerms = NOTHING) -> tuple[TextFinding, ...]:
    """What stands in ``text`` and must not leave, in its order. Time grows with the length of ``text``."""
    if len(text) < SHORTEST:
        return ()
    may_stand = terms.kinds()
    return not_overlapping(one for one in _all(text, terms) if one.kind not in may_stand)


def _all(text: str, terms: TextTerms) -> Iterator[TextFinding]:
    reading = folded(text)
    reading = TextReading(without_marks(reading.text), reading.places)
    yield from _placed(_as_read(reading.text, terms), reading)
    if "\n" not in reading.text:
        return
    unbroken = joined(reading)
    assert unbroken is not None  # there is a line break
    for one in _placed(_over_lines(unbroken.text, terms), unbroken):
        if "\n" in folded(text[one.start : one.end]).text:
            yield one


def without_marks(text: str) -> str:
    """Spaces, as many, in the place of our own marks: what stood there is gone, and they name what it was."""
    return _MARKED.sub(lambda mark: " " * len(mark[0]) if mark[0] in MARKS else mark[0], text)


def _placed(found: Iterator[Spotted], reading: TextReading) -> Iterator[TextFinding]:
    for kind, start, end in found:
        if end > start:
            yield TextFinding(code_of(kind), kind, *reading.span(start, end))


def _as_read(text: str, terms: TextTerms) -> Iterator[Spotted]:
    yield from _certain(text)
    for start, end, inner in encoded_in(text):
        kind = next((found.kind for found in (*_certain(inner), *passwords_in(inner))), None)
        if kind is not None:
            yield Spotted(kind, start, end)
    if terms.claims:
        yield from claims_in(text, terms.claims)
    if terms.bound:
        return
    yield from passwords_in(text)
    yield from random_in(text)
    yield from people_in(text)
    yield from hosts_in(text, terms)


def _certain(text: str) -> Iterator[Spotted]:
    yield from tokens_in(text)
    yield from shapes_in(text)
    yield from emails_in(text)
    yield from accounts_in(text)


def _over_lines(text: str, terms: TextTerms) -> Iterator[Spotted]:
    yield from _certain(text)
    yield from random_in(text)
    if terms.claims:
        yield from claims_in(text, terms.claims)
