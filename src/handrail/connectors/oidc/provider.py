"""One OpenID Connect provider: where to send a browser, and who comes back.

Each call has its own deadline and a limit on its answer, and redirects are not followed (``connectors.http``).
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore
from time import monotonic
from typing import Any
from urllib.parse import quote_plus, urlencode

import jwt

from handrail.connectors.config import HttpConfig
from handrail.connectors.http import Client, Exchange, NotJson, parse_json
from handrail.connectors.oidc import claims, idtoken, keys, metadata
from handrail.connectors.oidc.claims import ProvenIdentity
from handrail.connectors.oidc.metadata import ProviderMetadata
from handrail.connectors.oidc.refusal import Cause, SignOnRefused
from handrail.connectors.outcome import Failure
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secret, Secrets

DEADLINE_SECONDS = 5.0
# How long a call waits for one of the places to be free.
PLACE_SECONDS = 0.25
MAX_BYTES = 256 * 1024
KEPT_SECONDS = 300.0
SCOPE = "openid email"  # no names, no groups: nothing else is used
_CAUSES = {Failure.TLS: Cause.TLS, Failure.TOO_LARGE: Cause.TOO_LARGE, Failure.REDIRECT: Cause.REDIRECT}
_OK, _BAD_REQUEST, _UNAUTHORIZED, _SERVER_ERROR = 200, 400, 401, 500


@dataclass(frozen=True, slots=True)
class Attempt:
    """One log-in between leaving for the provider and coming back; it never leaves the session but for ``state``,
    ``nonce`` and the digest of ``verifier`` (PKCE, RFC 7636)."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str

    @classmethod
    def new(cls, redirect_uri: str) -> Attempt:
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), redirect_uri)

    @property
    def challenge(self) -> str:
        return urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Settings:
    issuer: str
    client_id: str
    client_secret: Secret
    ca_file: Path | None = None
    deadline_seconds: float = DEADLINE_SECONDS
    concurrent_calls: int = 4


@dataclass(slots=True)
class _Kept:
    """What the provider published, for ``KEPT_SECONDS``: read once, not at every log-in."""

    metadata: ProviderMetadata
    until: float
    keys: list[dict[str, Any]] = field(default_factory=list)


