"""An ID token, believed only after everything that OpenID Connect Core 1.0, 3.1.3.7, asks for.

PyJWT verifies signature, issuer, audience and times; what it leaves to its caller is here: which algorithms and keys
are allowed, one audience, ``azp``, nonce, ``at_hash``, the JSON types.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt

from handrail.connectors.http import NotJson, parse_json
from handrail.connectors.oidc.refusal import Cause, SignOnRefused

SKEW_SECONDS = 60
MAX_TOKEN = 64 * 1024
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512, "DSA": hashlib.sha512}
_TIMES = ("exp", "iat", "nbf", "auth_time")
MAX_TIME = 253_402_300_799  # the end of the year 9999
_CAUSES: tuple[tuple[type[jwt.PyJWTError], Cause], ...] = (
    (jwt.ExpiredSignatureError, Cause.TOKEN_EXPIRED),
    (jwt.ImmatureSignatureError, Cause.TOKEN_EARLY),
    (jwt.InvalidIssuerError, Cause.TOKEN_ISSUER),
    (jwt.InvalidAudienceError, Cause.TOKEN_AUDIENCE),
    (jwt.InvalidAlgorithmError, Cause.TOKEN_ALGORITHM),
    (jwt.InvalidSignatureError, Cause.TOKEN_SIGNATURE),
)

KeyFinder = Callable[[str | None, str], jwt.PyJWK | None]


@dataclass(frozen=True, slots=True)
class Expected:
    issuer: str
    client_id: str
    nonce: str
    access_token: str
    algorithms: tuple[str, ...]


def verify(token: str, *, expected: Expected, find_key: KeyFinder) -> dict[str, Any]:
    """The claims of ``token``. ``find_key`` gives the provider's key for a ``kid`` and algorithm, from its key set
    alone: ``jku``, ``jwk``, ``x5u`` and ``x5c`` of the token's header are not looked at. Raises SignOnRefused."""
    if len(token) > MAX_TOKEN or not token.isascii():
        raise SignOnRefused(Cause.TOKEN)
    algorithm, kid = _header(token, expected)
    key = find_key(kid, algorithm)
    if key is None:
        raise SignOnRefused(Cause.TOKEN_KEY)
    claims = _signed(token, key, algorithm)
    _check_types(claims)
    _check_audience(claims, expected)
    try:
        jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=expected.client_id,
            issuer=expected.issuer,
            leeway=SKEW_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"]},
        )
    except jwt.PyJWTError as error:
        raise SignOnRefused(_cause(error)) from None
    if not _same(claims["nonce"], expected.nonce):
        raise SignOnRefused(Cause.TOKEN_NONCE, "nonce")
    if "at_hash" in claims and not _same(claims["at_hash"], access_token_hash(expected.access_token, algorithm)):
        raise SignOnRefused(Cause.TOKEN_HASH, "at_hash")
    return claims


def access_token_hash(access_token: str, algorithm: str) -> str:
    """``at_hash``: the left half of the hash that belongs to the signature's algorithm, in base64url."""
    digest = _HASHES[algorithm[-3:]](access_token.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _header(token: str, expected: Expected) -> tuple[str, str | None]:
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError):
        raise SignOnRefused(Cause.TOKEN) from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in expected.algorithms:
        raise SignOnRefused(Cause.TOKEN_ALGORITHM)
    if "crit" in header or "b64" in header or not isinstance(kid, str | None):
        raise SignOnRefused(Cause.TOKEN)
    return algorithm, kid


def _signed(token: str, key: jwt.PyJWK, algorithm: str) -> dict[str, Any]:
    """The payload, after its signature; read more strictly than PyJWT does, which takes a name twice and NaN."""
    try:
        payload = jwt.PyJWS().decode_complete(token, key, algorithms=[algorithm])["payload"]
    except (jwt.PyJWTError, ValueError) as error:
        raise SignOnRefused(_cause(error)) from None
    try:
        claims = parse_json(payload)
    except NotJson:
        raise SignOnRefused(Cause.TOKEN) from None
    if not isinstance(claims, dict):
        raise SignOnRefused(Cause.TOKEN)
    return claims


def _check_types(claims: dict[str, Any]) -> None:
    for name in ("iss", "sub", "aud", "exp", "iat", "nonce"):
        if claims.get(name) is None:
            raise SignOnRefused(Cause.TOKEN_NONCE if name == "nonce" else Cause.CLAIM_MISSING, name)
    for name in _TIMES:
        value = claims.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_TIME:
            raise SignOnRefused(Cause.CLAIM_TYPE, name)
    for name in ("iss", "sub", "nonce", "azp", "at_hash"):
        if not isinstance(claims.get(name, ""), str):
            raise SignOnRefused(Cause.CLAIM_TYPE, name)
    if not isinstance(claims["aud"], str | list):
        raise SignOnRefused(Cause.CLAIM_TYPE, "aud")


def _check_audience(claims: dict[str, Any], expected: Expected) -> None:
    """For this client, and for nobody besides it: what is also for others, one of them may have brought here."""
    if claims["aud"] not in (expected.client_id, [expected.client_id]):
        raise SignOnRefused(Cause.TOKEN_AUDIENCE, "aud")
    if claims.get("azp", expected.client_id) != expected.client_id:
        raise SignOnRefused(Cause.TOKEN_AUDIENCE, "azp")


def _same(given: str, wanted: str) -> bool:
    return secrets.compare_digest(given.encode(), wanted.encode())


def _cause(error: Exception) -> Cause:
    return next((cause for kind, cause in _CAUSES if isinstance(error, kind)), Cause.TOKEN)
