"""The web server as a process, asked over a socket: what no test client shows."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from handrail.access import queries, tokens
from handrail.access.capabilities import Role
from handrail.audit.models import AuditEvent
from tests.factories import rows
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


FORM = b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
# Each is a body that never is whole; what comes back says so, and not that the server failed.
BROKEN = {
    "chunk whose size is none": b"Transfer-Encoding: chunked\r\n\r\n0x3\r\na=b\r\n0\r\n\r\n",
    "chunk without an end": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\na=b\r\n",
    "two lengths": b"Content-Length: 3\r\nContent-Length: 4\r\n\r\na=bGET /healthz HTTP/1.1\r\n\r\n",
    "another coding": b"Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\na=b",
}
STALLED = 70  # more than [web] threads can be


def sent(base: str, text: bytes, stack: ExitStack) -> socket.socket:
    host, _, port = base.removeprefix("http://").rpartition(":")
    client = stack.enter_context(socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS))
    client.sendall(text)
    return client


def test_bodies_that_are_not_whole_are_refused_and_clients_that_stall_keep_nobody_waiting(behind_a_proxy: Web) -> None:
    with ExitStack() as stack:
        for name, text in BROKEN.items():
            assert sent(behind_a_proxy.base, FORM + text, stack).recv(12) == b"HTTP/1.1 400", name
        for number in range(STALLED):
            some = b"Content-Length: 9\r\n\r\na=b" if number % 2 else b"Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n"
            sent(behind_a_proxy.base, FORM + some, stack)
        # Less than the server waits for those that stall.
        assert httpx2.get(f"{behind_a_proxy.base}/healthz", timeout=20, trust_env=False).status_code == 200


# Keys of an old installation: nobody could choose them today.
ODD = (
    "a/b",
    "a//b",
    "/",
    "a/close/b",
    "a?b#c",
    "a%2Fb",
    "a b+c",
    "k\u00fcnde",
    'a"b',
    "tab\tline\nend\r\n",
    "..",
    "x" * 128,
)


def test_api_reaches_tenants_with_any_key(behind_a_proxy: Web) -> None:
    workspace = rows.workspace()
    for number, key in enumerate(ODD):
        rows.tenant(workspace, key=key, name=f"Tenant {number}")
    by = queries.actor_for(rows.member(workspace, Role.WORKSPACE_ADMINISTRATOR, Role.OPERATOR))
    secret = tokens.issue(name="ci", by=by, scopes=["read", "tenant:manage", "support:request"]).secret
    headers = {"Authorization": f"Bearer {secret}", "X-Forwarded-Proto": "https"}
    with httpx2.Client(headers=headers, timeout=PATIENCE_SECONDS, trust_env=False) as client:
        for number, key in enumerate(ODD):
            address = f"{behind_a_proxy.base}/api/v1/tenants/{quote(key, safe='').replace('.', '%2E')}"
            assert client.get(f"{address}/support-requests/latest").json() == {"latest": None}, key
            closed = client.post(f"{address}/close", json={"reason": "left"})
            assert (closed.status_code, closed.json().get("key")) == (200, key), key
            assert client.post(f"{address}/reopen").json()["closed_at"] is None, key
            renamed = client.patch(address, json={"name": "Renamed", "key": f"ten_{number}"})
            assert (renamed.status_code, renamed.json().get("key")) == (200, f"ten_{number}"), key
        assert client.patch(f"{behind_a_proxy.base}/api/v1/tenants/none%2Fsuch", json={"name": "x"}).status_code == 404
    assert AuditEvent.objects.filter(event="tenant.renamed").count() == len(ODD)
