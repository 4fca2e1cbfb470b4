"""Who the provider says somebody is: from the claims of the ID token, and those of userinfo beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from handrail.connectors.oidc.refusal import Cause, SignOnRefused

MAX_SUBJECT = 255  # OpenID Connect Core 1.0, section 2
MAX_EMAIL = 254


@dataclass(frozen=True, slots=True)
class ProvenIdentity:
    """``issuer`` and ``subject`` together identify a person for ever. ``email`` is an address only for somebody who is
    not known yet, and counts only when ``email_verified``: that the provider sent the JSON value ``true``."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool


def identity(issuer: str, token: dict[str, Any], userinfo: dict[str, Any] | None) -> ProvenIdentity:
    """The person of a verified ID token's claims. Raises SignOnRefused where a claim has the wrong type, or where
    ``userinfo`` is about somebody else, or says otherwise."""
    subject = _subject(token)
    if userinfo is not None and _subject(userinfo) != subject:
        raise SignOnRefused(Cause.USERINFO_SUBJECT, "sub")
    stated = _stated(token)
    for name, value in _stated(userinfo or {}).items():
        if name in stated and (stated[name] != value or type(stated[name]) is not type(value)):
            raise SignOnRefused(Cause.CLAIMS_CONTRADICT, name)
        stated[name] = value
    return ProvenIdentity(issuer, subject, _email(stated), stated.get("email_verified") is True)


def _stated(claims: dict[str, Any]) -> dict[str, Any]:
    return {name: claims[name] for name in ("email", "email_verified") if claims.get(name) is not None}


def _subject(claims: dict[str, Any]) -> str:
    found = claims.get("sub")
    if found is None:
        raise SignOnRefused(Cause.CLAIM_MISSING, "sub")
    if not isinstance(found, str) or not 0 < len(found) <= MAX_SUBJECT:
        raise SignOnRefused(Cause.CLAIM_TYPE, "sub")
    if not found.isascii() or not found.isprintable() or found != found.strip():
        raise SignOnRefused(Cause.CLAIM_TYPE, "sub")
    return found


def _email(claims: dict[str, Any]) -> str | None:
    found = claims.get("email")
    if found is not None and (not isinstance(found, str) or len(found) > MAX_EMAIL):
        raise SignOnRefused(Cause.CLAIM_TYPE, "email")
    return found
