"""A small site with a federation log-in: an application, an identity provider, files behind a CDN, an interface.

It behaves as sites do that browsers record: signed messages, cookies, caches, errors.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import secrets
import socket
import time
from urllib.parse import quote, urlsplit

from tests.corpus import pages, saml
from tests.corpus.answers import APP, FILES, IDP, INSIDE, INTERFACE, Handler, gateway, route, serving, session
from tests.corpus.saml import Identity

__all__ = ["APP", "FILES", "IDP", "INSIDE", "INTERFACE", "serving"]

_CLIENT, _KEY_ID = "0oa1b2c3d4", "2026-10-signing"
_ACCEPT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BROTLI = base64.b64decode("G78A+I3TFfMjhHUPym2pX0hjYEumoYYFMfxMYrLodLUknXgSolbhiU5swaMkToBHU0c6QCM3iDuzGFpRIm/2BQ==")
_SLOW_SECONDS = 1.2


# The application and its identity provider


@route("/")
def home(one: Handler) -> None:
    scope = "no-store" if one.host == APP else "private, max-age=0, must-revalidate"
    one.answer(200, pages.home(one.host), *gateway(), session(), ("Cache-Control", scope))


@route("/saml/login")
def begin(one: Handler) -> None:
    to, relay = f"https://{IDP}/sso", secrets.token_urlsafe(16)
    message = saml.request(f"https://{APP}", to)
    cookies = [session("saml_state"), session("AWSALB")]
    if "post" in one.parameters():
        signed = base64.b64encode(one.identity.signed(message)).decode()
        one.answer(200, pages.posting(to, SAMLRequest=signed, RelayState=relay), *cookies)
    else:
        one.go(
            f"{to}?{saml.redirect(one.identity, message, 'SAMLRequest', relay)}",
            *cookies,
            ("Cache-Control", "no-store"),
        )


@route("/sso")
def sign_on(one: Handler) -> None:
    given = one.parameters()
    form = pages.log_in(given.get("RelayState", ""), how=given.get("how", ""))
    one.answer(
        200, form, *gateway(), session("idp_session"), ("Cache-Control", "no-cache, no-store"), ("Pragma", "no-cache")
    )


@route("/sso/password")
def password(one: Handler) -> None:
    given = one.parameters()
    skew = 600 if given.get("username") == "skew" else 0
    status = {"denied": "Responder/AuthnFailed", "passive": "Requester/NoPassive"}.get(
        given.get("username", ""), "Success"
    )
    signer = Identity((IDP,)) if given.get("username") == "unknown-key" else one.identity
    message = saml.response(signer, f"https://{IDP}/metadata", f"https://{APP}", status=status, skew=skew)
    page = pages.posting(
        f"https://{APP}/acs", SAMLResponse=message, RelayState=given.get("relay", ""), seen=given.get("username", "")
    )
    one.answer(200, page, session("idp_session"), ("Cache-Control", "no-store"))


@route("/acs")
def consume(one: Handler) -> None:
    seen = one.parameters().get("seen", "")
    failing = {
        "unknown-key": (500, "unknown key"),
        "skew": (403, "not yet valid"),
        "denied": (401, "denied"),
        "passive": (403, "passive"),
    }
    if seen in failing:
        status, why = failing[seen]
        one.answer(status, f"<pre>saml: {why}</pre>", *gateway(), ("X-Error-Code", "SAML_VERIFY"))
    else:
        one.go("/dashboard", session(), session("XSRF-TOKEN"), status=303)


@route("/dashboard")
def dashboard(one: Handler) -> None:
    preload = (
        "Link",
        f"<https://{FILES}/assets/app.3f9c2b1a.js>; rel=preload; as=script, <https://{FILES}>; rel=preconnect",
    )
    one.answer(200, pages.dashboard(), *gateway(), preload, session(), ("Cache-Control", "no-store, max-age=0"))


@route("/slo")
def log_out(one: Handler) -> None:
    message = saml.request(f"https://{APP}", f"https://{IDP}/slo").replace("AuthnRequest", "LogoutRequest")
    query = saml.redirect(one.identity, message, "SAMLRequest", secrets.token_urlsafe(9))
    one.go(
        f"https://{IDP}/slo/done?{query}",
        ("Set-Cookie", "session=; Path=/; Max-Age=0"),
        ("Clear-Site-Data", '"cookies"'),
    )


@route("/slo/done")
def logged_out(one: Handler) -> None:
    one.answer(200, "<h1>Logged out</h1>", session("idp_session"))


# OpenID Connect


@route("/.well-known/openid-configuration")
def discovery(one: Handler) -> None:
    base = f"https://{IDP}"
    found = {
        "issuer": base,
        "authorization_endpoint": f"{base}/oauth2/authorize",
        "token_endpoint": f"{base}/oauth2/token",
    }
    one.json(
        200,
        found,
        ("Access-Control-Allow-Origin", "*"),
        ("Cache-Control", "public, max-age=3600, stale-while-revalidate=86400"),
    )


@route("/oauth2/authorize")
def authorize(one: Handler) -> None:
    given = one.parameters()
    back, state = given.get("redirect_uri", f"https://{APP}/callback"), quote(given.get("state", ""))
    if given.get("prompt") == "none":
        one.go(f"{back}?error=login_required&error_description=The+user+is+not+logged+in&state={state}")
    elif given.get("response_mode") == "form_post":
        one.answer(200, pages.posting(back, code=secrets.token_urlsafe(32), state=given.get("state", "")))
    else:
        one.go(
            f"{back}?code={secrets.token_urlsafe(32)}&state={state}&iss={quote(f'https://{IDP}', safe='')}",
            session("idp_session"),
        )


@route("/callback")
def callback(one: Handler) -> None:
    one.answer(200, pages.callback(one.parameters().get("error", "")), *gateway(), ("Cache-Control", "no-store"))


@route("/oauth2/token")
def token(one: Handler) -> None:
    given = one.parameters()
    allowed = [
        ("Access-Control-Allow-Origin", f"https://{APP}"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Pragma", "no-cache"),
    ]
    if one.command == "OPTIONS":
        one.answer(
            204,
            "",
            *allowed,
            ("Access-Control-Allow-Headers", "content-type, authorization"),
            ("Access-Control-Max-Age", "600"),
        )
    elif given.get("code") == "used":
        why = {"error": "invalid_grant", "error_description": "The authorization code is invalid or has expired."}
        one.json(
            400, why, *allowed, ("Cache-Control", "no-store"), ("WWW-Authenticate", 'Bearer error="invalid_token"')
        )
    else:
        claims: dict[str, object] = {
            "iss": f"https://{IDP}",
            "aud": _CLIENT,
            "sub": secrets.token_hex(8),
            "exp": int(time.time()) + 300,
        }
        made = {
            "id_token": one.identity.jwt(claims, kid=_KEY_ID),
            "access_token": one.identity.jwt(claims, kid=_KEY_ID),
        }
        one.json(
            200,
            {**made, "refresh_token": secrets.token_urlsafe(40), "token_type": "Bearer", "expires_in": 300},
            *allowed,
        )


# The interface


@route("/v1/")
def interface(one: Handler) -> None:
    shared = [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Headers", "*"),
        ("X-RateLimit-Remaining", "4999"),
        ("X-RateLimit-Reset", "1795161723"),
    ]
    path = urlsplit(one.path).path
    if one.command == "OPTIONS":
        one.answer(204, "", *shared, ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"))
    elif path.endswith("/me"):
        problem = {"type": "about:blank", "title": "Unauthorized", "status": 401}
        challenge = (
            "WWW-Authenticate",
            'Bearer realm="api", error="invalid_token", error_description="The token expired"',
        )
        one.json(401, problem, *shared, challenge, kind="application/problem+json")
    elif path.endswith("/plans"):
        one.answer(
            200, _BROTLI, *shared, ("Content-Encoding", "br"), ("ETag", 'W/"3f-1a2b3c4d"'), kind="application/json"
        )
    elif path.endswith("/Users"):
        one.json(
            200,
            {"Resources": [{"id": secrets.token_hex(16), "userName": "maria"}]},
            *shared,
            kind="application/scim+json",
        )
    else:
        one.json(
            201 if one.command == "POST" else 200, {"id": secrets.token_hex(12)}, *shared, ("Location", "/v1/things/17")
        )


@route("/graphql")
def graphql(one: Handler) -> None:
    one.json(
        200,
        {"data": None, "errors": [{"message": "not authorised"}]},
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Headers", "*"),
    )


@route("/events")
def events(one: Handler) -> None:
    headers = [("Access-Control-Allow-Origin", "*"), ("Cache-Control", "no-cache")]
    one.answer(200, "id: 1\ndata: {}\n\nevent: done\ndata: end\n\n", *headers, kind="text/event-stream")


@route("/socket")
def socket_opened(one: Handler) -> None:
    key = one.headers.get("sec-websocket-key", "")
    proof = base64.b64encode(hashlib.sha1(f"{key}{_ACCEPT}".encode()).digest()).decode()
    one.answer(101, "", ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", proof))
    text = json.dumps({"ticket": secrets.token_urlsafe(18)}).encode()
    one.wfile.write(bytes([0x81, len(text)]) + text)
    time.sleep(0.3)
    one.wfile.write(b"\x88\x02\x03\xe8")
    one.close_connection = True


@route("/upload")
def upload(one: Handler) -> None:
    one.json(413 if len(one.body) > 60_000 else 201, {"size": len(one.body)}, *gateway())


# Files


@route("/assets/")
def asset(one: Handler) -> None:
    path = urlsplit(one.path).path
    kind, body = pages.asset(path)
    tag = f'"{hashlib.sha1(path.encode()).hexdigest()}"'
    cached = (
        "Cache-Control",
        "public, max-age=31536000, immutable"
        if "." in path.rpartition("/")[2][4:]
        else "max-age=0, stale-while-revalidate=86400, stale-if-error=604800",
    )
    headers = [
        *gateway(),
        cached,
        ("ETag", tag),
        ("Age", "1287"),
        ("Access-Control-Allow-Origin", "*"),
        ("Last-Modified", "Tue, 03 Nov 2026 09:12:44 GMT"),
    ]
    if one.headers.get("if-none-match") == tag:
        one.answer(304, "", *headers)
    elif "gzip" in (one.headers.get("accept-encoding") or "") and kind.startswith("text"):
        one.answer(200, gzip.compress(body), *headers, ("Content-Encoding", "gzip"), kind=kind)
    else:
        one.answer(200, body, *headers, ("Accept-Ranges", "bytes"), kind=kind)


@route("/sw.js")
def service_worker(one: Handler) -> None:
    one.answer(
        200,
        pages.SERVICE_WORKER,
        ("Service-Worker-Allowed", "/"),
        ("Cache-Control", "no-cache"),
        kind="text/javascript",
    )


# What goes wrong


@route("/status/")
def status(one: Handler) -> None:
    number = int(urlsplit(one.path).path.rpartition("/")[2])
    headers = {
        503: [("Retry-After", "120")],
        429: [("Retry-After", "30")],
        407: [("Proxy-Authenticate", "Basic realm=proxy")],
    }
    one.answer(
        number,
        f"error {number}",
        *gateway(),
        *headers.get(number, []),
        ("Access-Control-Allow-Origin", "*"),
        kind="text/plain",
    )


@route("/slow")
def slow(one: Handler) -> None:
    time.sleep(_SLOW_SECONDS)
    one.answer(200, "late", ("X-Envoy-Upstream-Service-Time", "1200"), ("X-Runtime", "1.204113"))


@route("/hop/")
def hop(one: Handler) -> None:
    left = int(urlsplit(one.path).path.rpartition("/")[2])
    codes = (301, 302, 303, 307, 308)
    one.go(
        f"/hop/{left - 1}?return=%2Fdashboard" if left else "/dashboard", session(f"hop{left}"), status=codes[left % 5]
    )


@route("/loop")
def loop(one: Handler) -> None:
    one.go("/loop", status=307)


@route("/reset")
def reset(one: Handler) -> None:
    one.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    one.connection.close()
    one.close_connection = True


@route("/empty")
def empty(one: Handler) -> None:
    one.close_connection = True


@route("/short")
def short(one: Handler) -> None:
    one.send_response(200)
    one.send_header("Content-Length", "5000")
    one.end_headers()
    one.wfile.write(b"cut")
    one.close_connection = True
