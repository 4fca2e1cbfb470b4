"""A browser's capture of the failing log-in: as large and as careless as real ones.

Four tries of a person with the developer tools open: pages, scripts, log-in forms, SAML, calls of the application, a
WebSocket. Secrets stand in every place where captures have them; ``secrets()`` lists them all, for those who search.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from handrail.sandbox.faults import CANARY

Record = dict[str, Any]
IDP, APP, CDN = "https://idp.alder.example", "https://app.alder.example", "https://static.alder.example"
TRIES = 4
_BEGAN = datetime(2026, 11, 20, 8, 2, 1, 250000, tzinfo=UTC)
_TRY = timedelta(minutes=2)
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


class _Plants:
    """Secrets by the place where they stand, always the same ones: made of the place's name."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def opaque(self, place: str) -> str:
        """43 letters and digits, as session ids and codes are."""
        return self._keep(place, base64.urlsafe_b64encode(sha256(place.encode()).digest()).decode().rstrip("="))

    def hexadecimal(self, place: str) -> str:
        return self._keep(place, sha256(place.encode()).hexdigest()[:32])

    def jwt(self, place: str) -> str:
        """A signed token; what it says of its subject is a secret too."""
        claims = json.dumps({"iss": IDP, "sub": self.opaque(f"{place} subject")}).encode()
        parts = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"RS256"}', claims)]
        return self._keep(place, ".".join([*parts, self.opaque(f"{place} signature")]))

    def marked(self, place: str) -> str:
        return self._keep(place, f"{CANARY}har-{place.replace(' ', '-')}")

    def _keep(self, place: str, secret: str) -> str:
        self.planted[place] = secret
        return secret


def har() -> bytes:
    """The capture as a HAR file."""
    return _made()[0]


def secrets() -> dict[str, str]:
    """Every secret of the capture, by the place where it stands. None may leave, in whatever writing."""
    return dict(_made()[1])


@cache
def _made() -> tuple[bytes, dict[str, str]]:
    plants = _Plants()
    entries, pages = [], []
    for number in range(1, TRIES + 1):
        at = _BEGAN + _TRY * (number - 1)
        title = f"Log in | {plants.opaque(f'page title {number}')}"
        timings = {"onContentLoad": 812.4, "onLoad": 1904.1}
        page = f"page_{number}"
        pages.append({"startedDateTime": _time(at), "id": page, "title": title, "pageTimings": timings})
        for step, one in enumerate(_tried(plants, number)):
            entries.append({"pageref": page, "startedDateTime": _time(at + timedelta(milliseconds=180 * step)), **one})
    log = {"version": "1.2", "creator": {"name": "WebInspector", "version": "537.36"}, "pages": pages}
    return json.dumps({"log": {**log, "entries": entries}}, indent=1).encode(), plants.planted


def _tried(p: _Plants, n: int) -> Iterator[Record]:
    """One try: to the identity provider and back, and what the application does when its log-in fails."""
    state, request = p.opaque(f"state {n}"), _saml(p, "AuthnRequest", n)
    sso = f"{IDP}/saml/sso?SAMLRequest={quote(request, safe='')}&RelayState={state}&login_hint={p.opaque(f'hint {n}')}"
    yield _entry(p, n, "GET", f"{APP}/login?code={p.marked(f'code {n}')}", status=302, to=sso, sort="document")
    form = f"<form><input name='csrf' value='{p.opaque(f'csrf {n}')}'></form>"
    yield _entry(p, n, "GET", sso, body=form, sort="document")
    for index, file in enumerate(_FILES):
        yield _asset(p, n, file, cached=n > 1 and index % 3 == 0)
    login = f"username={quote(p.opaque(f'user name {n}'))}&password={quote(p.opaque(f'password {n}'))}"
    yield _entry(p, n, "POST", f"{IDP}/login", sent=login, status=302, to=f"{IDP}/mfa", sort="document")
    yield _entry(p, n, "POST", f"{IDP}/mfa", sent=f"otp={p.hexadecimal(f'one-time code {n}')}", sort="document")
    answer = _saml(p, "Response", n)
    posted = f"SAMLResponse={quote(answer, safe='')}&RelayState={state}"
    page = f"<pre>unknown key, {p.marked(f'error page {n}')}</pre>"
    yield _entry(p, n, "POST", f"{APP}/saml/acs", sent=posted, status=500, body=page, wait=1830.0, sort="document")
    yield from _calls(p, n)


