"""The second look: what remains is searched as if nobody had cleaned it; whatever is doubtful holds the artifact."""

from __future__ import annotations

import binascii
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Set
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from urllib.parse import unquote

from handrail.kernel.hostile import normalized
from handrail.packets.sanitise import har, otlp
from handrail.packets.sanitise.headers import NAMES
from handrail.packets.sanitise.redaction import Redaction
from handrail.packets.sanitise.structure.terms import TERMS
from handrail.packets.sanitise.urls import VALUE, spelled_out
from handrail.packets.sanitise.vocabulary import MIME_SUB, PROTOCOLS, QUERY_NAMES, QUERY_VALUES, WORDS

_RUN = re.compile(r"[A-Za-z0-9%@_~+=.-]{6,}")
_TOKENS = re.compile(r"[A-Za-z0-9_+~-]{6,}")
_LETTERS = re.compile(r"[A-Za-z0-9]{6,}")
_GRAM = 6
_SHORTEST_ATOM = 3  # a shorter one is nobody's
_LONGEST_TOKEN = 4096
_BLOCK, _BATCH = 512 * 1024, 2_000  # characters of the output, and dropped values, that are taken apart at a time
# Each starts with fixed text, a bounded class or a look-behind that forbids starting inside a run: time stays linear.
_SHAPES = (
    ("jwt", re.compile(r"eyJ[A-Za-z0-9_-]{4,}")),
    ("e-mail", re.compile(r"[A-Za-z0-9._+-](?:@|%40)[A-Za-z0-9-]{1,63}\.[A-Za-z]")),
    (
        "known-token",
        re.compile(
            r"(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|sk_live_|sk_test_|rk_live_|pk_live_|(?<![A-Za-z0-9])sk-[A-Za-z0-9]{8}|"
            r"AKIA[0-9A-Z]{8}|ASIA[0-9A-Z]{8}|AIza[0-9A-Za-z_-]{8}|ya29\.|hvs\.|dop_v1_|npm_|pypi-|SG\.|shpat_|EAAC|-----BEGIN)"
        ),
    ),
    ("hexadecimal", re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{16,}(?![0-9A-Za-z])")),
    ("uuid", re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-")),
    ("digits", re.compile(r"[0-9]{13,}")),
    ("base64", re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}={1,2}(?![A-Za-z0-9~=])")),
)
_PIECE = re.compile(r"[A-Za-z0-9+_=]{16,}")
_BITS = 3.6
_LABEL = re.compile(r"(?i)(?:pass|pwd|secret|token|otp|credential)[\w-]{0,24}\W{1,8}(?:value\W{1,8})?$")
_APART = "\n" * 10  # further than _LABEL reaches: two dropped values stand beside each other by chance
_LABEL_LENGTH, _MOST_PLACES = 60, 20
_WHOLE = r"(?:^|[=:&;,\s\"']){}(?:$|[&;,\s]|[\"'](?!\s*:))"  # a value, not a name or a part of a path
# Names and values of our own lists. Where one of them stands whole, it says nothing of anybody.
_KEPT = NAMES | TERMS | har.KEYS | otlp.KEYS | QUERY_NAMES | PROTOCOLS | {VALUE, ""}
_VALUES = frozenset().union(*QUERY_VALUES.values())
_OWN_TEXTS = _KEPT | _VALUES
# A query as it is shown has only pairs of these, or one that the scan looks at.
_PAIRS = frozenset(f"{name}={VALUE}" for name in QUERY_NAMES) | frozenset(
    f"{name}={value}" for name, values in QUERY_VALUES.items() for value in values
)
_OWN = frozenset(token.lower() for text in (*_OWN_TEXTS, *MIME_SUB) for token in _TOKENS.findall(text))


class Doubt(NamedTuple):
    """Something that may be a secret still in the output. ``text`` is for our own debugging, never for a report."""

    rule: str
    text: str


def doubts(output: str, redaction: Redaction) -> list[Doubt]:
    """What is doubtful in ``output`` (JSON in ASCII): shapes of secrets, dropped values that came back, escapes."""
    if "\\" in output:  # nothing that the rules let through needs an escape; and without one, quotes pair up
        return [Doubt("escape", "")]
    foreign: set[str] = set()
    for block in _blocks(output):
        parts = set(block.split("{"))  # the same header stands in hundreds of entries: look at it once
        if any(part.count('"') % 2 for part in parts):
            return [Doubt("escape", "")]
        texts = set("{".join(parts).split('"')[1::2]) - _OWN_TEXTS - redaction.own
        whole = {run for text in texts for part in _not_ours(text) for run in _RUN.findall(part)}
        foreign.update(piece for run in whole for piece in redaction.foreign(run).split())
    runs = [run for run in foreign if len(run) >= _GRAM and not _ours(run)]
    return _shaped(sorted(runs)) + [Doubt("dropped-value", token) for token in sorted(_returned(runs, redaction))]


def _blocks(output: str) -> Iterator[str]:
    """``output`` in pieces that end before a brace: what is made of one is released before the next."""
    at = 0
    while (end := output.find("{", at + _BLOCK)) >= 0:
        yield output[at:end]
        at = end + 1
    yield output[at:]


def _not_ours(text: str) -> Iterator[str]:
    """What of an address the artifact chose: all but our own parameters, of which a query as it is shown is made."""
    head, mark, query = text.partition("?")
    yield head
    if mark:
        for pair in query.split("&"):
            if pair not in _PAIRS:
                yield pair


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


def _returned(runs: list[str], redaction: Redaction) -> set[str]:
    """Dropped values that can be read in ``runs``: as they stand, URL-decoded, out of base64 or hexadecimal."""
    credentials = _read_out(_APART.join(sorted(redaction.credentials)))
    secret = set(_TOKENS.findall(credentials))
    hay = "\n".join(sorted({reading.lower() for run in runs if not _harmless(run) for reading in readings(run)}))
    grams = {hay[i : i + _GRAM] for i in range(len(hay) - _GRAM + 1)}
    shown = {t for text in redaction.spelled for t in (*_TOKENS.findall(text), *_LETTERS.findall(text)) if _chosen(t)}
    spelled = {t.lower() for t in shown}
    near: set[str] = set()
    known: set[str] = set()  # of those
    for tokens in _dropped(secret, redaction):
        for token in tokens:
            lower = token.lower()
            if lower[:_GRAM] in grams and lower[:_LONGEST_TOKEN] in hay:
                near.add(token)
            if lower in spelled:
                known.add(lower)
    found = {t for t in near if not _harmless(t) and (_telling(t) or (t in secret and not _named(t, redaction)))}
    return (
        found
        | _spelled(redaction.spelled, credentials, secret)
        | _labelled({t for t in shown if t.lower() in known}, credentials, redaction)
    )


def _dropped(secret: set[str], redaction: Redaction) -> Iterator[set[str]]:
    """The tokens of all that was dropped, batch by batch: all at once would take as much memory again."""
    yield secret
    values = iter(redaction.dropped)
    while batch := list(islice(values, _BATCH)):
        yield set(_TOKENS.findall("\n".join(batch)))


_IDS = frozenset({"hexadecimal", "uuid", "digits", "base64", "entropy"})  # shapes that the id of a request may have
_LONGEST_CARD, _SHORTEST_CARD = 19, 12


def reused(redaction: Redaction) -> Iterator[str]:
    """Ids that stay as they are, but have another shape of a secret, or are a credential somewhere in the artifact."""
    if not redaction.vouched:
        return
    credentials = _read_out(_APART.join(sorted(redaction.credentials))).lower()
    gone = _APART.join(sorted(redaction.dropped))
    for value in redaction.vouched:
        card = value.isdigit() and _SHORTEST_CARD <= len(value) <= _LONGEST_CARD
        if card or {*shapes(value)} - _IDS or value.lower() in credentials or _follows_a_label(value, gone):
            yield value


def _read_out(credentials: str) -> str:
    """``credentials`` as they stand, URL-decoded, in their compatibility form, and out of base64."""
    read = [credentials, unquote(credentials)] if "%" in credentials else [credentials]
    if not credentials.isascii():
        foreign = _APART.join(value for value in credentials.split(_APART) if not value.isascii())
        read.append("".join(c for c in normalized(foreign, "NFKC") if unicodedata.category(c) != "Cf"))
    decoded = [_decoded(piece) for piece in _PIECES.findall(credentials.translate(_URL_SAFE))]
    return _APART.join([*read, *(text for text in decoded if text.isascii() and text.isprintable())])


def _spelled(texts: set[str], credentials: str, secret: set[str]) -> set[str]:
    """Whole credentials that the vocabulary spells, such as ``Admin12``, in ``texts`` that stay as they are spelled.

    A plain word is nobody's for being a credential somewhere; with a digit or capitals it was chosen.
    """
    hay = "\n".join(texts).lower()
    near = {t for t in secret if t.lower() in hay and _chosen(t) and t.lower() not in WORDS}
    return {t for t in near if re.search(_WHOLE.format(re.escape(t)), credentials, re.M)}  # law: kept, of one word


def _labelled(shown: set[str], credentials: str, redaction: Redaction) -> set[str]:
    """Such words that stand in a dropped body as a password or token does: after its name."""
    if not shown:
        return set()
    gone = _APART.join([credentials, *sorted(redaction.dropped)])
    return {t for t in shown if any(_follows_a_label(form, gone) for form in {t, t.lower()})}


def _follows_a_label(token: str, gone: str) -> bool:
    at = gone.find(token)
    for _ in range(_MOST_PLACES):
        if at < 0:
            return False
        if _LABEL.search(gone[max(0, at - _LABEL_LENGTH) : at]):
            return True
        at = gone.find(token, at + 1)
    return False


@lru_cache(maxsize=2048)
def _chosen(token: str) -> bool:
    """Whether the vocabulary spells it with a digit or a capital, and no protocol does just so."""
    return (not token.islower() or any(c.isdigit() for c in token)) and token not in WORDS and spelled_out(token)


def readings(run: str) -> Iterator[str]:
    """The ways to read ``run``: itself, without percent signs, and decoded at every alignment."""
    yield run
    if "%" in run:
        yield unquote(run)
    for piece in _PIECES.findall(run):
        plain = piece.translate(_URL_SAFE)
        for start in range(4):
            yield _decoded(plain[start:])
        for start in range(2):
            part = piece[start : start + (len(piece) - start) // 2 * 2]
            if _HEX.fullmatch(part):
                yield binascii.unhexlify(part).decode("latin-1")


def _decoded(part: str) -> str:
    part += "=" * (-len(part) % 4) if len(part) % 4 != 1 else "A=="  # a lone last letter holds no whole byte
    return binascii.a2b_base64(part).decode("latin-1")


_PIECES = re.compile(r"[A-Za-z0-9+/_-]{8,}")
# Dates, character sets and ages: they also stand among what was dropped, without meaning anything.
_FORMS = re.compile(
    r"[0-9]{2}\.[0-9]{1,6}Z?|[0-9]{4}-[01][0-9]-[0-3][0-9](?:T[0-2][0-9])?|"
    r"(?:charset=)?(?i:utf-?|iso-8859-|windows-)[0-9]{1,4}|(?:s-?)?max-?age=[0-9]{1,9}"
)
_URL_SAFE = str.maketrans("-_", "+/")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")


@lru_cache(maxsize=4096)
def _ours(token: str) -> bool:
    """Made of our own vocabulary, from our own lists, or our own pseudonym: nothing that could be somebody's."""
    return token.lower() in _OWN or spelled_out(token) or _FORMS.fullmatch(token) is not None


def stands_in(text: str, doubt: Doubt, *, decoded: bool = False) -> bool:
    """Whether ``doubt`` is about ``text`` of the output, as it stands or, of a dropped value, in another reading."""
    if doubt.rule == "escape":
        return not text.isascii() or not text.isprintable() or any(c in text for c in '"\\')
    if not decoded:
        return doubt.text in text or (doubt.rule == "dropped-value" and doubt.text.lower() in text.lower())
    return any(doubt.text.lower() in reading.lower() for run in _RUN.findall(text) for reading in readings(run))


def suspects(found: list[Doubt], atoms: Set[str]) -> frozenset[str]:
    """Those of ``atoms``, the pieces of text that the artifact chose and a rule let through, which are to blame.

    A further pass hides them. The plainest explanation first: a piece that has the shape, or in which the dropped
    value can be read; then a piece of what was found.
    """
    returned = {doubt.text.lower() for doubt in found if doubt.rule == "dropped-value"}
    blamed = {
        atom
        for atom in atoms
        if any(shapes(atom))
        or any(token in reading.lower() for reading in (atom, *readings(atom)) for token in returned)
    }
    if blamed:
        return frozenset(blamed)
    texts = [doubt.text.lower() for doubt in found]
    inside = {atom for atom in atoms if atom and any(atom.lower() in text for text in texts)}
    return frozenset(atom for atom in inside if len(atom) >= _SHORTEST_ATOM)


def _harmless(token: str) -> bool:
    return _ours(token) or not token.strip("0123456789.")


def _telling(token: str) -> bool:
    """Whether the token is too particular to be in two places by chance."""
    mixed = any(c.isdigit() for c in token) and any(c.isalpha() for c in token)
    return mixed or (not token.islower() and not token.isupper() and not token.istitle() and len(token) > 2 * _GRAM)


def _named(token: str, redaction: Redaction) -> bool:
    """Whether a plain word among the credentials only stands there as part of a host name (a cookie's domain)."""
    dotted = re.compile(rf"(?:\.{re.escape(token)}\b|\b{re.escape(token)}\.[a-z])")  # law: kept, of one word
    return any(token in value and dotted.search(value) for value in redaction.credentials)
