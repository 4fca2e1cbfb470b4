"""The structural digests of an exchange in a few words: what failed, for a row of the waterfall."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from handrail.packets.viewing.content import shown_text
from handrail.packets.viewing.reading import as_dict, as_list

_MOST, _LENGTH = 3, 60


def in_words(entry: dict[str, Any]) -> str:
    """``SAML Response: Responder, AuthnFailed``; empty where the entry has no digest that says more than its row."""
    made = as_dict(entry.get("_handrail"))
    parts = [
        *(_saml(as_dict(one)) for one in as_list(made.get("saml"))),
        *(_oauth(as_dict(one)) for one in as_list(made.get("oauth"))),
        *(f"JWT {late}" for one in as_list(made.get("jwt")) for late in _late(as_dict(one), "expires_in")),
    ]
    return "; ".join([shown_text(part, _LENGTH) for part in dict.fromkeys(parts) if part][:_MOST])


def _saml(one: dict[str, Any]) -> str:
    if one.get("unreadable"):
        return f"SAML, unreadable: {shown_text(one.get('why'), 20)}"
    codes = [shown_text(code, 30) for code in as_list(one.get("status"))]
    said = [", ".join(codes)] if codes and codes != ["Success"] else []
    said += _late(one, "ends_in")
    return f"SAML {shown_text(one.get('kind'), 30)}{': ' if said else ''}{', '.join(said)}"


def _oauth(one: dict[str, Any]) -> str:
    code = f" {shown_text(one.get('code'), 20)}" if one.get("code") else ""
    return f"OAuth {shown_text(one.get('error'), 30)}{code}" if one.get("error") else ""


def _late(one: dict[str, Any], ends: str) -> Iterator[str]:
    """Whether it did not hold at that moment."""
    begins, left = one.get("begins_in"), one.get(ends)
    if isinstance(begins, int) and begins > 0:
        yield f"begins {begins} s later"
    if isinstance(left, int) and left <= 0:
        yield f"ended {-left} s before"
