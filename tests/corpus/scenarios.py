# ruff: noqa: E501  one exchange or header a line reads better than wrapped
"""What the browser does on the corpus's site: each is one capture of each recorder."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlencode

from playwright.sync_api import Error, Page

from tests.corpus.site import APP, FILES, IDP, INSIDE, INTERFACE

_APP, _IDP = f"https://{APP}", f"https://{IDP}"
_WAIT_MS = 6_000
Act = Callable[[Page], None]
_FETCH = """async calls => { for (const [url, options] of calls) {
  try { const r = await fetch(url, options); await r.text() } catch (e) { console.log('failed') } } }"""


def go(page: Page, url: str) -> None:
    with suppress(Error):
        page.goto(url, wait_until="load", timeout=_WAIT_MS)


def fetch(page: Page, *calls: tuple[str, dict[str, object]]) -> None:
    page.evaluate(_FETCH, [list(call) for call in calls])


def saml(page: Page, name: str, *, post: bool = False) -> None:
    go(page, f"{_APP}/saml/login{'?post=1' if post else ''}")
    page.wait_for_selector("input[name=password]", timeout=_WAIT_MS)
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", f"Juniper-{secrets.token_hex(4)}!")
    page.click("button")
    with suppress(Error):
        page.wait_for_url("**/dashboard" if name == "maria" else "**/acs", timeout=_WAIT_MS)


def authorisation(**more: str) -> str:
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "client_id": "0oa1b2c3d4", "response_type": "code", "scope": "openid profile email offline_access",
        "redirect_uri": f"{_APP}/callback", "state": secrets.token_urlsafe(16), "nonce": secrets.token_urlsafe(16),
        "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    return f"{_IDP}/oauth2/authorize?{urlencode(asked | more)}"


def exchange(page: Page, code: str) -> None:
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": secrets.token_urlsafe(48),
        "client_id": "0oa1b2c3d4",
    }
    form = {"method": "POST", "headers": {"content-type": "application/x-www-form-urlencoded"}, "body": urlencode(body)}
    fetch(page, (f"{_IDP}/.well-known/openid-configuration", {}), (f"{_IDP}/oauth2/token", form))


def code_flow(page: Page) -> None:
    go(page, authorisation())
    exchange(page, secrets.token_urlsafe(32))
    bearer = {
        "headers": {
            "authorization": f"Bearer eyJhbGciOiJSUzI1NiJ9.{secrets.token_urlsafe(60)}.{secrets.token_urlsafe(60)}"
        }
    }
    fetch(page, (f"https://{INTERFACE}/v1/me", bearer), (f"https://{INTERFACE}/v1/plans", bearer))


def refused_code(page: Page) -> None:
    go(page, authorisation())
    exchange(page, "used")


def silent(page: Page) -> None:
    go(page, f"{_APP}/")
    address = authorisation(prompt="none")
    page.evaluate(
        "u => new Promise(r => { const f = document.createElement('iframe'); f.onload = r; f.src = u; document.body.append(f) })",
        address,
    )


def statuses(page: Page) -> None:
    go(page, f"{_APP}/")
    fetch(
        page,
        *(
            (f"{_APP}/status/{number}", {})
            for number in (503, 520, 499, 440, 460, 561, 999, 429, 502, 504, 522, 418, 451)
        ),
    )


def broken(page: Page) -> None:
    go(page, f"{_APP}/")
    fetch(page, *((f"{_APP}/{path}", {}) for path in ("reset", "empty", "short", "loop")))


def late(page: Page) -> None:
    go(page, f"{_APP}/slow")
    page.evaluate(
        "u => { const c = new AbortController(); setTimeout(() => c.abort(), 200); return fetch(u, {signal: c.signal}).catch(() => 0) }",
        f"{_APP}/slow?again=1",
    )


def cached(page: Page) -> None:
    for _ in range(2):
        go(page, f"{_APP}/dashboard")
    for name in ("news", "config"):
        fetch(
            page,
            *((f"https://{FILES}/assets/{name}", {"cache": mode}) for mode in ("default", "no-cache", "force-cache")),
        )


def worker(page: Page) -> None:
    go(page, f"{_APP}/")
    page.evaluate(
        "async () => { await navigator.serviceWorker.register('/sw.js'); await navigator.serviceWorker.ready }"
    )
    page.wait_for_timeout(200)
    fetch(page, (f"{_APP}/offline", {}), (f"{_APP}/status/200", {}))


def talking(page: Page) -> None:
    go(page, f"{_APP}/")
    ticket = secrets.token_urlsafe(18)
    page.evaluate(
        "u => new Promise(r => { const s = new WebSocket(u); s.onopen = () => s.send(JSON.stringify({auth: u})); s.onclose = s.onerror = r })",
        f"wss://{APP}/socket?ticket={ticket}",
    )
    page.evaluate(
        "u => new Promise(r => { const s = new EventSource(u); s.addEventListener('done', () => { s.close(); r() }) })",
        f"https://{INTERFACE}/events",
    )
    page.evaluate("u => navigator.sendBeacon(u, 'a=1')", f"{_APP}/upload")


def interface(page: Page) -> None:
    go(page, f"{_APP}/")
    key: dict[str, object] = {
        "x-api-key": secrets.token_hex(16),
        "content-type": "application/json",
        "x-correlation-id": secrets.token_hex(8),
    }
    base = f"https://{INTERFACE}/v1"
    body = '{"name":"Maria Lind","mail":"maria@cedar.example"}'
    fetch(
        page,
        (f"{base}/Users?filter=userName%20eq%20%22maria%22&startIndex=1&count=50", {"headers": key}),
        (f"{base}/things", {"method": "POST", "headers": key, "body": body}),
        (f"{base}/things/8f14e45f-ceea-467f-9b1c-2f5d3c0a7e11", {"method": "PATCH", "headers": key, "body": body}),
        (f"{base}/things/17", {"method": "DELETE", "headers": key}),
        (f"{_APP}/graphql", {"method": "POST", "headers": key, "body": '{"query":"{ me { id } }"}'}),
    )


def uploading(page: Page) -> None:
    go(page, f"{_APP}/")
    page.evaluate(
        "async u => { const f = new FormData(); f.append('file', new Blob(['x'.repeat(70000)]), 'payroll-2026.xlsx'); f.append('note', 'mine'); await fetch(u, {method: 'POST', body: f}) }",
        f"{_APP}/upload",
    )


def framed(page: Page) -> None:
    go(page, f"{_APP}/")
    page.evaluate(
        "us => Promise.all(us.map(u => new Promise(r => { const f = document.createElement('iframe'); f.onload = r; f.src = u; document.body.append(f) })))",
        [f"{_IDP}/sso?how=frame", f"{_APP}/dashboard"],
    )


def blocked(page: Page) -> None:
    page.route("**/analytics/**", lambda route: route.abort("blockedbyclient"))
    go(page, f"{_APP}/")
    fetch(
        page,
        ("https://metrics.cedar.example/analytics/collect?cid=1", {}),
        (f"{_APP}/favicon.ico", {}),
        (f"{_APP}/missing/file.js", {}),
    )


def unresolved(page: Page) -> None:
    go(page, f"{_APP}/")
    fetch(page, ("https://gone.cedar.invalid/v1/ping", {}), ("https://gone.cedar.invalid/v1/ping?again=1", {}))
    go(page, "https://gone.cedar.invalid/")


def inside(page: Page) -> None:
    go(page, f"https://{INSIDE}/")
    fetch(page, (f"https://{INSIDE}/v1/me", {}), (f"https://{INSIDE}/status/502", {}))


def single_page(page: Page) -> None:
    go(page, f"{_APP}/dashboard")
    page.evaluate(
        "async u => { for (let i = 0; i < 25; i++) await fetch(`${u}/v1/things/${i}?page=${i}&limit=50&sort=-created`) }",
        f"https://{INTERFACE}",
    )


def plain(url: str) -> Act:
    return lambda page: go(page, url)


SCENARIOS: dict[str, Act] = {
    "home": plain(f"{_APP}/"),
    "saml-redirect": lambda page: saml(page, "maria"),
    "saml-post": lambda page: saml(page, "maria", post=True),
    "saml-unknown-key": lambda page: saml(page, "unknown-key"),
    "saml-skew": lambda page: saml(page, "skew"),
    "saml-denied": lambda page: saml(page, "denied"),
    "saml-no-passive": lambda page: saml(page, "passive", post=True),
    "saml-logout": plain(f"{_APP}/slo"),
    "oidc-code": code_flow,
    "oidc-form-post": plain(authorisation(response_mode="form_post")),
    "oidc-login-required": plain(authorisation(prompt="none")),
    "oidc-invalid-grant": refused_code,
    "oidc-silent": silent,
    "statuses": statuses,
    "broken": broken,
    "late": late,
    "redirects": plain(f"{_APP}/hop/6?utm_source=mail&utm_campaign=autumn"),
    "loop": plain(f"{_APP}/loop"),
    "cached": cached,
    "service-worker": worker,
    "sockets": talking,
    "interface": interface,
    "upload": uploading,
    "frames": framed,
    "blocked": blocked,
    "unresolved": unresolved,
    "inside": inside,
    "single-page": single_page,
}
# In these the browser does not trust the site's certificate.
DISTRUSTED = {"untrusted": plain(f"{_APP}/"), "untrusted-log-in": plain(f"{_APP}/saml/login")}
