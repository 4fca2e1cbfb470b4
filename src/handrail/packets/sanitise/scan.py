"""The second look: what remains is searched as if nobody had cleaned it; whatever is doubtful holds the artifact."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from handrail.packets.sanitise.redaction import Redaction
from handrail.packets.sanitise.urls import spelled_out

_RUN = re.compile(r"[A-Za-z0-9%@_~+=.-]{6,}")
_TOKENS = re.compile(r"[A-Za-z0-9_+~-]{6,}")
_GRAM = 6
_LONGEST_TOKEN = 4096
# Each starts with fixed text, a bounded class or a look-behind that forbids starting inside a run: time stays linear.
_SHAPES = (
    ("jwt", re.compile(r"eyJ[A-Za-z0-9_-]{4,}")),
    ("e-mail", re.compile(r"[A-Za-z0-9._+-](?:@|%40)[A-Za-z0-9-]{1,63}\.[A-Za-z]")),
    (
        "known-token",
        re.compile(
            r"(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|sk_live_|sk_test_|rk_live_|pk_live_|sk-[A-Za-z0-9]{8}|"
            r"AKIA[0-9A-Z]{8}|ASIA[0-9A-Z]{8}|AIza[0-9A-Za-z_-]{8}|ya29\.|hvs\.|dop_v1_|npm_|pypi-|SG\.|shpat_|EAAC|-----BEGIN)"
        ),
    ),
    ("hexadecimal", re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{16,}(?![0-9A-Za-z])")),
    ("uuid", re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-")),
    ("digits", re.compile(r"[0-9]{13,}")),
    ("base64", re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}={1,2}(?![A-Za-z0-9~=])")),
)
_OURS = re.compile(r"0{10,}[0-9]{1,6}|1[0-9]{18}")  # numbered trace identifiers, and times in nanoseconds
_PIECE = re.compile(r"[A-Za-z0-9+_=]{16,}")
_BITS = 3.6


class Doubt(NamedTuple):
    """Something that may be a secret still in the output. ``text`` is for our own mending, never for a report."""

    rule: str
    text: str


def doubts(output: str, redaction: Redaction) -> list[Doubt]:
    """What is doubtful in ``output`` (JSON in ASCII): shapes of secrets, dropped values that came back, escapes."""
    if "\\" in output:  # nothing that the rules let through needs an escape; and without one, quotes pair up
        return [Doubt("escape", "")]
    parts = set(output.split("{"))  # the same header stands in hundreds of entries: look at it once
    if any(part.count('"') % 2 for part in parts):
        return [Doubt("escape", "")]
    texts = set("{".join(parts).split('"')[1::2])
    runs = {run for text in texts for run in _RUN.findall(text)}
    found = _shaped(sorted(run for run in runs if not _OURS.fullmatch(run)))
    return found + [Doubt("dropped-value", token) for token in sorted(_returned(runs, redaction))]


def _shaped(runs: list[str]) -> list[Doubt]:
    # All at once first: no shape reaches over a line's end, and there is hardly ever one to be found.
    if next(shapes("\n".join(runs)), None) is None:
        return []
    return [Doubt(rule, run) for run in runs for rule in shapes(run)]


def shapes(run: str) -> Iterator[str]:
    """Names of the shapes of secrets that ``run`` has."""
    for name, pattern in _SHAPES:
        if pattern.search(run):
            yield name
    if any(_random(piece) for piece in _PIECE.findall(run)):
        yield "entropy"


def _random(piece: str) -> bool:
    kinds = sum(any(test(c) for c in piece) for test in (str.islower, str.isupper, str.isdigit))
    return kinds > 1 and not spelled_out(piece) and entropy(piece) > _BITS


def entropy(text: str) -> float:
    """Bits per character, by Shannon."""
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values())


def _returned(runs: set[str], redaction: Redaction) -> set[str]:
    """Dropped values that can be read in ``runs``: as they stand, URL-decoded, out of base64 or hexadecimal."""
    hay = "\n".join(sorted({reading.lower() for run in runs if not _harmless(run) for reading in readings(run)}))
    grams = {hay[i : i + _GRAM] for i in range(len(hay) - _GRAM + 1)}
    if not grams:
        return set()
    gone = "\n".join(redaction.credentials | redaction.dropped)
    near = {t for t in set(_TOKENS.findall(gone.lower())) if t[:_GRAM] in grams and t[:_LONGEST_TOKEN] in hay}
    near = {t for t in _TOKENS.findall(gone) if t.lower() in near} if near else near
    secret = set(_TOKENS.findall("\n".join(redaction.credentials)))
    return {t for t in near if not _harmless(t) and (_telling(t) or (t in secret and not _named(t, redaction)))}


def readings(run: str) -> Iterator[str]:
    """The ways to read ``run``: itself, without percent signs, and decoded at every alignment."""
    yield run
    if "%" in run:
        yield unquote(run)
    for piece in _PIECES.findall(run):
        plain = piece.translate(_URL_SAFE)
        for start in range(4):
            part = plain[start:]
            part += "=" * (-len(part) % 4) if len(part) % 4 != 1 else "A=="  # a lone last letter holds no whole byte
            yield base64.b64decode(part).decode("latin-1")
        for start in range(2):
            part = piece[start : start + (len(piece) - start) // 2 * 2]
            if _HEX.fullmatch(part):
                yield binascii.unhexlify(part).decode("latin-1")


_PIECES = re.compile(r"[A-Za-z0-9+/_-]{8,}")
# Our pseudonyms, and dates: both also stand among what was dropped, without meaning anything.
_FORMS = re.compile(
    r"~[a-z]{2,5}[0-9]{1,7}(?:\.[a-z0-9]{2,11})?|[0-9]{2}\.[0-9]{1,6}Z?|[0-9]{4}-[01][0-9]-[0-3][0-9](?:T[0-2][0-9])?"
)
_URL_SAFE = str.maketrans("-_", "+/")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")


@lru_cache(maxsize=8192)
def _harmless(token: str) -> bool:
    """Made of our own vocabulary, or our own pseudonym: nothing that could be somebody's."""
    return spelled_out(token) or not token.strip("0123456789.") or _FORMS.fullmatch(token) is not None


def _telling(token: str) -> bool:
    """Whether the token is too particular to be in two places by chance."""
    mixed = any(c.isdigit() for c in token) and any(c.isalpha() for c in token)
    return mixed or (not token.islower() and not token.isupper() and not token.istitle() and len(token) > 2 * _GRAM)


def _named(token: str, redaction: Redaction) -> bool:
    """Whether a plain word among the credentials only stands there as part of a host name (a cookie's domain)."""
    dotted = re.compile(rf"(?:\.{re.escape(token)}\b|\b{re.escape(token)}\.[a-z])")
    return any(token in value and dotted.search(value) for value in redaction.credentials)
