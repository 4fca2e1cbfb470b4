"""What the log says of a request: no query, and the address that a trusted proxy saw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.test import RequestFactory

from handrail.conf.requests import Numbered


@pytest.fixture(autouse=True)
def nothing_bound() -> Iterator[None]:
    structlog.contextvars.clear_contextvars()
    yield
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize(
    ("proxies", "forwarded", "ip"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, "10.9.9.9, 203.0.113.9", "203.0.113.9"),
        (2, "10.9.9.9, 203.0.113.9, 192.0.2.7", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1"),
        (1, "", "192.0.2.1"),
    ],
)
def test_address_is_what_the_trusted_proxy_saw(settings: Any, proxies: int, forwarded: str, ip: str) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    Numbered.bind_ip(RequestFactory(headers={"x-forwarded-for": forwarded}).get("/", REMOTE_ADDR="192.0.2.1"))
    assert structlog.contextvars.get_contextvars() == {"ip": ip}


def test_query_is_left_out() -> None:
    assert Numbered.format_request(RequestFactory().get("/admin/audit?by=canary@example.com")) == "GET /admin/audit"
