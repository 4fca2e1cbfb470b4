# ruff: noqa: E501  one exchange or header a line reads better than wrapped
"""Exchanges of a federation log-in and of what goes wrong with it, from a seed: what tools' formats are filled with."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlencode

from tests.canaries.kinds import KINDS
from tests.canaries.planting import Canaries

IDP, APP, FILES, API = (
    "https://login.birch.example",
    "https://app.birch.example",
    "https://cdn.birch.example",
    "https://api.birch.example",
)
_FORM = "application/x-www-form-urlencoded"
_SECRETS = tuple(
    kind for kind in KINDS if kind.startswith(("cookie", "JW", "bearer", "OAuth", "refresh", "UUID", "CSRF", "PKCE"))
)


@dataclass
class Exchange:
    """One request and its answer, in no tool's format."""

    method: str
    url: str
    status: int
    sent: dict[str, str] = field(default_factory=dict)
    received: dict[str, str] = field(default_factory=dict)
    form: str = ""
    body: str = ""
    kind: str = "text/html; charset=utf-8"
    error: str = ""
    wait: float = 40.0


class Writer:
    """Makes exchanges as a site of one make of gateway does. Each secret in them is a canary."""

    def __init__(self, seed: str) -> None:
        self.p = Canaries(seed)
        self.r = Random(seed)

    def secret(self, place: str) -> str:
        """Opaque, as codes and states are."""
        kind = self.r.choice(("bearer", "UUID of a session", "refresh token"))
        self.p.of(kind, f"{place} {len(self.p.all)}")
        return self.p.all[-1].secret

    def common(self, host: str) -> tuple[dict[str, str], dict[str, str]]:
        """What each request and each answer of a host carries."""
        r = self.r
        sent = {
            "Host": host.removeprefix("https://"),
            "User-Agent": r.choice(AGENTS),
            "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
            "Accept-Language": r.choice(("en-GB,en;q=0.9", "sv-SE,sv;q=0.8,en-US;q=0.5,en;q=0.3", "de-DE,de;q=0.9")),
            "Accept-Encoding": "gzip, deflate, br, zstd",
            "Connection": "keep-alive",
            "Cookie": f"session={self.secret('cookie')}; _ga=GA1.2.{r.randrange(10**9)}.1795161723; theme=dark",
            "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": r.choice(("same-origin", "cross-site")),
            "Upgrade-Insecure-Requests": "1", "DNT": "1", "Priority": "u=0, i", "TE": "trailers",
        }  # fmt: skip
        return sent, {
            **r.choice(GATEWAYS)(self),
            "Set-Cookie": f"sid={self.secret('set-cookie')}; Path=/; Secure; HttpOnly; SameSite=Lax",
        }

    def one(self, method: str, url: str, status: int = 200, **more: Any) -> Exchange:
        sent, received = self.common(url[: url.find("/", 8)] if "/" in url[8:] else url)
        for name, given in (("sent", sent), ("received", received)):
            given.update(more.pop(name, {}))
        return Exchange(method, url, status, sent, received, wait=round(self.r.uniform(8, 400), 3), **more)


AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.70",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
)
GATEWAYS: tuple[Callable[[Writer], dict[str, str]], ...] = (
    lambda w: {"Server": "nginx/1.27.2", "Strict-Transport-Security": "max-age=31536000; includeSubDomains", "X-Request-Id": w.secret("request id"), "Cache-Control": "no-store, no-cache, must-revalidate, max-age=0", "Expires": "Thu, 19 Nov 1981 08:52:00 GMT", "Pragma": "no-cache"},
    lambda w: {"Server": "Microsoft-IIS/10.0", "X-Powered-By": "ASP.NET", "X-AspNet-Version": "4.0.30319", "P3P": 'CP="DSP CUR OTPi IND OTRi ONL FIN"', "X-Ms-Request-Id": w.secret("request id"), "X-Ms-Ests-Server": "2.1.19343.6 - NEULR1 ProdSlices", "Cache-Control": "private"},
    lambda w: {"Server": "AkamaiGHost", "X-Akamai-Transformed": "9 - 0 pmb=mRUM,1", "Akamai-GRN": f"0.{w.r.randrange(16**8):x}.1795161723.{w.r.randrange(16**7):x}", "Server-Timing": "cdn-cache; desc=HIT, edge; dur=1, origin; dur=0, ak_p; desc=\"1795161723_388972_2\";dur=1", "Cache-Control": "public, max-age=600, stale-while-revalidate=86400, stale-if-error=604800"},
    lambda w: {"Server": "envoy", "X-Envoy-Upstream-Service-Time": "41", "Traceparent": f"00-{w.r.randrange(16**32):032x}-{w.r.randrange(16**16):016x}-01", "Alt-Svc": 'h3=":443"; ma=2592000,h3-29=":443"; ma=2592000', "Vary": "Accept-Encoding, X-Requested-With"},
    lambda w: {"Server": "Apache/2.4.62 (Debian)", "X-Frame-Options": "DENY", "Content-Security-Policy": f"default-src 'none'; script-src 'self' 'nonce-{w.secret('nonce')}'; frame-ancestors 'none'", "Keep-Alive": "timeout=5, max=100", "X-Content-Type-Options": "nosniff"},
)  # fmt: skip


def saml(w: Writer) -> Iterator[Exchange]:
    relay, message = w.secret("relay state"), base64.b64encode(w.r.randbytes(900)).decode()
    to = f"{IDP}/idp/profile/SAML2/Redirect/SSO?{urlencode({'SAMLRequest': message, 'RelayState': relay, 'SigAlg': 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', 'Signature': w.secret('signature')})}"
    yield w.one("GET", f"{APP}/Shibboleth.sso/Login?target=%2Fsecure", 302, received={"Location": to})
    yield w.one("GET", to, 302, received={"Location": f"{IDP}/idp/profile/SAML2/Redirect/SSO?execution=e1s1"})
    yield w.one(
        "POST",
        f"{IDP}/idp/profile/SAML2/Redirect/SSO?execution=e1s1",
        form=urlencode({"j_username": w.secret("name"), "j_password": w.secret("password")}),
        body="<form></form>",
    )
    yield w.one(
        "POST",
        f"{APP}/Shibboleth.sso/SAML2/POST",
        500,
        form=urlencode({"SAMLResponse": message, "RelayState": relay}),
        body=f"<p>{w.secret('error page')}</p>",
    )


def entra(w: Writer) -> Iterator[Exchange]:
    tenant = w.secret("tenant")
    asked = {
        "client_id": w.secret("client"),
        "response_type": "code",
        "redirect_uri": f"{APP}/signin-oidc",
        "scope": "openid profile offline_access",
        "state": w.secret("state"),
        "code_challenge": w.secret("challenge"),
        "code_challenge_method": "S256",
        "response_mode": "form_post",
        "prompt": "select_account",
    }
    base = "https://login.microsoftonline.com"
    yield w.one(
        "GET",
        f"{base}/{tenant}/oauth2/v2.0/authorize?{urlencode(asked)}",
        302,
        received={"Location": f"{base}/common/login?sso_reload=true"},
    )
    yield w.one(
        "GET",
        f"{base}/common/GetCredentialType?mkt=en-GB",
        kind="application/json; charset=utf-8",
        body=json.dumps({"FlowToken": w.secret("flow")}),
    )
    yield w.one(
        "POST",
        f"{APP}/signin-oidc",
        302,
        form=urlencode(
            {"code": w.secret("code"), "state": w.secret("state"), "session_state": w.secret("session state")}
        ),
        received={"Location": "/"},
    )


