# ruff: noqa: E501  one exchange or header a line reads better than wrapped
"""The server of the corpus's site: one for all host names, over TLS with a certificate of its own."""

from __future__ import annotations

import json
import secrets
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.corpus import saml
from tests.corpus.saml import Identity

APP, IDP, FILES, INTERFACE = "app.cedar.example", "login.cedar.example", "static.cedar.example", "api.cedar.example"
INSIDE = "sso-gw01.cedar.internal"
HOSTS = (APP, IDP, FILES, INTERFACE, INSIDE)

Headers = list[tuple[str, str]]
ROUTES: dict[str, Callable[[Handler], None]] = {}


def route(path: str) -> Callable[[Callable[[Handler], None]], Callable[[Handler], None]]:
    def add(answer: Callable[[Handler], None]) -> Callable[[Handler], None]:
        ROUTES[path] = answer
        return answer

    return add


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    identity: Identity

    def log_message(self, *_: Any) -> None:
        pass

    def setup(self) -> None:
        self.request.settimeout(10)
        super().setup()

    def do_GET(self) -> None:
        self.close_connection = False
        self.body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = urlsplit(self.path).path
        below = (ROUTES[at] for at in ROUTES if at != "/" and at.endswith("/") and path.startswith(at))
        with suppress(ConnectionError, TimeoutError, ssl.SSLError):
            (ROUTES.get(path) or next(below, missing))(self)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = do_GET  # noqa: N815

    @property
    def host(self) -> str:
        return (self.headers.get("host") or "").partition(":")[0]

    def parameters(self) -> dict[str, str]:
        text = urlsplit(self.path).query + "&" + self.body.decode("latin-1")
        return {name: values[0] for name, values in parse_qs(text).items()}

    def answer(
        self, status: int, body: bytes | str = b"", *headers: tuple[str, str], kind: str = "text/html; charset=utf-8"
    ) -> None:
        raw = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        if not any(name.lower() == "content-type" for name, _ in headers):
            self.send_header("Content-Type", kind)
        for name, value in headers:
            self.send_header(name, value)
        if status not in (101, 204, 304):
            self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def json(self, status: int, value: Any, *headers: tuple[str, str], kind: str = "application/json") -> None:
        self.answer(status, json.dumps(value), *headers, kind=kind)

    def go(self, to: str, *headers: tuple[str, str], status: int = 302) -> None:
        self.answer(status, "", ("Location", to), *headers)


def missing(one: Handler) -> None:
    one.answer(404, "<h1>Not Found</h1>", ("Cache-Control", "no-cache"))


def gateway() -> Headers:
    """What stands before an application adds such headers."""
    ray = secrets.token_hex(8)
    return [
        ("Server", "cloudflare"),
        ("CF-Ray", f"{ray}-ARN"),
        ("CF-Cache-Status", "DYNAMIC"),
        ("Server-Timing", "cfRequestDuration;dur=41.000032, cdn-cache; desc=MISS, edge; dur=7, origin; dur=33"),
        ("X-Request-Id", saml.secrets.token_hex(16)),
        ("X-Amzn-RequestId", "8d0f9a57-3b1e-4a63-9d4c-" + secrets.token_hex(6)),
        ("X-Amzn-Trace-Id", f"Root=1-{secrets.token_hex(4)}-{secrets.token_hex(12)}"),
        ("X-Amz-Cf-Id", secrets.token_urlsafe(40) + "=="),
        ("X-Cache", "Miss from cloudfront"),
        ("Via", "1.1 varnish, 1.1 2a9c.cloudfront.net (CloudFront)"),
        ("X-Served-By", "cache-bma1652-BMA"),
        ("X-Timer", "S1795161723.250000,VS0,VE33"),
        ("Strict-Transport-Security", "max-age=63072000; includeSubDomains; preload"),
        ("Report-To", '{"group":"cf-nel","max_age":604800,"endpoints":[{"url":"https://a.nel.cloudflare.com/report/v4?s=x"}]}'),
        ("NEL", '{"success_fraction":0,"report_to":"cf-nel","max_age":604800}'),
        ("Alt-Svc", 'h3=":443"; ma=86400'),
        ("Permissions-Policy", "accelerometer=(), camera=(), geolocation=(), microphone=(), interest-cohort=()"),
        ("Referrer-Policy", "strict-origin-when-cross-origin"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "SAMEORIGIN"),
        ("X-XSS-Protection", "1; mode=block"),
        ("Cross-Origin-Opener-Policy", "same-origin-allow-popups"),
        ("Content-Security-Policy", "default-src 'self' https://static.cedar.example 'unsafe-inline'; connect-src *; frame-src *; img-src * data:"),
        ("Vary", "Accept-Encoding, Origin, Cookie"),
        ("Timing-Allow-Origin", "*"),
        ("Accept-CH", "Sec-CH-UA-Platform-Version, Sec-CH-UA-Model"),
    ]  # fmt: skip


def session(name: str = "session") -> tuple[str, str]:
    return "Set-Cookie", f"{name}={secrets.token_urlsafe(32)}; Path=/; Secure; HttpOnly; SameSite=None; Max-Age=28800"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self._context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            request.settimeout(10)
            wrapped = self._context.wrap_socket(request, server_side=True)
        except OSError:
            return
        super().finish_request(wrapped, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[int]:
    """The site's port on 127.0.0.1, for as long as the block runs."""
    identity = Identity(HOSTS)
    Handler.identity = identity
    with tempfile.TemporaryDirectory() as folder:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*identity.write(Path(folder)))
    server = _Server(context)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
