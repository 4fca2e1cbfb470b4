"""A JWT as a structural digest: what its header says, who issued it, how old it is. No claim's value, no signature."""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from handrail.packets.sanitise.structure import terms
from handrail.packets.sanitise.structure.frame import Frame, filled, numeric_date
from handrail.packets.sanitise.structure.terms import among

# It can't start inside a run of its own characters, so time stays linear.
_TOKEN = re.compile(r"(?<![A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]+")
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
    if "eyJ" not in text:
        return
    for found in _TOKEN.finditer(text):
        token = found[0] if found[0].count(".") + 1 in _PARTS else found[0].rstrip(".")
        if token.count(".") + 1 in _PARTS:
            key = _KEY.search(text[max(0, found.start() - _LONGEST_KEY) : found.start()])
            yield FoundToken(token, key[1] if key else None)


def described(token: str, frame: Frame) -> dict[str, Any] | None:
    """The digest of ``token``, None when it is none after all."""
    parts = token.split(".")
    header = _object(parts[0])
    if header is None or "alg" not in header:
        return None
    claims = _object(parts[1]) if len(parts) == 3 else None  # noqa: PLR2004 # header, claims, signature
    algorithms = terms.JWS_ALGORITHMS | terms.JWE_ALGORITHMS
    known = header.keys() & terms.HEADER_PARAMETERS
    return filled(
        {
            "form": _PARTS[len(parts)],
            "alg": among(header["alg"], algorithms),
            "enc": among(header["enc"], terms.ENCRYPTIONS) if "enc" in header else None,
            "typ": among(header["typ"], terms.JWT_TYPES) if "typ" in header else None,
            "header": sorted(known),
            "other_parameters": len(header) - len(known) or None,
            "kid": frame.stand_in(header.get("kid")),
            **(_claims(claims, frame) if claims is not None else {}),
        }
    )


def _claims(claims: dict[str, Any], frame: Frame) -> dict[str, Any]:
    issued = frame.seconds_until(numeric_date(claims.get("iat")))
    return {
        "issuer": frame.whose(claims.get("iss")),
        "age": -issued if issued is not None else None,
        "begins_in": frame.seconds_until(numeric_date(claims.get("nbf"))),
        "expires_in": frame.seconds_until(numeric_date(claims.get("exp"))),
        "audiences": _count(claims.get("aud")),
        "scopes": _count(claims.get("scope", claims.get("scp"))),
    }


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
