"""A browser's capture of the failing log-in: as large and as careless as real ones.

Four tries of a person with the developer tools open, from before the impact to after it: pages, scripts, log-in forms,
SAML, calls of the application, a WebSocket. Secrets stand in every place where captures have them; ``secrets()`` lists
them all, for those who search.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote

from handrail.sandbox import messages
from handrail.sandbox.messages import SamlAnswer
from handrail.sandbox.plants import Plants

Record = dict[str, Any]
IDP, APP, CDN = "https://idp.alder.example", "https://app.alder.example", "https://static.alder.example"
SIGN = "https://sign.signing-co.example"
_FILES = tuple(
    f"/assets/{name}.{version}.{kind}"
    for kind, names in {
        "js": ("app", "vendor", "main", "runtime", "login", "forms", "session", "metrics"),
        "css": ("base", "login", "fonts", "icons"),
        "svg": ("logo", "icons", "banner"),
        "woff2": ("sans", "mono"),
    }.items()
    for version, name in enumerate(names, 1)
)
_TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "woff2": "font/woff2"}
_SORTS = {"js": "script", "css": "stylesheet", "svg": "image", "woff2": "font"}


@dataclass(frozen=True, slots=True)
class Try:
    """One log-in. ``trace`` and ``span`` are those of its POST to the application (W3C Trace Context).

    ``keys``: what the vendor's service answers for its signing keys, by attempt: a status, or a network error.
    ``vendor_ids``: the vendor's own id of each of these requests.
    """

    at: datetime
    trace: str
    span: str
    acs: int
    answer: SamlAnswer = field(default_factory=SamlAnswer)
    keys: tuple[int | str, ...] = (200,)
    vendor_ids: tuple[str, ...] = ()


def _at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-20T{clock}+00:00").astimezone(UTC)


BEFORE = Try(
    _at("07:41:12.100000"), "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 302,
    vendor_ids=("req-01hzk3qv2w",),
)  # fmt: skip
FAILED = Try(
    _at("08:02:01.250000"), "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", 500,
    keys=(503, 503, 520), vendor_ids=("req-01hzk4c9m1", "req-01hzk4c9m7", "req-01hzk4c9mf"),
)  # fmt: skip
REFUSED = Try(
    _at("08:06:40.500000"), "7d3efb1b173fecfa1f2ac05a0d2e11b4", "a3ce929d0e0e4736", 403,
    answer=SamlAnswer(messages.RESPONDER, messages.AUTHN_FAILED, assertion=False),
    keys=("net::ERR_CONNECTION_RESET", "net::ERR_SSL_PROTOCOL_ERROR", 503), vendor_ids=("", "", "req-01hzk4kt0x"),
)  # fmt: skip
AFTER = Try(
    _at("09:14:33.700000"), "3c191d03fa8be0653f2ac05a0d2e11b4", "d1f0b2c3a4958677", 302,
    vendor_ids=("req-01hzk8d41p",),
)  # fmt: skip
TRIES = (BEFORE, FAILED, REFUSED, AFTER)


def har() -> bytes:
    """The capture as a HAR file."""
    return _made()[0]


def secrets() -> dict[str, str]:
    """Every secret of the capture, by the place where it stands. None may leave, in whatever writing."""
    return dict(_made()[1])


@cache
def _made() -> tuple[bytes, dict[str, str]]:
    plants = Plants()
    entries, pages = [], []
    for number, one in enumerate(TRIES, 1):
        title = f"Log in | {plants.opaque(f'page title {number}')}"
        timings = {"onContentLoad": 812.4, "onLoad": 1904.1}
        page = f"page_{number}"
        pages.append({"startedDateTime": _time(one.at), "id": page, "title": title, "pageTimings": timings})
        for step, entry in enumerate(_tried(plants, number, one)):
            entries.append(
                {"pageref": page, "startedDateTime": _time(one.at + timedelta(milliseconds=180 * step)), **entry}
            )
    log = {
        "version": "1.2",
        "creator": {"name": "WebInspector", "version": "537.36"},
        "browser": {"name": "Chrome", "version": "131.0.6778.86"},
        "pages": pages,
    }
    return json.dumps({"log": {**log, "entries": entries}}, indent=1).encode(), plants.planted


def _tried(p: Plants, n: int, one: Try) -> Iterator[Record]:
    """One try: to the identity provider and back, and what the application does when its log-in fails."""
    state, request = p.opaque(f"state {n}"), messages.request(p, n, one.at)
    p.keep(f"AuthnRequest {n}", request)
    sso = f"{IDP}/saml/sso?SAMLRequest={quote(request, safe='')}&RelayState={state}&login_hint={p.opaque(f'hint {n}')}"
    yield _entry(p, n, "GET", f"{APP}/login?code={p.marked(f'code {n}')}", status=302, to=sso, sort="document")
    form = f"<form><input name='csrf' value='{p.opaque(f'csrf {n}')}'></form>"
    yield _entry(p, n, "GET", sso, body=form, sort="document")
    for index, file in enumerate(_FILES):
        yield _asset(p, n, file, cached=n > 1 and index % 3 == 0)
    login = f"username={quote(p.opaque(f'user name {n}'))}&password={quote(p.opaque(f'password {n}'))}"
    yield _entry(p, n, "POST", f"{IDP}/login", sent=login, status=302, to=f"{IDP}/mfa", sort="document")
    yield _entry(p, n, "POST", f"{IDP}/mfa", sent=f"otp={p.hexadecimal(f'one-time code {n}')}", sort="document")
    yield from _keys(p, n, one)
    answer = p.keep(f"SAML response {n}", messages.response(p, n, one.at + timedelta(seconds=6), one.answer))
    posted = f"SAMLResponse={quote(answer, safe='')}&RelayState={state}"
    page = f"<pre>unknown key, {p.marked(f'error page {n}')}</pre>"
    to = f"{APP}/home" if one.acs == 302 else ""  # Found
    yield _entry(
        p, n, "POST", f"{APP}/saml/acs", sent=posted, status=one.acs, body="" if to else page, to=to, wait=1830.0,
        sort="document", trace=one,
    )  # fmt: skip
    yield from _calls(p, n, one)


def _keys(p: Plants, n: int, one: Try) -> Iterator[Record]:
    """The log-in page asks the vendor's service for its signing keys, as often as it fails."""
    for attempt, (found, ident) in enumerate(zip(one.keys, one.vendor_ids, strict=True), 1):
        status, error = (0, found) if isinstance(found, str) else (found, "")
        more = {"x-request-id": ident, "retry-after": "5"} if status >= 500 else {"x-request-id": ident}
        entry = _entry(
            p, n, "GET", f"{SIGN}/v2/keys?version={attempt}", status=status, mime="application/json", sort="fetch",
            wait=15_000.0 if error else 240.0 + 310.0 * attempt, more={} if error else more, trace=one,
        )  # fmt: skip
        entry["serverIPAddress"] = "198.51.100.24"
        entry["response"]["_error"] = error or None
        yield entry