def okta(w: Writer) -> Iterator[Exchange]:
    yield w.one(
        "POST",
        f"{IDP}/api/v1/authn",
        401,
        sent={"Content-Type": "application/json", "X-Okta-User-Agent-Extended": "okta-signin-widget-7.24.0"},
        kind="application/json",
        body='{"errorCode":"E0000004"}',
        received={
            "x-okta-request-id": w.secret("request id"),
            "x-rate-limit-limit": "600",
            "x-rate-limit-remaining": "599",
            "x-rate-limit-reset": "1795161783",
        },
    )
    yield w.one(
        "GET",
        f"{IDP}/oauth2/default/v1/authorize?client_id=0oa{w.secret('client')}&prompt=none&response_mode=okta_post_message&response_type=id_token&nonce={w.secret('nonce')}",
        200,
    )
    yield w.one(
        "GET",
        f"{IDP}/.well-known/openid-configuration",
        kind="application/json",
        received={"Cache-Control": "max-age=86400, must-revalidate"},
    )


def token(w: Writer) -> Iterator[Exchange]:
    yield w.one(
        "OPTIONS",
        f"{IDP}/oauth2/token",
        204,
        sent={
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-requested-with",
            "Origin": APP,
        },
        received={
            "Access-Control-Allow-Origin": APP,
            "Access-Control-Allow-Headers": "content-type,x-requested-with",
            "Access-Control-Max-Age": "86400",
        },
    )
    yield w.one(
        "POST",
        f"{IDP}/oauth2/token",
        400,
        form=urlencode({"grant_type": "refresh_token", "refresh_token": w.secret("refresh")}),
        kind="application/json;charset=UTF-8",
        body='{"error":"invalid_grant"}',
    )
    yield w.one(
        "GET",
        f"{API}/v2/me",
        401,
        sent={"Authorization": f"Bearer {w.secret('bearer')}"},
        received={"WWW-Authenticate": 'Bearer realm="api", error="invalid_token", error_description="expired"'},
        kind="application/problem+json",
    )


def files(w: Writer) -> Iterator[Exchange]:
    names = (
        "js/app.5d41402a.js",
        "css/main.7c6a180b.css",
        "fonts/inter-v13-latin-regular.woff2",
        "img/logo@2x.png",
        "img/sprite.svg",
        "js/vendors~main.chunk.js",
        "manifest.webmanifest",
    )
    kinds = (
        "application/javascript",
        "text/css",
        "font/woff2",
        "image/png",
        "image/svg+xml",
        "text/javascript; charset=utf-8",
        "application/manifest+json",
    )
    for name, kind in zip(names, kinds, strict=True):
        cached = {
            "ETag": f'W/"{w.secret("etag")}"',
            "Last-Modified": "Tue, 03 Nov 2026 09:12:44 GMT",
            "Age": str(w.r.randrange(9999)),
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Cache": "HIT, HIT",
            "X-Cache-Hits": "4, 112",
            "Content-Encoding": "br",
        }
        yield w.one("GET", f"{FILES}/static/{name}", w.r.choice((200, 304)), received=cached, kind=kind)


def statuses(w: Writer) -> Iterator[Exchange]:
    for number in w.r.sample(
        (
            400,
            403,
            404,
            408,
            409,
            410,
            418,
            420,
            429,
            440,
            449,
            451,
            460,
            499,
            500,
            502,
            503,
            504,
            520,
            521,
            522,
            523,
            524,
            525,
            526,
            530,
            561,
            598,
            999,
        ),
        12,
    ):
        yield w.one("GET", f"{API}/v1/health/{number}", number, received={"Retry-After": "30"}, kind="text/plain")


def failures(w: Writer) -> Iterator[Exchange]:
    yield w.one("GET", f"{IDP}/", 0, error="net::ERR_NAME_NOT_RESOLVED")
    yield w.one("GET", f"{IDP}/sso", 0, error="net::ERR_CERT_AUTHORITY_INVALID")
    yield w.one("POST", f"{API}/v1/events", 0, error="net::ERR_BLOCKED_BY_CLIENT")
    yield w.one("GET", f"{API}/v1/feed", 0, error="net::ERR_CONNECTION_RESET")


