"""The server itself: tokens, methods, sizes, where it listens."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import httpx2
import pytest

from handrail.kernel.errors import Invalid, Misconfigured
from handrail.sandbox.estate import PRACTICE_TOKENS
from handrail.sandbox.server import Sandbox, serve


def test_health_needs_no_token(sandbox: Sandbox) -> None:
    assert httpx2.get(sandbox.url + "/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/registry/tenants/ten_alder", "/scim/v2/Users", "/tasks", "/jobs", "/ledger"])
def test_call_without_its_own_token_is_refused(sandbox: Sandbox, path: str) -> None:
    other = {"authorization": "Bearer practice-entitlements"}
    assert httpx2.get(sandbox.url + path).status_code == 401
    assert httpx2.get(sandbox.url + path, headers=other).status_code == 401


def test_unknown_path_is_404_and_wrong_method_405(sandbox: Sandbox) -> None:
    assert httpx2.get(sandbox.url + "/nothing").status_code == 404
    assert httpx2.delete(sandbox.url + "/healthz").status_code == 405


def test_body_without_length_is_refused(sandbox: Sandbox) -> None:
    answer = httpx2.post(sandbox.url + "/jobs", content=iter([b"{}"]))
    assert answer.status_code == 411


def test_body_that_is_no_json_object_is_refused(client) -> None:
    answer = client("control").post("/faults", content=b"[1]")
    assert (answer.status_code, answer.json()["error"]) == (400, "bad-request")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])
def test_listening_off_this_machine_is_refused(host: str) -> None:
    with pytest.raises(Invalid, match="loopback only"):
        Sandbox(host)


def test_taken_port_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"Port {port}"):
            Sandbox(port=port)


def test_missing_token_is_named() -> None:
    with pytest.raises(Misconfigured, match="registry"):
        Sandbox(tokens={k: v for k, v in PRACTICE_TOKENS.items() if k != "registry"})


def test_serve_tells_when_it_is_ready_and_keeps_a_ledger_file(tmp_path: Path) -> None:
    stop, urls = threading.Event(), []

    def ready(url: str) -> None:
        urls.append(url)
        start = {"tenant": "ten_alder", "role": "tenant-admin", "admins": ["amelie@alder.example"]}
        headers = {"authorization": "Bearer practice-sync-jobs", "idempotency-key": "k"}
        httpx2.post(url + "/jobs/entitlement-resync", json=start, headers=headers)
        stop.set()

    serve(port=0, ledger_path=tmp_path / "effects.jsonl", ready=ready, stop=stop)
    assert len(urls) == 1
    assert "tenant-admin to 1 users" in (tmp_path / "effects.jsonl").read_text()
