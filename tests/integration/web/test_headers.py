"""Every route of the URL map, and what is answered before or beside it, has every header."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from handrail.access.capabilities import Role
from tests.factories.web import Web
from tests.integration.web import urlmap
from tests.integration.web.urlmap import Route
from tests.lanes import share

pytestmark = pytest.mark.django_db

HEADERS: dict[str, Callable[[str], object]] = {
    "Cache-Control": lambda value: value == "no-store",
    "Content-Security-Policy": lambda value: (
        all(part in value.split("; ") for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"))
        and "unsafe" not in value
        and "*" not in value
    ),
    "Permissions-Policy": lambda value: {"camera=()", "geolocation=()", "microphone=()"} <= set(value.split(", ")),
    "X-Content-Type-Options": lambda value: value == "nosniff",
    "X-Frame-Options": lambda value: value == "DENY",
    "Cross-Origin-Opener-Policy": lambda value: value == "same-origin",
    "Cross-Origin-Resource-Policy": lambda value: value == "same-origin",
    "Referrer-Policy": lambda value: value in {"same-origin", "no-referrer"},
    "Strict-Transport-Security": lambda value: int(re.findall(r"max-age=(\d+)", value)[0]) >= 365 * 24 * 3600,
}
BESIDE = ("/no-such-page", "/healthz", "/readyz", "/metrics", "/static/none.css", "/api/v1/openapi.json", "/api")


def values(house: Web) -> dict[str, str]:
    return {
        "tenant": house.tenant.key,
        "run": house.completed.ref,
        "exception": "EXC-0000000000",
        "definition": "987654321",
        "member": "987654321",
        "packet": "PKT-0000000000",
    }


def address(route: Route, known: dict[str, str]) -> str:
    return route.url({name: known.get(name, "none") for name in route.parameters})


def answers(house: Web, anonymous: Client, member: Client) -> Iterator[tuple[str, HttpResponse]]:
    paths = {address(route, values(house)) for route in urlmap.everything()} | set(BESIDE)
    asked = ((anonymous, "get"), (member, "get"), (member, "post"), (member, "options"))
    for number, path in enumerate(sorted(paths - {"/accounts/logout/"})):
        for browser, verb in share(asked, number, 2):
            browser.raise_request_exception = False
            yield f"{verb} {path}", getattr(browser, verb)(path, secure=True)
    yield "another host", anonymous.get("/admin", secure=True, headers={"host": "elsewhere.example"})
    yield "plain http", anonymous.get("/api/v1/runs")
    stale = Client(enforce_csrf_checks=True)
    yield "no token of the form", stale.post("/accounts/login/", {}, secure=True)
    yield "log-out", member.post("/accounts/logout/", secure=True)


def test_every_route_has_every_header(
    house: Web,
    as_role: Callable[..., Client],
    settings: Any,
    counted: Callable[[str], None],
) -> None:
    settings.SECURE_HSTS_SECONDS = 365 * 24 * 3600
    wrong, seen = [], 0
    for what, response in answers(house, Client(), as_role(*Role)):
        for name, fits in HEADERS.items():
            if what == "plain http" and name == "Strict-Transport-Security":
                continue
            seen += 1
            value = response.headers.get(name, "")
            if not value or not fits(value):
                wrong.append(f"{what} ({response.status_code}): {name}: {value}")
    counted(f"headers: {seen} looked at on {len(urlmap.everything())} routes, {len(wrong)} wrong")
    assert wrong == []
    assert seen > 1250


def test_static_file_may_be_cached_and_is_for_this_site_only() -> None:
    response = Client().get("/static/handrail/handrail.css")
    assert response.status_code == 200
    assert "no-store" not in response.headers["Cache-Control"]
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in response.headers
