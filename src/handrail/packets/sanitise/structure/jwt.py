"""A JWT as a structural digest: what its header says, who issued it, how old it is. No claim's value, no signature."""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from handrail.packets.sanitise.structure import terms
from handrail.packets.sanitise.structure.frame import Frame, filled, numeric_date
from handrail.packets.sanitise.structure.terms import among

# It can't start inside a run of its own characters, so time stays linear.
_TOKEN = re.compile(r"(?<![A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]+")
BEGIN = "eyJ"  # an object in base64, which every JWT begins with
_KEY = re.compile(r'"([A-Za-z_]{1,30})"\s{0,3}:\s{0,3}"\Z')
_LONGEST_KEY = 40
_MAX_PART = 64 * 1024
_PARTS = {3: "JWS", 5: "JWE"}
_URL_SAFE = str.maketrans("-_", "+/")


class FoundToken(NamedTuple):
    """A JWT as it stands in a text, and the key before it if that is JSON."""

    text: str
    key: str | None


def tokens(text: str) -> Iterator[FoundToken]:
    """Every JWT in ``text``."""
    if BEGIN not in text:
        return
    for found in _TOKEN.finditer(text):
        token = found[0] if found[0].count(".") + 1 in _PARTS else found[0].rstrip(".")
        if token.count(".") + 1 in _PARTS:
            key = _KEY.search(text[max(0, found.start() - _LONGEST_KEY) : found.start()])
            yield FoundToken(token, key[1] if key else None)


@dataclass(frozen=True, slots=True)
class ReadToken:
    """What a token says whenever it is sent; and its times, of which the digest says how far away they are."""

    head: dict[str, Any]
    issuer: dict[str, str] | None
    times: tuple[datetime | None, datetime | None, datetime | None]
    counts: dict[str, Any]

    def described(self, frame: Frame) -> dict[str, Any]:
        """The digest of the token in one entry."""
        issued, begins, ends = (frame.seconds_until(when) for when in self.times)
        age = -issued if issued is not None else None
        moments = {"issuer": self.issuer, "age": age, "begins_in": begins, "expires_in": ends}
        return filled(self.head | moments | self.counts)


def read(token: str, frame: Frame) -> ReadToken | None:
    """``token``, None when it is none after all."""
    parts = token.split(".")
    header = _object(parts[0])
    if header is None or "alg" not in header:
        return None
    claims = (_object(parts[1]) if len(parts) == 3 else None) or {}  # noqa: PLR2004 # header, claims, signature
    known = header.keys() & terms.HEADER_PARAMETERS
    head = {
        "form": _PARTS[len(parts)],
        "alg": among(header["alg"], terms.ALGORITHMS),
        "enc": among(header["enc"], terms.ENCRYPTIONS) if "enc" in header else None,
        "typ": among(header["typ"], terms.JWT_TYPES) if "typ" in header else None,
        "header": sorted(known),
        "other_parameters": len(header) - len(known) or None,
        "kid": frame.key(header.get("kid")),
    }
    issued, begins, ends = (numeric_date(claims.get(name)) for name in ("iat", "nbf", "exp"))
    counts = {"audiences": _count(claims.get("aud")), "scopes": _count(claims.get("scope", claims.get("scp")))}
    return ReadToken(head, frame.whose(claims.get("iss")), (issued, begins, ends), counts)


def _count(value: Any) -> int | None:
    if type(value) is list:
        return len(value)
    return len(value.split()) if type(value) is str else None


def _object(part: str) -> dict[str, Any] | None:
    if len(part) > _MAX_PART:
        return None
    padded = part.translate(_URL_SAFE) + "=" * (-len(part) % 4)
    try:
        found = json.loads(binascii.a2b_base64(padded))
    except (ValueError, RecursionError):
        return None
    return found if type(found) is dict else None
