"""Stand-ins for identifiers, keyed by the packet's secret: the same in all its annexes and revisions, nowhere else.

A stand-in is spoken as proquints, ``~uuid-lusab-babad-gutih`` (https://arxiv.org/html/0901.4016): without the secret
nothing can be computed back, not even by trying every short number. Ids of traces keep their form, 32 or 16
hexadecimal digits, so that trace tools still load them; the same digits stand in a text, behind ``~``.
"""

from __future__ import annotations

import binascii
import hmac
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import unquote

_SHAPES = (
    ("uuid", re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("num", re.compile(r"[0-9]+")),
    ("hex", re.compile(r"[0-9a-fA-F]{8,}")),
    ("mail", re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")),
)
_TRACE_DIGITS = frozenset({16, 32})
_HEX = re.compile(r"[0-9a-f]{1,64}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{11}=|[A-Za-z0-9+/]{22}==")  # 8 or 16 bytes
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aiou"
_BEGINS = tuple(one + two for one in _CONSONANTS for two in _VOWELS)  # of a quintet: the high 6 bits
_ENDS = tuple(one + two + three for one in _CONSONANTS for two in _VOWELS for three in _CONSONANTS)
_QUINTETS = 3
# The forms that are given out. Whether a text of such a form is ours, only the set of those given out says.
_FORM = re.compile(
    r"(?:~[a-z]{2,5}-|hidden-|private-)[a-z]{5}(?:-[a-z]{5}){2,15}|(?<![0-9A-Za-z])~?[0-9a-f]{16,32}(?![0-9A-Za-z])"
)


class Pseudonyms:
    """Those of one packet. ``numbers`` counts, by shape, the different values that got one here.

    ``issued`` is the set of what was given out: a text in the input that only looks so is never in it but by giving.
    """

    def __init__(self, secret: bytes) -> None:
        self.issued: set[str] = set()
        self.numbers: Counter[str] = Counter()
        self._secret = secret
        self._names: defaultdict[str, dict[str, str]] = defaultdict(dict)  # mark and shape → value → stand-in
        self._owners: dict[str | int, str] = {}  # code, of the shortest its bits → the value that has it

    def text(self, raw: str, shape: str | None, mark: str) -> str:
        """``~num-…`` for ``raw``; ``shape`` overrules what it looks like; another mark than ``~`` names no shape."""
        shape = shape or shape_of(raw)
        names = self._names[mark + shape]
        name = names.get(raw)
        if name is None:
            key = plain(raw)
            if mark != "~":
                name = mark + self._spoken(key)
            elif shape == "hex" and len(key) in _TRACE_DIGITS:
                name = mark + self.digits(key, len(key))
            else:
                name = f"{mark}{shape}-{self._spoken(key)}"
            names[raw] = name
            self.issued.add(name)
            self.numbers[shape] += 1
        return name

    def digits(self, raw: str, length: int) -> str:
        """The id of a trace or span in ``length`` hexadecimal digits, 32 or 16; only of zeros if ``raw`` is.

        A trace id of 64 bits is the same with and without the zeros that some tools write before it.
        """
        key = trace_key(raw)
        names = self._names[f"trace{length}"]
        name = names.get(key)
        if name is None:
            if not key.strip("0"):
                name = "0" * length
            elif len(key) == 16 and length > 16:  # noqa: PLR2004 # 64 bits
                name = self.digits(key, 16).rjust(length, "0")
            else:
                name = self._owned(key, lambda turn: self._keyed(f"trace{turn}", key).hex()[:length])
            names[key] = name
            self.issued |= {name, f"~{name}"}
        return name

    def foreign(self, text: str) -> str:
        """``text`` with a space for each stand-in of ours: what is left was not given out."""
        return _FORM.sub(self._blank, text)

    def _blank(self, found: re.Match[str]) -> str:
        return " " if found[0] in self.issued else found[0]

    def _spoken(self, key: str) -> str:
        digest = self._keyed("id", key)
        if self._owners.setdefault(int.from_bytes(digest[: 2 * _QUINTETS], "big"), key) == key:
            return spoken(digest, _QUINTETS)
        return self._owned(key, lambda turn: spoken(digest, _QUINTETS + 1 + turn))

    def _owned(self, key: str, make: Callable[[int], str]) -> str:
        """The first that no other value has: of 48 bits and more, it is nearly always the first."""
        turn = 0
        while self._owners.setdefault(name := make(turn), key) != key:
            turn += 1
        return name

    def _keyed(self, purpose: str, key: str) -> bytes:
        return hmac.digest(self._secret, f"{purpose}\0{key}".encode("utf-8", "surrogatepass"), "sha256")


@lru_cache(maxsize=2048)
def shape_of(raw: str) -> str:
    """What ``raw`` looks like: uuid, num, hex, mail or text."""
    return next((shape for shape, pattern in _SHAPES if pattern.fullmatch(raw)), "text")


def plain(raw: str) -> str:
    """``raw`` in the one form of its identifier, so that a UUID is the same in capitals and without its dashes."""
    text = unquote(raw) if "%" in raw else raw
    shape = shape_of(text)
    if shape == "uuid":
        return text.replace("-", "").lower()
    return text.lower() if shape in {"hex", "mail"} else text


def trace_key(raw: str) -> str:
    """The id of a trace or span as lower-case digits; from base64, as some exporters write it, and without padding."""
    key = raw.strip().lower()
    if not _HEX.fullmatch(key):
        return binascii.a2b_base64(raw.strip()).hex() if _BASE64.fullmatch(raw.strip()) else key
    if len(key) == 32 and not key[:16].strip("0"):  # noqa: PLR2004 # 128 bits, of which 64 are padding
        return key[16:]
    return key


def spoken(digest: bytes, quintets: int) -> str:
    """The first ``quintets`` times 16 bits of ``digest`` as proquints, 16 at most."""
    words = [digest[at] << 8 | digest[at + 1] for at in range(0, 2 * quintets, 2)]
    return "-".join([_BEGINS[n >> 10] + _ENDS[n & 1023] for n in words])
