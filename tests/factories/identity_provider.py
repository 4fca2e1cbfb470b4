"""An OpenID Connect provider on a real socket: discovery, authorization with PKCE, token, userinfo, one person."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt

from tests.factories.http_server import JsonHandler, running

CLIENT, SECRET = "handrail", "idp-secret-canary"
KEY = secrets.token_hex(32)


class IdentityProvider(ThreadingHTTPServer):
    """``person``: the claims of whoever is logged in there. ``denies``: they end the log-in. ``breaks``: no tokens."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.person: dict[str, Any] = {"sub": "person-1", "email": "ana@example.com", "email_verified": True}
        self.denies = False
        self.breaks = False
        self.challenges: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(JsonHandler):
    server: IdentityProvider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration":
            at = self.server.url
            self.answer_json(
                200,
                {
                    "issuer": at,
                    "authorization_endpoint": f"{at}/authorize",
                    "token_endpoint": f"{at}/token",
                    "userinfo_endpoint": f"{at}/userinfo",
                    "jwks_uri": f"{at}/keys",
                    "token_endpoint_auth_methods_supported": ["client_secret_post"],
                },
            )
        elif parts.path == "/authorize":
            self._authorize(given)
        elif parts.path == "/userinfo" and self.headers["Authorization"] == "Bearer access":
            self.answer_json(200, self.server.person)
        else:
            self.answer_json(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        proven = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        fits = proven == self.server.challenges.pop(given.get("code", ""), None)
        if self.server.breaks or not fits or (given["client_id"], given["client_secret"]) != (CLIENT, SECRET):
            self.answer_json(400, {"error": "invalid_grant"})
            return
        claims = {"iss": self.server.url, "aud": CLIENT, "exp": int(time.time()) + 60, **self.server.person}
        self.answer_json(200, {"access_token": "access", "token_type": "Bearer", "id_token": jwt.encode(claims, KEY)})

    def _authorize(self, given: dict[str, str]) -> None:
        if self.server.denies:
            answer = {"error": "access_denied", "state": given["state"]}
        else:
            code = secrets.token_hex(8)
            assert given["code_challenge_method"] == "S256"
            self.server.challenges[code] = given["code_challenge"]
            answer = {"code": code, "state": given["state"]}
        self.send_response(302)
        self.send_header("Location", f"{given['redirect_uri']}?{urlencode(answer)}")
        self.end_headers()


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    with running(IdentityProvider()) as server:
        yield server