def _calls(p: _Plants, n: int) -> Iterator[Record]:
    session = json.dumps({"access_token": p.jwt(f"access token {n}"), "refresh_token": p.opaque(f"refresh token {n}")})
    yield _entry(p, n, "GET", f"{APP}/api/v1/session", status=401, body=session, sort="xhr")
    user = f"{APP}/api/v1/users/{p.hexadecimal(f'user id {n}')}/profile?token={p.opaque(f'query token {n}')}"
    yield _entry(p, n, "GET", user, status=401, sort="fetch")
    back = f"{APP}/callback#id_token={p.jwt(f'fragment {n}')}"
    yield _entry(
        p, n, "GET", f"{APP}/oauth/authorize?state={p.opaque(f'oauth state {n}')}", status=302, to=back, sort="document"
    )
    message = base64.b64encode(json.dumps({"ticket": p.opaque(f"wrapped ticket {n}")}).encode()).decode()
    frames = [
        {"type": "send", "time": 1763625722.1, "opcode": 1, "data": json.dumps({"auth": p.opaque(f"socket {n}")})},
        {"type": "receive", "time": 1763625722.4, "opcode": 1, "data": message},
    ]
    one = _entry(p, n, "GET", f"wss://{APP.removeprefix('https://')}/events", status=101, sort="websocket")
    yield one | {"_webSocketMessages": frames}


def _saml(p: _Plants, kind: str, n: int) -> str:
    """A SAML message as the browser carries it; what it says stands in base64."""
    text = (
        f'<samlp:{kind} xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_{p.hexadecimal(f"{kind} id {n}")}">'
        f"<saml:NameID>{p.opaque(f'{kind} name id {n}')}</saml:NameID></samlp:{kind}>"
    )
    return base64.b64encode(text.encode()).decode()


def _asset(p: _Plants, n: int, file: str, *, cached: bool) -> Record:
    kind = file.rpartition(".")[2]
    one = _entry(p, n, "GET", f"{CDN}{file}", mime=_TYPES[kind], sort=_SORTS[kind], wait=18.0)
    return one | {"_fromCache": "disk"} if cached else one


def _entry(
    p: _Plants,
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
) -> Record:
    page = f"{IDP}/saml/sso?ticket={p.opaque(f'referer {n}')}"
    frame = {"functionName": p.opaque(f"stack {n}"), "url": f"{CDN}/assets/app.1.js", "lineNumber": 1}
    return {
        "time": wait + 21.75,
        "request": _request(p, n, method, url, sent=sent, page=page),
        "response": _response(p, n, status, body=body, to=to, mime=mime),
        "cache": {},
        "timings": {"blocked": 1.5, "dns": 4.0, "connect": 9.0, "ssl": 6.0, "send": 0.25, "wait": wait, "receive": 1.0},
        "serverIPAddress": "203.0.113.17",
        "connection": p.hexadecimal(f"connection {n}"),
        "_initiator": {"type": "script", "stack": {"callFrames": [frame]}},
        "_priority": "High",
        "_resourceType": sort,
    }


def _request(p: _Plants, n: int, method: str, url: str, *, sent: str, page: str) -> Record:
    session = p.opaque(f"session {n}")
    headers = {
        "accept": "text/html,application/json;q=0.9,*/*;q=0.8",
        "accept-encoding": "gzip, deflate, br",
        "authorization": f"Bearer {p.jwt(f'bearer {n}')}",
        "cookie": f"sid={session}; device={p.opaque(f'device {n}')}",
        "referer": page,
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36",
        "x-api-key": p.marked(f"api key {n}"),
    }
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


def _response(p: _Plants, n: int, status: int, *, body: str, to: str, mime: str) -> Record:
    cookie = p.marked(f"set-cookie {n}")
    headers = {
        "cache-control": "no-store",
        "content-type": mime,
        "etag": f'"{p.hexadecimal(f"etag {n}")}"',
        "set-cookie": f"session={cookie}; Path=/; Secure; HttpOnly; SameSite=None",
        "www-authenticate": f'Bearer realm="{p.opaque(f"realm {n}")}"',
        "x-request-id": p.hexadecimal(f"request id {n}"),
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


def _pairs(headers: dict[str, str]) -> list[Record]:
    return [{"name": name, "value": value} for name, value in headers.items()]


def _parameter(pair: str) -> Record:
    name, _, value = pair.partition("=")
    return {"name": name, "value": value}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
