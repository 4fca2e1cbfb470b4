"""Answers of OAuth 2.0 and OpenID Connect as structural digests: the error's code, and which known keys were there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from handrail.packets.sanitise.structure import terms
from handrail.packets.sanitise.structure.frame import filled
from handrail.packets.sanitise.structure.terms import among

_MAX_BODY = 1024 * 1024
_HINTS = ('"error"', '"access_token"', '"id_token"', '"refresh_token"', '"expires_in"')
_ENTRA = re.compile(r"\s{0,3}(AADSTS[0-9]{4,7})(?![0-9])")
_BESIDE = frozenset({"error_description", "error_uri", "state", "iss"})
_LONGEST_LIFE = 10**9
_CHALLENGE = re.compile(r'\berror="([a-z_]{1,60})"')
_DESCRIBED = re.compile(r'\berror_description="[^"]')


def error(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The digest of an error among ``values``, of a query, a fragment or a JSON object; None when there is none.

    An unknown code counts only beside something else that OAuth sends with it.
    """
    code = values.get("error")
    if type(code) is not str or not code or (code not in terms.ERRORS and not _BESIDE & values.keys()):
        return None
    description = values.get("error_description")
    number = _ENTRA.match(description) if type(description) is str else None
    return filled(
        {
            "error": among(code, terms.ERRORS),
            "described": bool(description),
            "code": number[1] if number else None,
        }
    )


def challenge(value: str) -> dict[str, Any] | None:
    """The digest of the error in a WWW-Authenticate header, None when there is none."""
    found = _CHALLENGE.search(value[:_LONGEST_CHALLENGE])
    if found is None:
        return None
    described = _DESCRIBED.search(value[:_LONGEST_CHALLENGE]) is not None
    return {"error": among(found[1], terms.ERRORS), "described": described}


_LONGEST_CHALLENGE = 4096


def body(text: str) -> dict[str, Any] | None:
    """The digest of the answer of a token endpoint, or of its error; None for any other JSON."""
    if len(text) > _MAX_BODY or not text.lstrip().startswith("{") or not any(hint in text for hint in _HINTS):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if type(found) is not dict or not any(hint.strip('"') in found for hint in _HINTS):
        return None
    known = found.keys() & terms.TOKEN_KEYS
    life = found.get("expires_in")
    kind = found.get("token_type")
    return filled(
        {
            **(error(found) or {}),
            "keys": sorted(known),
            "other_keys": len(found) - len(known) or None,
            "token_type": among(kind.lower(), terms.TOKEN_TYPES) if type(kind) is str else None,
            "expires_in": life if type(life) is int and 0 <= life <= _LONGEST_LIFE else None,
        }
    )
