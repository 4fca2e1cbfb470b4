"""The provider's public keys (RFC 7517), and which of them an ID token names."""

from __future__ import annotations

from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from handrail.connectors.oidc.refusal import Cause, SignOnRefused

MAX_KEYS = 100
MIN_RSA_BITS = 2048
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}
_FAMILIES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


def parse(value: Any) -> list[dict[str, Any]]:
    """The keys of a key set. Raises SignOnRefused for what is none, or has over ``MAX_KEYS``."""
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or len(keys) > MAX_KEYS or not all(isinstance(key, dict) for key in keys):
        raise SignOnRefused(Cause.ANSWER, "jwks_uri")
    return keys


def choose(keys: list[dict[str, Any]], *, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
    """The one key with that ``kid`` that may verify ``algorithm``; without ``kid``, the only such key; else None."""
    named = [key for key in keys if kid is None or key.get("kid") == kid]
    found = [made for key in named if (made := usable(key, algorithm)) is not None]
    return found[0] if len(found) == 1 else None


def usable(key: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    """The key, if it may verify ``algorithm``, and is strong enough for it; else None."""
    return _made(key, algorithm) if _fits(key, algorithm) else None


def _fits(key: dict[str, Any], algorithm: str) -> bool:
    operations = key.get("key_ops")
    return (
        key.get("kty") == _FAMILIES[algorithm[:2]]
        and key.get("use", "sig") == "sig"
        and (operations is None or (isinstance(operations, list) and "verify" in operations))
        and key.get("alg", algorithm) == algorithm
        and ("crv" not in key or key["crv"] == _CURVES.get(algorithm))
    )


def _made(key: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    try:
        made = jwt.PyJWK(key, algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, NotImplementedError):
        return None  # of a kind that this library does not know: it may belong to another service
    if isinstance(made.key, RSAPublicKey):
        return made if made.key.key_size >= MIN_RSA_BITS else None
    return made if hasattr(made.key, "verify") and not hasattr(made.key, "sign") else None
