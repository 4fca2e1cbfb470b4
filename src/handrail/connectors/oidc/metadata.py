"""What an OpenID Connect provider publishes of itself (OpenID Connect Discovery 1.0, RFC 8414), checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from handrail.connectors.config import split_origin
from handrail.connectors.oidc.refusal import Cause, SignOnRefused

PATH = "/.well-known/openid-configuration"
MAX_ADDRESS = 2000
# Signed with a private key that only the provider has. HS256 and its like are not here: anyone who can verify such a
# signature can also make it, and a public key taken for the secret verifies anything.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """``basic``: the client authenticates by HTTP Basic, else in the body. ``names_issuer``: every callback carries
    ``iss`` (RFC 9207). ``algorithms``: those with which it may sign ID tokens here."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    algorithms: tuple[str, ...]
    basic: bool
    names_issuer: bool
    pkce: bool


def issuer_key(issuer: str) -> str:
    """The issuer as identities are kept under it. Two that differ in a final slash share one discovery document, which
    can name only one of them: they are the same provider."""
    return issuer.rstrip("/")


def parse(value: Any, *, issuer: str) -> ProviderMetadata:
    """The document ``value`` of the configured ``issuer``. Raises SignOnRefused: malformed, of another issuer, with an
    endpoint that is not encrypted, without a usable algorithm or client authentication."""
    if not isinstance(value, dict):
        raise SignOnRefused(Cause.DISCOVERY)
    if value.get("issuer") != issuer:
        raise SignOnRefused(Cause.ISSUER)
    methods = _texts(value, "token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if not {"client_secret_basic", "client_secret_post"} & set(methods):
        raise SignOnRefused(Cause.CLIENT_AUTHENTICATION)
    names_issuer = value.get("authorization_response_iss_parameter_supported", False)
    if not isinstance(names_issuer, bool):
        raise SignOnRefused(Cause.DISCOVERY, "authorization_response_iss_parameter_supported")
    plain = split_origin(issuer)[0] == "http"
    pkce = _texts(value, "code_challenge_methods_supported")
    return ProviderMetadata(
        authorization_endpoint=_endpoint(value, "authorization_endpoint", plain=plain),
        token_endpoint=_endpoint(value, "token_endpoint", plain=plain),
        jwks_uri=_endpoint(value, "jwks_uri", plain=plain),
        userinfo_endpoint=_endpoint(value, "userinfo_endpoint", plain=plain) if "userinfo_endpoint" in value else None,
        algorithms=_algorithms(value),
        basic="client_secret_post" not in methods,
        names_issuer=names_issuer,
        pkce="S256" in pkce,
    )


def origin_of(address: str) -> str:
    """Scheme, host and port of an endpoint, as one text."""
    scheme, host, port = split_origin(address)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _algorithms(value: dict[str, Any]) -> tuple[str, ...]:
    stated = _texts(value, "id_token_signing_alg_values_supported")
    usable = tuple(name for name in ALGORITHMS if name in stated) if stated else ALGORITHMS
    if not usable:
        raise SignOnRefused(Cause.ALGORITHMS)
    return usable


def _texts(value: dict[str, Any], name: str) -> list[str]:
    found = value.get(name, [])
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise SignOnRefused(Cause.DISCOVERY, name)
    return found


def _endpoint(value: dict[str, Any], name: str, *, plain: bool) -> str:
    """The address called ``name``: https, or with ``plain`` (a provider on this machine) http to this machine."""
    found = value.get(name)
    if not isinstance(found, str) or len(found) > MAX_ADDRESS:
        raise SignOnRefused(Cause.DISCOVERY, name)
    if not found.isascii() or not found.isprintable() or set(found) & set(' #\\<>"'):
        raise SignOnRefused(Cause.ENDPOINT, name)
    try:
        scheme, host, _ = split_origin(found)
    except ValueError:
        raise SignOnRefused(Cause.ENDPOINT, name) from None
    if scheme == "http" and not (plain and host in {"127.0.0.1", "localhost"}):
        raise SignOnRefused(Cause.ENDPOINT, name)
    return found