def _calls(p: Plants, n: int, one: Try) -> Iterator[Record]:
    failed = 401 if one.acs != 302 else 200  # Found
    access = messages.token(p, f"access token {n}", one.at)
    session = json.dumps({"access_token": access, "refresh_token": p.opaque(f"refresh token {n}")})
    yield _entry(p, n, "GET", f"{APP}/api/v1/session", status=failed, body=session, sort="xhr", trace=one)
    user = f"{APP}/api/v1/users/{p.hexadecimal(f'user id {n}')}/profile?token={p.opaque(f'query token {n}')}"
    yield _entry(p, n, "GET", user, status=failed, sort="fetch")
    code = "temporarily_unavailable" if failed == 401 else ""  # Unauthorized
    back = f"{APP}/callback#id_token={messages.token(p, f'fragment {n}', one.at)}"
    if code:
        said = quote(f"signing key of {p.opaque(f'error description {n}')} is not known")
        back = f"{APP}/callback?error={code}&error_description={said}&state={p.opaque(f'oauth state {n}')}"
    authorize = (
        f"{APP}/oauth/authorize?response_type=code&scope=openid&state={p.opaque(f'oauth state {n}')}"
        f"&code_challenge_method=S256&code_challenge={p.opaque(f'challenge {n}')}"
    )
    yield _entry(p, n, "GET", authorize, status=302, to=back, sort="document")
    token = json.dumps({"error": "invalid_grant"} if code else {"token_type": "Bearer", "expires_in": 3600})
    yield _entry(
        p, n, "POST", f"{APP}/oauth/token", sent=f"grant_type=authorization_code&code={p.opaque(f'grant {n}')}",
        status=400 if code else 200, body=token, mime="application/json", sort="fetch",
    )  # fmt: skip
    message = base64.b64encode(json.dumps({"ticket": p.opaque(f"wrapped ticket {n}")}).encode()).decode()
    frames = [
        {"type": "send", "time": 1763625722.1, "opcode": 1, "data": json.dumps({"auth": p.opaque(f"socket {n}")})},
        {"type": "receive", "time": 1763625722.4, "opcode": 1, "data": message},
    ]
    socket = _entry(p, n, "GET", f"wss://{APP.removeprefix('https://')}/events", status=101, sort="websocket")
    yield socket | {"_webSocketMessages": frames}


