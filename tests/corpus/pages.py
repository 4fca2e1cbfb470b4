# ruff: noqa: E501  one exchange or header a line reads better than wrapped
"""The pages and files of the corpus's site."""

from __future__ import annotations

import base64
import html

_FILES = "https://static.cedar.example"
_ICON = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_NAMES = ("app.3f9c2b1a.js", "vendor.88aa01.chunk.js", "main.css", "icons.svg", "logo.png", "roboto-v30-latin.woff2")
SERVICE_WORKER = "self.addEventListener('fetch', e => { if (e.request.url.includes('offline')) e.respondWith(new Response('off')) });"
SERVICE_WORKER += "self.addEventListener('activate', e => e.waitUntil(clients.claim()));"


def _page(title: str, body: str) -> str:
    files = "".join(
        f'<link rel="stylesheet" href="{_FILES}/assets/{name}">'
        if name.endswith("css")
        else f'<script src="{_FILES}/assets/{name}" defer></script>'
        for name in _NAMES[:3]
    )
    return f'<!doctype html><html lang="en"><head><title>{title}</title>{files}</head><body>{body}</body></html>'


def home(host: str) -> str:
    return _page(f"Cedar | {host}", f'<img src="{_FILES}/assets/logo.png" alt=""><a href="/saml/login">Log in</a>')


def posting(to: str, **fields: str) -> str:
    inputs = "".join(f'<input name="{name}" value="{html.escape(value)}">' for name, value in fields.items())
    script = "<script>document.forms[0].submit()</script>"
    return f'<!doctype html><title>One moment</title><form method="post" action="{to}">{inputs}</form>{script}'


def log_in(relay: str, *, how: str) -> str:
    fields = f'<input name="username"><input name="password" type="password"><input name="relay" value="{html.escape(relay)}">'
    return _page(f"Log in {how}", f'<form method="post" action="/sso/password">{fields}<button>Go</button></form>')


def dashboard() -> str:
    pictures = "".join(f'<img src="{_FILES}/assets/{name}" alt="">' for name in _NAMES[3:5])
    return _page("Dashboard, Maria Lind", f"{pictures}<p>Hello</p>")


def callback(error: str) -> str:
    return _page("Callback", f"<p>{html.escape(error) or 'Code received'}</p>")


def asset(path: str) -> tuple[str, bytes]:
    name = path.rpartition("/")[2]
    if name.endswith("png"):
        return "image/png", _ICON
    if name.endswith("woff2"):
        return "font/woff2", b"wOF2" + bytes(400)
    if name.endswith("svg"):
        return "image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    if name.endswith("css"):
        face = f"@font-face{{font-family:r;src:url({_FILES}/assets/{_NAMES[5]})}}"
        return "text/css; charset=utf-8", (face + "body{font-family:r}" + "p{margin:0}" * 200).encode()
    return "text/javascript; charset=UTF-8", b"globalThis.ready = 1;" * 120