def interface(w: Writer) -> Iterator[Exchange]:
    for number in range(8):
        ident = w.secret("id")
        yield w.one(
            w.r.choice(("GET", "PUT", "PATCH", "DELETE")),
            f"{API}/scim/v2/Users/{ident}?attributes=userName&count=50&startIndex={number}",
            w.r.choice((200, 204, 404, 412)),
            sent={"Accept": "application/scim+json", "If-Match": f'"{w.secret("etag")}"', "X-Api-Key": w.secret("key")},
            kind="application/scim+json",
            body=json.dumps({"id": ident}),
        )


def sockets(w: Writer) -> Iterator[Exchange]:
    yield w.one(
        "GET",
        f"wss://app.birch.example/cable?token={w.secret('ticket')}",
        101,
        sent={
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": w.secret("socket"),
            "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        },
        received={"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": w.secret("accept")},
    )
    yield w.one("GET", f"{API}/stream", 200, kind="text/event-stream", received={"X-Accel-Buffering": "no"})


def upload(w: Writer) -> Iterator[Exchange]:
    yield w.one(
        "POST",
        f"{API}/files",
        413,
        sent={
            "Content-Type": "multipart/form-data; boundary=----geckoformboundary7d1f",
            "Content-Length": "70412",
            "Expect": "100-continue",
        },
        form=f"name={w.secret('file')}",
        kind="application/json",
    )


def admin(w: Writer) -> Iterator[Exchange]:
    yield w.one(
        "GET",
        "https://keycloak.birch.internal/realms/master/protocol/openid-connect/auth?client_id=security-admin-console&response_mode=query&kc_locale=en",
        200,
        received={"Referrer-Policy": "no-referrer", "X-Robots-Tag": "none"},
    )
    yield w.one(
        "POST",
        f"https://keycloak.birch.internal/realms/master/login-actions/authenticate?session_code={w.secret('session code')}&execution={w.secret('execution')}&tab_id=x1",
        200,
        form=urlencode({"username": w.secret("name"), "password": w.secret("password")}),
    )
    yield w.one(
        "GET", "https://10.20.30.40:8443/healthz", 503, kind="application/json", sent={"Host": "10.20.30.40:8443"}
    )


def google(w: Writer) -> Iterator[Exchange]:
    asked = {
        "client_id": f"{w.r.randrange(10**11, 10**12)}-{w.r.randrange(16**16):x}.apps.googleusercontent.com",
        "scope": "openid email",
        "state": w.secret("state"),
        "access_type": "offline",
        "include_granted_scopes": "true",
    }
    yield w.one(
        "GET",
        f"https://accounts.google.com/o/oauth2/v2/auth?{urlencode(asked)}",
        302,
        received={
            "Location": "https://accounts.google.com/v3/signin/identifier?dsh=S1&flowName=GeneralOAuthFlow",
            "Content-Security-Policy-Report-Only": "script-src 'report-sample'; report-uri /_/csp",
            "Cross-Origin-Resource-Policy": "same-site",
            "Server": "ESF",
        },
    )
    yield w.one(
        "GET",
        "https://www.gstatic.com/_/mss/boq-identity/_/js/k=boq-identity.am.js",
        received={
            "Cache-Control": "public, immutable, max-age=31536000",
            "Report-To": '{"group":"boq","max_age":2592000,"endpoints":[{"url":"https://csp.withgoogle.com/csp/report-to/boq"}]}',
        },
        kind="text/javascript",
    )


FLOWS: dict[str, Callable[[Writer], Iterator[Exchange]]] = {
    "saml": saml, "entra": entra, "okta": okta, "token": token, "files": files, "statuses": statuses,
    "failures": failures, "interface": interface, "sockets": sockets, "upload": upload, "admin": admin, "google": google,
}  # fmt: skip
FORM = _FORM