def _asset(p: Plants, n: int, file: str, *, cached: bool) -> Record:
    kind = file.rpartition(".")[2]
    one = _entry(p, n, "GET", f"{CDN}{file}", mime=_TYPES[kind], sort=_SORTS[kind], wait=18.0)
    return one | {"_fromCache": "disk"} if cached else one


def _entry(
    p: Plants,
    n: int,
    method: str,
    url: str,
    *,
    sort: str,
    status: int = 200,
    wait: float = 46.5,
    sent: str = "",
    body: str = "",
    to: str = "",
    mime: str = "text/html; charset=utf-8",
    more: dict[str, str] | None = None,
    trace: Try | None = None,
) -> Record:
    page = f"{IDP}/saml/sso?ticket={p.opaque(f'referer {n}')}"
    frame = {"functionName": p.opaque(f"stack {n}"), "url": f"{CDN}/assets/app.1.js", "lineNumber": 1}
    return {
        "time": wait + 21.75,
        "request": _request(p, n, method, url, sent=sent, page=page, trace=trace),
        "response": _response(p, n, status, body=body, to=to, mime=mime, more=more or {}),
        "cache": {},
        "timings": {"blocked": 1.5, "dns": 4.0, "connect": 9.0, "ssl": 6.0, "send": 0.25, "wait": wait, "receive": 1.0},
        "serverIPAddress": "203.0.113.17",
        "connection": p.hexadecimal(f"connection {n}"),
        "_initiator": {"type": "script", "stack": {"callFrames": [frame]}},
        "_priority": "High",
        "_resourceType": sort,
    }


def _request(p: Plants, n: int, method: str, url: str, *, sent: str, page: str, trace: Try | None) -> Record:
    session = p.opaque(f"session {n}")
    headers = {
        "accept": "text/html,application/json;q=0.9,*/*;q=0.8",
        "accept-encoding": "gzip, deflate, br",
        "authorization": f"Bearer {messages.token(p, f'bearer {n}', TRIES[n - 1].at)}",
        "cookie": f"sid={session}; device={p.opaque(f'device {n}')}",
        "referer": page,
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36",
        "x-api-key": p.marked(f"api key {n}"),
    }
    if trace is not None:
        headers["traceparent"] = f"00-{trace.trace}-{trace.span}-01"
    request: Record = {
        "method": method,
        "url": url,
        "httpVersion": "h2",
        "headers": _pairs(headers),
        "queryString": [_parameter(pair) for pair in url.partition("?")[2].split("&") if pair],
        "cookies": [{"name": "sid", "value": session, "domain": "app.alder.example", "httpOnly": True, "secure": True}],
        "headersSize": 912,
        "bodySize": len(sent),
    }
    if sent:
        params = [_parameter(pair) for pair in sent.split("&")]
        request["postData"] = {"mimeType": "application/x-www-form-urlencoded", "text": sent, "params": params}
    return request


def _response(p: Plants, n: int, status: int, *, body: str, to: str, mime: str, more: dict[str, str]) -> Record:
    if status == 0:  # no answer came
        return {
            "status": 0,
            "statusText": "",
            "httpVersion": "",
            "headers": [],
            "cookies": [],
            "redirectURL": "",
            "content": {"size": 0, "mimeType": "x-unknown"},
            "headersSize": -1,
            "bodySize": -1,
            "_transferSize": 0,
        }
    cookie = p.marked(f"set-cookie {n}")
    headers = {
        "cache-control": "no-store",
        "content-type": mime,
        "etag": f'"{p.hexadecimal(f"etag {n}")}"',
        "set-cookie": f"session={cookie}; Path=/; Secure; HttpOnly; SameSite=None",
        "www-authenticate": f'Bearer realm="{p.opaque(f"realm {n}")}"',
        "x-request-id": p.hexadecimal(f"request id {n}"),
        "date": _http_date(TRIES[n - 1].at),
        **more,
    }
    return {
        "status": status,
        "statusText": "",
        "httpVersion": "h2",
        "headers": _pairs(headers | ({"location": to} if to else {})),
        "cookies": [{"name": "session", "value": cookie, "path": "/"}],
        "content": {"size": len(body), "mimeType": mime, "text": body},
        "redirectURL": to,
        "headersSize": 640,
        "bodySize": len(body),
        "_transferSize": len(body) + 640,
        "_error": None,
    }


def _http_date(at: datetime) -> str:
    return at.strftime("%a, %d %b %Y %H:%M:%S GMT")


def _pairs(headers: dict[str, str]) -> list[Record]:
    return [{"name": name, "value": value} for name, value in headers.items()]


def _parameter(pair: str) -> Record:
    name, _, value = pair.partition("=")
    return {"name": name, "value": value}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
