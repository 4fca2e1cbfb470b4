"""A secret's file changes while Handrail runs: read again, asked again where that harms nobody, sent twice never."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handrail.connectors.desk import Created, Desk, DeskConfig, TicketDraft
from handrail.connectors.desk.failure import Category, DeskFailure
from handrail.connectors.http import read_failed, to_answer
from handrail.connectors.lane import ErrorKind, LaneFailed
from handrail.connectors.lane.intake import HttpLane
from handrail.kernel.secrets import KeptSecret, Secrets
from tests.unit.connectors.desk.conftest import desk_section, draft
from tests.unit.connectors.peers import Handler, Peer, client, peer, response

__all__ = ["draft"]


def knowing(*good: str, before: Callable[[int], None] = lambda _: None) -> Handler:
    """Takes only these credentials. ``before`` happens before the answer to the request of this number."""

    def handle(server: Peer, conn: socket.socket) -> None:
        while heard := server.hear(conn):
            number = len(server.requests)
            before(number)
            known = any(f"uthorization: {one}\r\n".encode() in heard for one in good)
            conn.sendall(response(200 if known else 401, b'{"ok": true}'))

    return handle


def sent(server: Peer) -> list[str]:
    """With what each request came."""
    lines = [line for one in server.requests for line in one.decode().split("\r\n")]
    return [line.partition(": ")[2] for line in lines if line.lower().startswith("authorization")]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("old\n")
    return path


def bearer(path: Path) -> dict[str, Any]:
    return {"kind": "bearer", "secret": f"file:{path}"}


def test_next_call_sends_what_the_file_holds_by_then(secret: Path) -> None:
    with peer(knowing("Bearer new")) as server:
        one = client(server.url, auth=bearer(secret))
        secret.write_text("new\n")
        assert one.send("POST", "/", content=b"{}").status == 200
    assert sent(server) == ["Bearer new"]


def test_file_that_is_exchanged_behind_a_symbolic_link_is_read_again(tmp_path: Path) -> None:
    """As Kubernetes does it: the file itself is never written."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(name)
        os.utime(tmp_path / name / "token", ns=(1, 1))
    (tmp_path / "data").symlink_to("old")
    with peer(knowing("Bearer new")) as server:
        one = client(server.url, auth=bearer(tmp_path / "data" / "token"))
        assert one.send("GET", "/").status == 401
        (tmp_path / "next").symlink_to("new")
        (tmp_path / "next").rename(tmp_path / "data")
        assert one.send("GET", "/").status == 200


@pytest.mark.parametrize("kind", ["bearer", "basic", "basic-user", "header"])
def test_every_kind_of_credentials_is_read_again(secret: Path, kind: str) -> None:
    reference = f"file:{secret}"
    auth = {
        "bearer": {"kind": "bearer", "secret": reference},
        "basic": {"kind": "basic", "username": "me", "secret": reference},
        "basic-user": {"kind": "basic", "username_secret": reference},
        "header": {"kind": "header", "name": "Authorization", "prefix": "Key ", "secret": reference},
    }[kind]
    with peer(knowing("nobody")) as server:
        one = client(server.url, auth=auth)
        one.send("GET", "/")
        secret.write_text("another")
        one.send("GET", "/")
    assert len(set(sent(server))) == 2


def test_read_that_meets_the_change_is_asked_again_at_once(secret: Path) -> None:
    with peer(knowing("Bearer new", before=lambda _: secret.write_text("new"))) as server:
        exchange = client(server.url, auth=bearer(secret)).send("GET", "/")
    assert (exchange.status, exchange.may_pass) == (200, False)
    assert sent(server) == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_call_that_meets_the_change_is_sent_once_and_may_pass(secret: Path, method: str) -> None:
    with peer(knowing("Bearer new", before=lambda _: secret.write_text("new"))) as server:
        answer = to_answer(client(server.url, auth=bearer(secret)).send(method, "/", content=b"{}"))
    assert (answer.status, answer.may_pass) == (401, True)
    assert len(server.requests) == 1


def test_refusal_of_what_the_file_still_holds_is_asked_again_later_and_says_so(secret: Path) -> None:
    with peer(knowing("Bearer new")) as server:
        failed = read_failed("crm", to_answer(client(server.url, auth=bearer(secret)).send("GET", "/")))
    assert (failed.retryable, failed.http_status) == (True, 401)
    assert failed.message == "crm could not be read: it refused the credentials that their file holds (status 401)."
    assert len(server.requests) == 1


def test_refusal_of_credentials_that_cannot_change_is_final() -> None:
    auth = {"kind": "bearer", "secret": "env:TOKEN"}
    with peer(knowing("Bearer new")) as server:
        one = client(server.url, auth=auth, secrets=Secrets({"TOKEN": "old"}))
        failed = read_failed("crm", to_answer(one.send("GET", "/")))
    assert failed.retryable is False
    assert "answered with status 401" in failed.message


