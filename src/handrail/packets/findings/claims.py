"""Claims that the profile forbids: whole words, whatever their case and accents, over line breaks as well."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from handrail.packets.findings.folding import folded
from handrail.packets.findings.kinds import Spotted

Claims = Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]
MOST_WORDS = 8
# A word of a claim that ends in it stands for every word that begins so. It is kept under its first letters.
REST = "*"
_BEGIN = 3
_WORD = re.compile(r"\w+")
_WRITTEN = re.compile(r"\w+\*?")


def words_of(phrase: str) -> tuple[str, ...]:
    """The words of a claim as they are compared."""
    return tuple(_WRITTEN.findall(folded(phrase).text.casefold()))


def compiled(forbidden: Mapping[str, Iterable[str]]) -> Claims:
    """``forbidden``: phrases by the name of the claim. A word ending in ``*`` (after three letters at the least) stands
    for all that begin with it."""
    found: defaultdict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
    for name, phrases in forbidden.items():
        for phrase in phrases:
            words = words_of(phrase)
            if words:
                found[_key(words[0])].append((words, name))
    return {key: tuple(sorted(phrases)) for key, phrases in found.items()}


def claims_in(text: str, claims: Claims) -> Iterator[Spotted]:
    """``text`` is folded. Each word begins few phrases of at most eight words, so time grows with the text."""
    words = [(match[0].casefold(), match.start(), match.end()) for match in _WORD.finditer(text)]
    for at, (word, start, _) in enumerate(words):
        for phrase, name in (*claims.get(word, ()), *claims.get(word[:_BEGIN] + REST, ())):
            part = words[at : at + len(phrase)]
            if len(part) == len(phrase) and all(map(_is, phrase, (one for one, _, _ in part))):
                yield Spotted(name, start, part[-1][2])


def _key(word: str) -> str:
    return word[:_BEGIN] + REST if word.endswith(REST) else word


def _is(wanted: str, word: str) -> bool:
    return word.startswith(wanted[:-1]) if wanted.endswith(REST) else word == wanted
