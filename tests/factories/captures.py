# ruff: noqa: E501  one planted place a line reads better than wrapped
"""HAR captures in the manner of different browsers and tools, with a secret planted in every place that each has."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

Capture = dict[str, Any]


@dataclass
class Plants:
    """Hands out a different secret for each place, in turn of every shape that secrets have."""

    seed: str
    planted: dict[str, str] = field(default_factory=dict)

    def __call__(self, place: str) -> str:
        digest = hashlib.sha512(f"{self.seed}:{place}".encode()).digest()
        text = base64.b32encode(digest).decode().lower()
        shapes: list[Callable[[], str]] = [
            lambda: f"eyJhbGciOi{text[:12]}.eyJzdWIi{text[12:24]}.{text[24:40]}",
            lambda: digest.hex()[:32],
            lambda: base64.b64encode(digest[:21]).decode(),
            lambda: f"{text[:8]}-{text[8:14]}",
            lambda: f"ghp_{text[:24]}",
            lambda: f"{text[:7]}.{text[7:12]}@victim.example",
            lambda: f"hunter{text[:6]}",
            lambda: f"AKIA{text[:12].upper()}",
            lambda: f"pässwörd{text[:9]}",
            lambda: base64.urlsafe_b64encode(digest[:18]).decode(),
        ]
        return self._plant(place, shapes[len(self.planted) % len(shapes)]())

    def word(self, place: str) -> str:
        """A password of the sort that people choose: a word that paths are made of as well, and a number."""
        at = sum(place.encode()) + len(self.seed)
        return self._plant(place, f"{('Admin', 'welcome', 'Portal', 'secret')[at % 4]}{10 + len(self.planted) % 90}")

    def label(self, place: str) -> str:
        """A host label as people and programs choose it: a name, or random letters that open something."""
        digest = hashlib.sha512(f"{self.seed}:{place}".encode()).digest()
        text = "".join(chr(97 + byte % 26) for byte in digest[:20])
        return self._plant(place, (f"{text[:5]}-{text[5:11]}-laptop", f"{text[:7]}12-{text[7:14]}")[digest[0] % 2])

    def _plant(self, place: str, secret: str) -> str:
        assert place not in self.planted, place
        self.planted[place] = secret
        return secret


def traces(secret: str) -> Iterator[bytes]:
    """Every form under which ``secret`` would count as found: plain, URL, hexadecimal, base64 at all three alignments."""
    raw = secret.encode()
    for form in {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        quote(quote(secret, safe=""), safe=""),
    }:
        yield form.encode().lower()
    yield json.dumps(secret)[1:-1].encode().lower()
    yield raw.hex().encode()
    for lead in range(3):
        whole = base64.b64encode(b"\0" * lead + raw)
        inner = whole[(0, 2, 3)[lead] : len(whole) - 4]
        yield inner.lower()
        yield inner.translate(bytes.maketrans(b"+/", b"-_")).lower()


def found(capture: bytes, plants: Plants) -> list[str]:
    """Places whose secret can be found in ``capture``, compared without regard to case."""
    hay = capture.lower()
    return [place for place, secret in plants.planted.items() if any(form in hay for form in traces(secret))]


def header(name: str, value: str, **more: str) -> dict[str, str]:
    return {"name": name, "value": value, **more}


def request_headers(p: Plants) -> list[dict[str, str]]:
    return [
        header(":path", f"/saml2/acs?code={quote(p('pseudo-header path'))}"),
        header("Host", "login.example.com"),
        header("Authorization", f"Bearer {p('authorization bearer')}"),
        header("Proxy-Authorization", "Basic " + base64.b64encode(p("proxy basic").encode()).decode()),
        header(
            "Cookie",
            f"sid={p('cookie')}; theme=dark; wrapped={base64.b64encode(p('cookie in base64').encode()).decode()}",
        ),
        header("X-Api-Key", p("api key header")),
        header(f"X-{p('custom header name')}", "1"),
        header(
            "Referer",
            f"https://login.example.com/start?state={quote(p('referer state'))}#{quote(p('referer fragment'))}",
        ),
        header("Origin", f"https://{quote(p('origin userinfo'))}@login.example.com"),
        header("User-Agent", f"Mozilla/5.0 (X11; Linux) Chrome/119.0.0.0 {p('user agent')}"),
        header("Accept", f"text/html,application/{p('accept subtype')},*/*;q=0.8"),
        header("Accept-Language", f"en-GB,{p('accept language')}"),
        header("Accept-Encoding", f"gzip, {p('accept encoding')}"),
        header("Content-Type", f"multipart/form-data; boundary={p('request boundary')}"),
        header("If-None-Match", f'"{p("if-none-match")}"'),
        header("Cache-Control", f"no-cache, ext={p('request cache-control')}"),
        header("Range", f"bytes={p('range')}"),
        header("Sec-WebSocket-Key", p("websocket key")),
        header("X-Forwarded-For", p("forwarded for")),
        header("traceparent", f"00-{p('traceparent')}-01"),
        header("Connection", "keep-alive", comment=p("header comment")),
    ]


def response_headers(p: Plants) -> list[dict[str, str]]:
    return [
        header("Set-Cookie", f"sid={p('set-cookie')}; Path=/{p('set-cookie path')}; Secure; HttpOnly"),
        header(
            "Location",
            f"https://app.example.com/callback?code={quote(p('location code'))}#id_token={p('location token')}",
        ),
        header("WWW-Authenticate", f'Bearer realm="{p("challenge realm")}", error="invalid_token"'),
        header("Authentication-Info", p("authentication-info")),
        header("ETag", f'W/"{p("etag")}"'),
        header("Server", f"nginx/1.25 {p('server')}"),
        header("Via", f"1.1 {p('via')}"),
        header("Server-Timing", f"db;dur=12.5;desc={p('server-timing description')}, {p('server-timing name')};dur=3"),
        header("Content-Security-Policy", f"script-src 'nonce-{p('csp nonce')}'"),
        header("Link", f"<https://x.example/{p('link')}>; rel=preload"),
        header("X-Request-Id", p("request id")),
        header("Content-Type", f"text/html; charset={p('charset')}"),
        header("Content-Disposition", f'attachment; filename="{p("file name")}"'),
        header("Vary", f"Accept, X-{p('vary')}"),
        header("Access-Control-Allow-Origin", f"https://{quote(p('cors userinfo'))}@app.example.com"),
        header("Access-Control-Expose-Headers", f"etag, {p('exposed header')}"),
        header("Strict-Transport-Security", f"max-age=1; {p('hsts')}"),
        header("Date", p("date header")),
        header("Alt-Svc", f'h3="{p("alt-svc")}:443"'),
        header("Refresh", f"0;url=/?t={p('refresh')}"),
    ]


def cookies(p: Plants, side: str) -> list[dict[str, Any]]:
    fields = {k: p(f"{side} cookies[].{k}") for k in ("name", "value", "path", "domain", "expires", "comment")}
    return [{**fields, "httpOnly": True, "secure": True}]


def request(p: Plants) -> dict[str, Any]:
    saml = base64.b64encode(f'<samlp:Response ID="{p("saml response id")}"/>'.encode()).decode()
    url = (
        f"https://{quote(p('url user'))}:{quote(p('url password'))}@login.example.com:8443/realms/{quote(p('path segment'))}"
        f"/saml;jsessionid={p('matrix parameter')}/users/12345678/{quote(p('path file'))}.png?code={quote(p('oauth code'))}"
        f"&state={quote(p('oauth state'))}&SAMLRequest={quote(p('saml request'))}&{quote(p('query name'))}=1&v={quote(p('query value'))}"
        f"#access_token={quote(p('fragment'))}"
    )
    return {
        "method": "POST",
        "url": url,
        "httpVersion": "HTTP/2",
        "cookies": cookies(p, "request"),
        "headers": request_headers(p),
        "queryString": [
            header("code", p("queryString code"), comment=p("queryString comment")),
            header(p("queryString name"), "x"),
            header("response_type", p("queryString listed value")),
        ],
        "postData": {
            "mimeType": f"application/x-www-form-urlencoded; x={p('post mime')}",
            "text": f"SAMLResponse={quote_plus(saml)}&password={quote_plus(p('post text'))}",
            "params": [
                header("SAMLResponse", saml),
                {
                    **header("password", p("post password")),
                    "fileName": p("post file name"),
                    "contentType": p("post content type"),
                },
                header(p("post parameter name"), "y", comment=p("post parameter comment")),
            ],
            "comment": p("post comment"),
        },
        "headersSize": 812,
        "bodySize": 5120,
        "comment": p("request comment"),
        "_extra": {p("request vendor key"): [p("request vendor value")]},
    }


def response(p: Plants) -> dict[str, Any]:
    return {
        "status": 302,
        "statusText": f"Found {p('status text')}",
        "httpVersion": p("response protocol"),
        "cookies": cookies(p, "response"),
        "headers": response_headers(p),
        "content": {
            "size": 2048,
            "compression": 12,
            "mimeType": f"text/html; {p('content mime')}",
            "text": f"<form><input value='{p('response body')}'></form>",
            "encoding": p("content encoding"),
            "comment": p("content comment"),
        },
        "redirectURL": f"/callback/{quote(p('redirect path'))}?SAMLart={quote(p('artifact'))}#{quote(p('redirect fragment'))}",
        "headersSize": 400,
        "bodySize": 1024,
        "comment": p("response comment"),
        "_transferSize": 1424,
        "_error": f"net::ERR_{p('response error')}",
    }


def entry(p: Plants) -> dict[str, Any]:
    return {
        "pageref": "page_secret",
        "startedDateTime": "2026-11-22T10:15:02.846Z",
        "time": 104.0929,
        "request": request(p),
        "response": response(p),
        "cache": {
            "beforeRequest": {"expires": "2026-11-23T00:00:00Z", "lastAccess": p("cache access"), "eTag": p("cache etag"), "hitCount": 2},
            "afterRequest": None,
            "comment": p("cache comment"),
        },
        "timings": {"blocked": 0.5, "dns": 1.5, "connect": 20, "send": 0.25, "wait": 60.123456, "receive": 2, "ssl": 11, "comment": p("timings comment")},
        "serverIPAddress": p("server address"),
        "connection": p("connection"),
        "comment": p("entry comment"),
        p("entry key"): 1,
    }  # fmt: skip


def repeated(url: str, **request: Any) -> dict[str, Any]:
    made = {"method": "POST", "url": url, "httpVersion": "h2", "headers": []} | request
    return {"startedDateTime": "2026-11-22T10:15:03Z", "time": 1, "request": made, "response": {"status": 200}}


def repetitions(p: Plants) -> Iterator[dict[str, Any]]:
    """Secrets that known words spell, each dropped where it was used and repeated in a path; then odder places."""
    form = "application/x-www-form-urlencoded"

    def path(secret: str) -> str:
        return f"https://login.example.com/reset/password/{secret}"

    word = p.word("posted parameter repeated in a path")
    yield repeated(path(word), postData={"mimeType": form, "params": [header("password", word)]})
    word = p.word("posted text repeated in a path")
    yield repeated(f"{path(word)}.html", postData={"mimeType": form, "text": f"user=a&password={word}"})
    word = p.word("posted JSON repeated in a path")
    body = json.dumps({"operationName": "Login", "variables": {"password": word}})
    yield repeated(path(f"new-{word}"), postData={"mimeType": "application/json", "text": body})
    word = p.word("multipart repeated in a path")
    body = f'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n{word}\r\n--x--'
    yield repeated(path(word), postData={"mimeType": "multipart/form-data; boundary=x", "text": body})
    word = p.word("JSON in JSON repeated in a path")
    body = json.dumps({"payload": json.dumps({"newPassword": word})})
    yield repeated(path(word), postData={"mimeType": "application/json", "text": body})
    word = p.word("basic password repeated in a path")
    basic = base64.b64encode(f"admin:{word}".encode()).decode()
    yield repeated(path(word), headers=[header("Authorization", f"Basic {basic}")])
    word = p.word("cookie repeated in a host and in headers")
    headers = [
        header("Cookie", f"theme=dark; sid={word}"),
        header("Via", f"1.1 {word}"),
        header("Server-Timing", f"{word};dur=1"),
    ]
    yield repeated(f"https://{word}.example.com/login", headers=headers)
    word = p.word("user information repeated in a path")
    yield repeated(f"https://admin:{word}@login.example.com/reset/{word.upper()}")
    word = p.word("fragment repeated in a path")
    yield repeated(f"{path(word)}#access_token={word}&expires_in=3600")
    word = p.word("unknown parameter repeated in a path")
    yield repeated(f"{path(word)}?j_password={word}")
    word = p.word("matrix parameter repeated in a path")
    yield repeated(f"https://login.example.com/login;jsessionid={word}/{word}")
    word = p.word("token header repeated in a path")
    yield repeated(path(word), headers=[header("X-Session-Token", word)])
    word = p.word("web socket frame repeated in a path")
    frame = {"type": "send", "time": 1, "opcode": 1, "data": json.dumps({"otp": word})}
    yield repeated(path(word)) | {"_webSocketMessages": [frame]}
    secret = p("encoded matrix parameter")
    yield repeated(f"https://login.example.com/login%3Bjsessionid%3D{quote(quote(secret))}")
    secret = p("GraphQL variables")
    yield repeated("https://login.example.com/graphql?variables=" + quote(json.dumps({"code": secret})))
    secret = p("set-cookie as a pseudo-header")
    url = f"https://{p.label('a host')}.corp.{p.label('another host')}.example.com/login"
    yield repeated(url, headers=[header(":set-cookie", f"sid={secret}"), header("SET-COOKIE", secret.upper())])
    secret = p.label("host without a registered name")
    yield repeated(f"https://{secret}.local/login")
    secret = p.label("host under an end that nobody registers")
    yield repeated(f"https://login.{secret}/login")


def log(p: Plants, creator: str, version: str, entries: list[dict[str, Any]], **more: Any) -> Capture:
    page = {
        "startedDateTime": "2026-11-22T10:15:02.800Z",
        "id": "page_secret",
        "title": f"https://login.example.com/?code={p('page title')}",
        "pageTimings": {"onContentLoad": 512.5, "onLoad": 900, "comment": p("page timings comment")},
        "comment": p("page comment"),
    }
    return {
        "log": {
            "version": p("log version"),
            "creator": {"name": creator, "version": version, "comment": p("creator comment")},
            "pages": [page],
            "entries": [*entries, *repetitions(p)],
            "comment": p("log comment"),
            **more,
        },
        p("document key"): p("document value"),
    }


def chrome(p: Plants) -> Capture:
    one = entry(p) | {
        "_initiator": {
            "type": "script",
            "url": f"https://login.example.com/app.js?k={p('initiator url')}",
            "stack": {"callFrames": [{"functionName": p("stack function"), "url": f"https://x/{p('stack url')}", "lineNumber": 3}]},
        },
        "_priority": "VeryHigh",
        "_resourceType": "websocket",
        "_fromCache": "disk",
        "_webSocketMessages": [
            {"type": "send", "time": 1.5, "opcode": 1, "data": p("websocket text")},
            {"type": "receive", "time": 2.5, "opcode": 2, "data": base64.b64encode(p("websocket binary").encode()).decode()},
        ],
        "_connectionId": p("chrome connection id"),
    }  # fmt: skip
    return log(p, "WebInspector", "537.36", [one])


def edge(p: Plants) -> Capture:
    one = entry(p) | {
        "_resourceType": p("edge resource type"),
        "_priority": p("edge priority"),
        "_requestId": p("edge request id"),
    }
    one["request"]["url"] = "data:text/plain;base64," + base64.b64encode(p("data url").encode()).decode()
    return log(p, "WebInspector", p("edge creator version"), [one])


def firefox(p: Plants) -> Capture:
    one = entry(p) | {"_securityState": p("firefox security state")}
    one["request"]["url"] = (
        f"https://{p('host label').encode().hex()}.example.com/api/v2/reset/{quote(p('firefox path'))}"
    )
    one["request"]["postData"]["params"] = []
    one["response"]["content"]["text"] = json.dumps(
        {"access_token": p("json body"), "nested": [{"k": p("json nested")}]}
    )
    return log(
        p, "Firefox", "119.0", [one], browser={"name": "Firefox", "version": "119.0", "comment": p("browser comment")}
    )


def safari(p: Plants) -> Capture:
    one = entry(p) | {"_fetchType": p("safari fetch type"), "_fromServiceWorker": p("safari service worker")}
    one["response"]["content"] |= {
        "encoding": "base64",
        "text": base64.b64encode(p("body in base64").encode()).decode(),
    }
    one["request"]["method"] = p("method")
    return log(p, "WebKit Web Inspector", "1.0", [one])


def fiddler(p: Plants) -> Capture:
    one = entry(p) | {"startedDateTime": p("started"), "time": p("time as text")}
    one["request"] |= {"headersSize": p("size as text"), "httpVersion": p("request protocol")}
    one["request"]["headers"].append({"name": "Cookie2", "value": p("cookie2")})
    one["response"]["headers"].append(
        {"name": ["X", p("header name in list")], "value": {"k": p("header value in object")}}
    )
    return log(p, "Fiddler", "5.0.20242", [one], _sessions=[{"raw": p("fiddler raw session")}])


def charles(p: Plants) -> Capture:
    one = entry(p) | {
        "_charlesStatus": p("charles status"),
        "timings": p("timings as text"),
        "cache": p("cache as text"),
    }
    one["request"]["url"] = f"HTTPS://LOGIN.example.com/adfs/ls/?wctx={quote(p('wctx'))}&wresult={quote(p('wresult'))}"
    one["response"]["redirectURL"] = f"myapp://callback?code={quote(p('app redirect'))}"
    return log(p, "Charles Proxy", "4.6.4", [one])


def mitmproxy(p: Plants) -> Capture:
    one = entry(p) | {"response": p("response as text")}
    one["request"]["comment"] = p("second comment")
    one["request"]["postData"] = {"mimeType": p("mime"), "text": p("raw text"), "params": p("params as text")}
    return log(p, "mitmproxy har_dump.py", "0.1", [one])


def playwright(p: Plants) -> Capture:
    one = entry(p) | {
        "_frameref": p("frame"),
        "_monotonicTime": 1.5,
        "_serverPort": 443,
        "_securityDetails": {"subjectName": p("certificate subject")},
    }
    one["response"]["content"]["_file"] = p("content file")
    one["response"]["headers"].append(
        header("X-Wrapped", base64.b64encode(f"key={p('wrapped header')}".encode()).decode())
    )
    return log(p, "Playwright", "1.52.0", [one], browser={"name": p("browser name"), "version": p("browser version")})  # fmt: skip


TOOLS: dict[str, Callable[[Plants], Capture]] = {
    "chrome": chrome,
    "edge": edge,
    "firefox": firefox,
    "safari": safari,
    "fiddler": fiddler,
    "charles": charles,
    "mitmproxy": mitmproxy,
    "playwright": playwright,
}


def capture(tool: str) -> tuple[bytes, Plants]:
    """A capture as ``tool`` writes it, with those plants that really are in it (some tools lack some places)."""
    plants = Plants(tool)
    data = json.dumps(TOOLS[tool](plants), indent=1 if tool in {"chrome", "firefox"} else None).encode()
    present = set(found(data, plants))
    plants.planted = {place: secret for place, secret in plants.planted.items() if place in present}
    return data, plants