@pytest.mark.parametrize("status", [200, 403, 404, 500])
def test_other_answers_say_nothing_about_credentials(secret: Path, status: int) -> None:
    def handle(server: Peer, conn: socket.socket) -> None:
        while server.hear(conn):
            conn.sendall(response(status))

    with peer(handle) as server:
        assert to_answer(client(server.url, auth=bearer(secret)).send("GET", "/")).may_pass is False


@pytest.mark.parametrize("state", ["gone", "empty", "half", "unreadable", "control"])
def test_file_that_holds_nothing_usable_for_a_moment_leaves_what_it_held(secret: Path, state: str) -> None:
    with peer(knowing("Bearer old", "Bearer new")) as server:
        one = client(server.url, auth=bearer(secret))
        if state == "gone":
            secret.unlink()
        else:
            content = {"empty": b"", "half": b"\xff\xfe", "unreadable": b"x" * 70_000, "control": b"a\nb"}[state]
            secret.write_bytes(content)
        assert one.send("GET", "/").status == 200
        secret.write_text("new")
        assert one.send("GET", "/").status == 200
    assert sent(server) == ["Bearer old", "Bearer new"]


def test_secret_of_the_environment_is_what_it_was() -> None:
    environ = {"TOKEN": "one"}
    kept = KeptSecret("env:TOKEN", Secrets(environ))
    environ["TOKEN"] = "two"
    assert (kept.current().reveal(), kept.rotates) == ("one", False)


def test_lane_that_refuses_what_the_file_holds_is_asked_again_later(secret: Path, tmp_path: Path) -> None:
    package = tmp_path / "package.zip"
    package.write_bytes(b"PK")
    with peer(knowing("Bearer new")) as server:
        lane = HttpLane("vendor", client(server.url, auth=bearer(secret)), path="", max_package_bytes=1000)
        with pytest.raises(LaneFailed) as failed:
            lane.deliver(package, "sha256:" + "0" * 64)
    assert failed.value.kind is ErrorKind.BUSY


def desk_with_tokens(url: str, secret: Path) -> Desk:
    oauth = {"token_path": "/token", "client_id": "us", "secret": f"file:{secret}"}
    section = desk_section(base_url=url, auth={"kind": "none"}, oauth=oauth)
    return Desk(DeskConfig.model_validate(section), Secrets({}))


class Provider:
    """A desk with a token endpoint: each token ends when the next one is given out, or when the test says."""

    def __init__(self) -> None:
        self.given = 0
        self.secrets: list[str] = []
        self.valid: set[str] = set()

    def __call__(self, server: Peer, conn: socket.socket) -> None:
        while heard := server.hear(conn).decode():
            if heard.startswith("POST /token"):
                self.secrets.append(heard.partition("client_secret=")[2].partition("&")[0])
                self.given += 1
                token = f"t{self.given}"
                self.valid = {token}
                body = f'{{"access_token": "{token}", "expires_in": 3600}}'.encode()
                conn.sendall(response(200, body))
                continue
            known = any(f"Bearer {token}\r\n" in heard for token in self.valid)
            conn.sendall(response(200, b'{"key": "T-7", "active": true}') if known else response(401))


def test_desk_that_ended_a_token_is_asked_again_with_a_new_one(secret: Path) -> None:
    provider = Provider()
    with peer(provider) as server:
        desk = desk_with_tokens(server.url, secret)
        assert desk.check()[0].ok
        provider.valid = set()
        assert desk.check()[0].ok
    assert provider.given == 2


def test_ticket_is_never_sent_twice_and_the_next_goes_with_a_new_token(secret: Path, draft: TicketDraft) -> None:
    provider = Provider()
    with peer(provider) as server:
        desk = desk_with_tokens(server.url, secret)
        desk.check()
        provider.valid = set()
        before = len(server.requests)
        refused = desk.create(draft)
        assert isinstance(refused, DeskFailure)
        assert refused.category is Category.CREDENTIALS
        assert len(server.requests) == before + 1
        assert isinstance(desk.create(draft), Created)
    assert provider.given == 2


def test_late_refusal_of_an_old_token_does_not_drop_the_new_one(secret: Path) -> None:
    provider = Provider()
    with peer(provider) as server:
        tokens = desk_with_tokens(server.url, secret)._tokens
        assert tokens is not None
        old = tokens.bearer(deadline_seconds=5)
        assert not isinstance(old, DeskFailure)
        tokens.forget(old)
        new = tokens.bearer(deadline_seconds=5)
        tokens.forget(old)
        assert tokens.bearer(deadline_seconds=5) == new
    assert provider.given == 2


def test_token_is_asked_for_with_what_the_file_holds_by_then(secret: Path) -> None:
    provider = Provider()
    with peer(provider) as server:
        desk = desk_with_tokens(server.url, secret)
        desk.check()
        secret.write_text("new")
        provider.valid = set()
        assert desk.check()[0].ok
    assert provider.secrets == ["old", "new"]
