"""The web server as a process, asked over a socket: what no test client shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from handrail.audit.models import AuditEvent
from tests.integration.support.web_process import PATIENCE_SECONDS, Web, installation

pytestmark = pytest.mark.slow
SEEN, FORGED = "192.0.2.7", "203.0.113.66"


@pytest.fixture
def behind_a_proxy(committed_db: str, tmp_path: Path) -> Iterator[Web]:
    web = installation(database=committed_db, directory=tmp_path, proxies=1, https=True)
    with web.serving():
        yield web


def test_underscored_headers_forge_neither_address_nor_scheme(behind_a_proxy: Web) -> None:
    base = behind_a_proxy.base
    with httpx2.Client(base_url=base, timeout=PATIENCE_SECONDS, trust_env=False) as client:
        assert client.get("/accounts/login/", headers={"X_Forwarded_Proto": "https"}).status_code == 301
        proxied = ("X-Forwarded-Proto", "https")
        page = client.get("/accounts/login/", headers=[proxied])
        assert page.status_code == 200
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token is not None
        cookies = "; ".join(f"{name}={value}" for name, value in page.cookies.items())  # Secure, over this plain http
        given = {"login": "nobody@example.com", "password": "wrong", "csrfmiddlewaretoken": token[1]}
        true, forged = ("X-Forwarded-For", SEEN), ("X_Forwarded_For", FORGED)
        origin = ("Referer", base.replace("http:", "https:") + "/accounts/login/")
        for headers in ([true, forged], [forged, true]):
            sent = [proxied, *headers, origin, ("Cookie", cookies)]
            assert client.post("/accounts/login/", data=given, headers=sent).status_code == 200
    refused = AuditEvent.objects.filter(event="user.login_refused")
    assert [event.context["address"] for event in refused] == [SEEN, SEEN]