class Provider:
    """Safe to share between threads: at worst two of them read what it publishes at the same time."""

    def __init__(self, settings: Settings) -> None:
        """Calls nobody."""
        self.settings = settings
        self._clients: dict[str, Client] = {}
        self._kept: _Kept | None = None
        # Anybody may begin a log-in: while the provider is slow, these calls don't take every thread of the server.
        self._places = BoundedSemaphore(settings.concurrent_calls)

    def discover(self) -> ProviderMetadata:
        """What it publishes of itself. Raises SignOnRefused."""
        return self._published().metadata

    def read_discovery(self) -> Exchange:
        """The discovery document as it came, unread. Raises SignOnRefused."""
        return self._send("GET", metadata.issuer_key(self.settings.issuer) + metadata.PATH)

    def authorization_url(self, attempt: Attempt) -> str:
        """Where the browser goes. Raises SignOnRefused."""
        address = self.discover().authorization_endpoint
        query = {
            "client_id": self.settings.client_id,
            "redirect_uri": attempt.redirect_uri,
            "response_type": "code",
            "scope": SCOPE,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"

    def check_callback_issuer(self, stated: str | None) -> None:
        """Raises SignOnRefused when the callback's ``iss`` is another's, or absent although promised (RFC 9207)."""
        wrong = stated != self.settings.issuer if stated is not None else self.discover().names_issuer
        if wrong:
            raise SignOnRefused(Cause.CALLBACK_ISSUER, "iss")

    def identify(self, code: str, attempt: Attempt) -> ProvenIdentity:
        """The person behind ``code``, from a verified ID token. Raises SignOnRefused."""
        published = self._published()
        access_token, token = self._exchange(code, attempt, published.metadata)
        expected = idtoken.Expected(
            issuer=self.settings.issuer,
            client_id=self.settings.client_id,
            nonce=attempt.nonce,
            access_token=access_token,
            algorithms=published.metadata.algorithms,
        )
        verified = idtoken.verify(token, expected=expected, find_key=self._find_key)
        return claims.identity(
            metadata.issuer_key(self.settings.issuer), verified, self._userinfo(access_token, published.metadata)
        )

    def read_keys(self) -> list[dict[str, Any]]:
        """The key set as it is now. Raises SignOnRefused."""
        published = self._published()
        published.keys = keys.parse(_json(self._send("GET", published.metadata.jwks_uri)))
        return published.keys

    def _find_key(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """From what is kept, and if it is not there, once from what is published now: keys are changed."""
        kept = self._published().keys
        found = keys.choose(kept, kid=kid, algorithm=algorithm) if kept else None
        return found or keys.choose(self.read_keys(), kid=kid, algorithm=algorithm)

    def _published(self) -> _Kept:
        kept = self._kept
        if kept is None or kept.until < monotonic():
            read = metadata.parse(_json(self.read_discovery()), issuer=self.settings.issuer)
            kept = self._kept = _Kept(read, monotonic() + KEPT_SECONDS)
        return kept

    def _exchange(self, code: str, attempt: Attempt, published: ProviderMetadata) -> tuple[str, str]:
        """Access token and ID token for ``code``."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        client, secret = self.settings.client_id, self.settings.client_secret.reveal()
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if published.basic:
            pair = f"{quote_plus(client)}:{quote_plus(secret)}"  # RFC 6749, 2.3.1
            headers["authorization"] = "Basic " + b64encode(pair.encode()).decode()
        else:
            fields |= {"client_id": client, "client_secret": secret}
        exchange = self._send("POST", published.token_endpoint, headers, urlencode(fields).encode())
        if exchange.status in {_BAD_REQUEST, _UNAUTHORIZED}:
            raise SignOnRefused(_token_error(exchange))
        answer = _json(exchange)
        return _text(answer, "access_token", Cause.ANSWER), _text(_bearer(answer), "id_token", Cause.TOKEN_MISSING)

    def _userinfo(self, access_token: str, published: ProviderMetadata) -> dict[str, Any] | None:
        if published.userinfo_endpoint is None:
            return None
        headers = {"authorization": f"Bearer {access_token}", "accept": "application/json"}
        return _json(self._send("GET", published.userinfo_endpoint, headers))

    def _send(
        self, method: str, address: str, headers: dict[str, str] | None = None, content: bytes | None = None
    ) -> Exchange:
        if not self._places.acquire(timeout=PLACE_SECONDS):
            raise SignOnRefused(Cause.BUSY)
        try:
            client = self._client(metadata.origin_of(address))
            exchange = client.send(method, address, headers=headers, content=content)
        except Misconfigured as error:
            if error.code == "ca-file":
                raise SignOnRefused(Cause.TLS) from None
            raise SignOnRefused(Cause.ENDPOINT) from None
        finally:
            self._places.release()
        if exchange.failure is not None:
            raise SignOnRefused(_CAUSES.get(exchange.failure, Cause.UNREACHABLE))
        return exchange

    def _client(self, origin: str) -> Client:
        """The provider's document names the origins of its endpoints: the issuer, over TLS, vouches for them."""
        if origin not in self._clients:
            config = HttpConfig(
                kind="oidc",
                base_url=origin,
                deadline_seconds=self.settings.deadline_seconds,
                max_bytes=MAX_BYTES,
                ca_file=self.settings.ca_file,
            )
            self._clients[origin] = Client(config, Secrets({}))
        return self._clients[origin]


def _json(exchange: Exchange) -> dict[str, Any]:
    """The JSON object of a successful answer."""
    if exchange.status != _OK:
        raise SignOnRefused(Cause.UNREACHABLE if (exchange.status or 0) >= _SERVER_ERROR else Cause.ERROR)
    try:
        value = parse_json(exchange.body)
    except NotJson:
        raise SignOnRefused(Cause.ANSWER) from None
    if not isinstance(value, dict):
        raise SignOnRefused(Cause.ANSWER)
    return value


def _token_error(exchange: Exchange) -> Cause:
    """RFC 6749, 5.2: a code that is spent or another's is the browser's doing, a wrong secret the operator's."""
    try:
        value = parse_json(exchange.body)
    except NotJson:
        value = None
    error = value.get("error") if isinstance(value, dict) else None
    if error in ("invalid_client", "unauthorized_client") or exchange.status == _UNAUTHORIZED:
        return Cause.CLIENT
    return Cause.CODE if error == "invalid_grant" else Cause.ERROR


def _bearer(answer: dict[str, Any]) -> dict[str, Any]:
    kind = answer.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise SignOnRefused(Cause.TOKEN_TYPE, "token_type")
    return answer


def _text(answer: dict[str, Any], name: str, cause: Cause) -> str:
    found = answer.get(name)
    if not isinstance(found, str) or not found or not found.isascii() or not found.isprintable():
        raise SignOnRefused(cause, name)
    return found
