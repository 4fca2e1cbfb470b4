"""An OpenID Connect provider on a real socket: discovery, keys, authorization with PKCE, token, userinfo, one person.

Honest as it is made. Each ``says_…`` may change what it is about to say, so that a test can make it lie in one place.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from handrail.connectors.oidc import Provider, Settings, SignOn
from handrail.kernel.secrets import Secret
from tests.factories.http_server import JsonHandler, running

CLIENT, SECRET = "handrail", "idp-secret-canary"
KID = "key-1"
Change = Callable[[dict[str, Any]], Any]


@cache
def private_key(kind: str = "RSA", which: int = 0) -> Any:
    """The private key number ``which`` of its kind; making one takes a while."""
    makers = {
        "RSA": lambda: rsa.generate_private_key(65537, 2048),
        "short": lambda: rsa.generate_private_key(65537, 1024),
        "EC": lambda: ec.generate_private_key(ec.SECP256R1()),
        "OKP": ed25519.Ed25519PrivateKey.generate,
    }
    return makers[kind]()


def public_jwk(key: Any, **more: Any) -> dict[str, Any]:
    """The public part of ``key`` as a JSON Web Key."""
    algorithm: Any = RSAAlgorithm
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm = ECAlgorithm
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = OKPAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "use": "sig", **more}


def at_hash(access_token: str) -> str:
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


class IdentityProvider(ThreadingHTTPServer):
    """``person``: the claims of whoever is logged in there. ``denies``: they end the log-in. ``breaks``: no tokens.

    ``raw``: by path, an answer in place of the honest one: status, headers, body. ``silent``: paths that accept and
    never answer. ``asked``: the paths of all requests. ``seen``: what the last authorization request said.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ended = threading.Event()
        self.reset()

    def reset(self) -> None:
        """Honest again, and about the first person. What was silent may end now."""
        self.ended.set()
        self.person: dict[str, Any] = {"sub": "person-1", "email": "ana@example.com", "email_verified": True}
        self.denies = False
        self.breaks = False
        self.grants: dict[str, dict[str, str]] = {}
        self.seen: dict[str, str] = {}
        self.keys = [public_jwk(private_key(), kid=KID, alg="RS256")]
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.says_of_itself: Change = lambda document: document
        self.says_in_token: Change = lambda claims: claims
        self.says_with_token: Change = lambda answer: answer
        self.says_of_person: Change = lambda claims: claims
        self.sends_back: Change = lambda query: query
        self.raw: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def signed(self, claims: dict[str, Any], *, key: Any = None, algorithm: str = "RS256", **header: Any) -> str:
        """A token over ``claims`` as this provider signs it, or with another key, algorithm or header."""
        named = {key: value for key, value in {"kid": KID, **header}.items() if value is not None}
        signer = key if key is not None else private_key()
        return jwt.PyJWS().encode(json.dumps(claims).encode(), signer, algorithm, headers={"typ": "JWT", **named})

    def sign_on(self, name: str = "Acme Login", **settings: Any) -> SignOn:
        """What an installation has that is configured for this provider."""
        given = {"issuer": self.url, "client_id": CLIENT, "client_secret": Secret(SECRET), **settings}
        return SignOn(name, Provider(Settings(**given)))

    def server_close(self) -> None:
        self.ended.set()
        super().server_close()


class _Handler(JsonHandler):
    server: IdentityProvider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if self._answered_otherwise(parts.path):
            return
        if parts.path.endswith("/.well-known/openid-configuration"):
            self.answer_json(200, self.server.says_of_itself(self._discovery()))
        elif parts.path == "/keys":
            self.answer_json(200, {"keys": self.server.keys})
        elif parts.path == "/authorize":
            self._authorize(given)
        elif parts.path == "/userinfo" and self.headers["Authorization"] == "Bearer access":
            self.answer_json(200, self.server.says_of_person(dict(self.server.person)))
        else:
            self.answer_json(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self._answered_otherwise(self.path):
            return
        given = {name: values[0] for name, values in parse_qs(body).items()}
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        proven = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        grant = self.server.grants.pop(given.get("code", ""), {})
        if self._client(given) != (CLIENT, SECRET):
            self.answer_json(401, {"error": "invalid_client"})
        elif self.server.breaks or (proven, given["redirect_uri"]) != (
            grant.get("code_challenge"),
            grant.get("redirect_uri"),
        ):
            self.answer_json(400, {"error": "invalid_grant"})
        else:
            self._grant(grant)

    def _answered_otherwise(self, path: str) -> bool:
        self.server.asked.append(path)
        if path in self.server.silent:
            self.server.ended.wait(30)
            return True
        if path not in self.server.raw:
            return False
        status, headers, body = self.server.raw[path]
        self.send_response_only(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        return True

    def _client(self, given: dict[str, str]) -> tuple[str, str]:
        kind, _, pair = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            name, _, secret = base64.b64decode(pair).decode().partition(":")
            return unquote_plus(name), unquote_plus(secret)
        return given.get("client_id", ""), given.get("client_secret", "")

    def _discovery(self) -> dict[str, Any]:
        at = self.server.url
        return {
            "issuer": at,
            "authorization_endpoint": f"{at}/authorize",
            "token_endpoint": f"{at}/token",
            "userinfo_endpoint": f"{at}/userinfo",
            "jwks_uri": f"{at}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _grant(self, grant: dict[str, str]) -> None:
        now = int(time.time())
        claims = {
            "iss": self.server.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 60,
            "nonce": grant["nonce"],
            "at_hash": at_hash("access"),
            **self.server.person,
        }
        token = self.server.sign(self.server.says_in_token(claims))
        answer = {"access_token": "access", "token_type": "Bearer", "id_token": token}
        self.answer_json(200, self.server.says_with_token(answer))

    def _authorize(self, given: dict[str, str]) -> None:
        self.server.seen = given
        if self.server.denies:
            answer = {"error": "access_denied", "state": given["state"]}
        else:
            code = secrets.token_hex(8)
            assert given["code_challenge_method"] == "S256"
            self.server.grants[code] = given
            answer = {"code": code, "state": given["state"]}
        self.send_response(302)
        self.send_header("Location", f"{given['redirect_uri']}?{urlencode(self.server.sends_back(answer), doseq=True)}")
        self.end_headers()


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    with running(IdentityProvider()) as server:
        yield server
