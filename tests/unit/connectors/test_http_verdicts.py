"""What is said of calls that fail, and of answers that are not to be trusted."""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc
import zlib
from contextlib import suppress
from pathlib import Path

import pytest

from handrail.connectors.http.resolver import Resolver
from handrail.connectors.outcome import Failure
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets
from tests.unit.connectors.peers import (
    Peer,
    answering,
    certificate,
    client,
    peer,
    reset,
    response,
)

MIB = 1024 * 1024


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return int(closed.getsockname()[1])


def test_send_reports_connect_when_nobody_listens() -> None:
    assert client(f"http://127.0.0.1:{free_port()}").send("POST", "/").failure is Failure.CONNECT


def test_send_reports_dns_when_the_name_is_unknown() -> None:
    def unknown(host: str, port: int) -> list[tuple[socket.AddressFamily, object]]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    assert client("https://no.example", resolver=Resolver(unknown)).send("POST", "/").failure is Failure.DNS


def test_send_reports_dns_when_the_system_knows_no_such_name() -> None:
    # .invalid never resolves (RFC 6761); a machine without a name server says so as well, or never answers.
    exchange = client("https://nowhere.invalid", deadline_seconds=1.0).send("POST", "/")
    assert exchange.failure in {Failure.DNS, Failure.TIMEOUT_BEFORE_SEND}


def test_send_reports_tls_when_the_certificate_is_not_trusted(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    with peer(answering(response()), tls=context) as server:
        exchange = client(server.url).send("POST", "/", content=b"{}")
        assert exchange.failure is Failure.TLS
        assert server.requests == []


def test_send_reports_tls_when_the_certificate_is_for_another_host(tmp_path: Path) -> None:
    context, cert = certificate(tmp_path, host="other.example")
    with peer(answering(response()), tls=context) as server:
        assert client(server.url, ca_file=cert).send("POST", "/").failure is Failure.TLS
        assert server.requests == []


def test_send_succeeds_when_ca_file_vouches_for_the_certificate(tmp_path: Path) -> None:
    context, cert = certificate(tmp_path)
    with peer(answering(response(200, b"[1]")), tls=context) as server:
        exchange = client(server.url, ca_file=cert).send("POST", "/", content=b"{}")
        assert (exchange.status, exchange.body, exchange.failure) == (200, b"[1]", None)


def test_send_reports_tls_when_the_peer_speaks_plain_http() -> None:
    with peer(lambda server, conn: conn.sendall(response(400))) as server:
        assert client(server.url.replace("http:", "https:")).send("GET", "/").failure is Failure.TLS


def lose(server: Peer, conn: socket.socket) -> None:
    server.hear(conn)


def lose_by_reset(server: Peer, conn: socket.socket) -> None:
    server.hear(conn)
    reset(conn)


def garble(server: Peer, conn: socket.socket) -> None:
    server.hear(conn)
    conn.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def cut_body(server: Peer, conn: socket.socket) -> None:
    server.hear(conn)
    conn.sendall(response(200, b'{"id": 1}')[:-4])


def huge_headers(server: Peer, conn: socket.socket) -> None:
    server.hear(conn)
    with suppress(OSError):
        conn.sendall(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 10_000_000)


@pytest.mark.parametrize("handler", [lose, lose_by_reset, garble, cut_body, huge_headers])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_send_reports_connection_lost_when_no_whole_answer_comes(handler: object, method: str) -> None:
    with peer(handler) as server:  # type: ignore[arg-type]
        exchange = client(server.url).send(method, "/", content=b"{}" if method == "POST" else None)
        assert exchange.failure is Failure.CONNECTION_LOST
        assert exchange.failure.sent
        assert exchange.status is None


def test_send_never_sends_an_effect_twice_when_the_connection_is_lost() -> None:
    with peer(lose) as server:
        client(server.url).send("POST", "/", content=b"{}")
        assert server.connections == 1


def answer_once_then_close(server: Peer, conn: socket.socket) -> None:
    """Promise to keep the connection, answer one request, and hang up when the second arrives."""
    if server.hear(conn):
        conn.sendall(response())
        conn.recv(1)


def test_send_reads_again_when_a_kept_connection_turns_out_dead() -> None:
    with peer(answer_once_then_close) as server:
        target = client(server.url)
        assert [target.send("GET", "/").status for _ in range(3)] == [200, 200, 200]


def test_send_puts_every_effect_on_a_connection_of_its_own() -> None:
    with peer(answering(response())) as server:
        target = client(server.url)
        target.send("GET", "/")
        for _ in range(3):
            assert target.send("POST", "/", content=b"{}").status == 200
        assert server.connections == 4
        assert b"connection: close" in server.requests[-1].lower()


def test_send_keeps_connections_for_reads_between_threads() -> None:
    with peer(answering(response())) as server:
        target = client(server.url)
        target.send("GET", "/")
        threads = [threading.Thread(target=target.send, args=("GET", "/")) for _ in range(4)]
        for thread in threads:
            thread.start()
            thread.join()
        assert len(server.requests) == 5
        assert server.connections == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_send_follows_no_redirect(status: int) -> None:
    with peer(answering(response(status, b"", "Location: /elsewhere"))) as server:
        exchange = client(server.url).send("GET", "/")
        assert (exchange.failure, exchange.status) == (Failure.REDIRECT, status)
        assert exchange.headers["location"] == "/elsewhere"
        assert len(server.requests) == 1


def send_forever(start: bytes, total: int) -> object:
    def handle(server: Peer, conn: socket.socket) -> None:
        server.hear(conn)
        with suppress(OSError):
            conn.sendall(start)
            for _ in range(total // 65536):
                conn.sendall(b"x" * 65536)

    return handle


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n", id="declared"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="undeclared"),
    ],
)
def test_send_stops_reading_when_the_body_is_too_large(start: bytes) -> None:
    with peer(send_forever(start, 100 * MIB)) as server:  # type: ignore[arg-type]
        tracemalloc.start()
        exchange = client(server.url).send("GET", "/")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (exchange.failure, exchange.status, exchange.body) == (Failure.TOO_LARGE, 200, b"")
        assert peak < 10 * MIB


def test_send_stops_unpacking_when_the_body_is_a_gzip_bomb() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    bomb = b"".join(packer.compress(bytes(MIB)) for _ in range(64)) + packer.flush()
    assert len(bomb) < MIB
    with peer(answering(response(200, bomb, "Content-Encoding: gzip"))) as server:
        tracemalloc.start()
        exchange = client(server.url).send("GET", "/")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert exchange.failure is Failure.TOO_LARGE
        assert peak < 10 * MIB


def test_send_unpacks_gzip() -> None:
    with peer(answering(response(200, gzip.compress(b'{"a": 1}'), "Content-Encoding: gzip"))) as server:
        assert client(server.url).send("GET", "/").body == b'{"a": 1}'


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(b"x" * 1000, mtime=0)[:-9], "gzip"),
        (b"not gzip", "gzip"),
        (gzip.compress(b"{}", mtime=0) + b"more", "gzip"),
        (gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), "gzip, gzip"),
        (b"{}", "br"),
    ],
    ids=["cut", "not-gzip", "more-behind", "twice", "unknown"],
)
def test_send_reports_connection_lost_when_the_encoding_is_broken(body: bytes, encoding: str) -> None:
    with peer(answering(response(200, body, f"Content-Encoding: {encoding}"))) as server:
        assert client(server.url).send("GET", "/").failure is Failure.CONNECTION_LOST


def test_send_takes_exactly_max_bytes() -> None:
    with peer(answering(response(200, b"x" * 1000))) as server:
        assert client(server.url, max_bytes=1000).send("GET", "/").body == b"x" * 1000
        assert client(server.url, max_bytes=999).send("GET", "/").failure is Failure.TOO_LARGE


def test_send_ignores_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with peer(answering(response())) as server:
        assert client(server.url).send("GET", "/").status == 200


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ({"kind": "bearer", "secret": "env:KEY"}, b"authorization: bearer k3y"),
        ({"kind": "basic", "username": "ann", "secret": "env:KEY"}, b"authorization: basic yw5uomszeq=="),
        ({"kind": "basic", "username_secret": "env:KEY"}, b"authorization: basic azn5ong="),
        ({"kind": "header", "name": "X-Api-Key", "secret": "env:KEY"}, b"x-api-key: k3y"),
        (
            {"kind": "header", "name": "Authorization", "prefix": "token ", "secret": "env:KEY"},
            b"authorization: token k3y",
        ),
    ],
)
def test_send_carries_the_credentials(auth: dict[str, str], header: bytes) -> None:
    with peer(answering(response())) as server:
        client(server.url, auth=auth, secrets=Secrets({"KEY": "k3y"})).send("GET", "/")
        assert header in server.requests[0].lower()


def test_opening_refuses_a_secret_with_a_line_break() -> None:
    with pytest.raises(Misconfigured) as caught:
        client(
            "https://a.example",
            auth={"kind": "bearer", "secret": "env:KEY"},
            secrets=Secrets({"KEY": "a\r\nEvil: 1"}),
        )
    assert caught.value.code == "secret-unusable"
    assert "Evil" not in caught.value.message


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "naïve"])
def test_send_refuses_a_header_that_would_break_the_request(value: str) -> None:
    with peer(answering(response())) as server:
        with pytest.raises(Misconfigured) as caught:
            client(server.url).send("POST", "/", headers={"X-A": value})
        assert caught.value.code == "refused-headers"
        assert server.requests == []


def test_opening_refuses_a_ca_file_that_is_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    with pytest.raises(Misconfigured) as caught:
        client("https://a.example", ca_file=tmp_path / "ca.pem")
    assert caught.value.code == "ca-file"


def answer_early_then_close(server: Peer, conn: socket.socket) -> None:
    """Refuse an upload before it is complete, as servers with a limit do."""
    conn.recv(1000)
    conn.sendall(response(413, b"{}", "Connection: close"))
    conn.shutdown(socket.SHUT_WR)
    while conn.recv(65536):
        pass


def test_send_hears_an_answer_that_comes_before_the_upload_ends() -> None:
    with peer(answer_early_then_close) as server:
        assert client(server.url).send("POST", "/", content=b"x" * 2_000_000).status == 413


def test_send_works_again_after_close() -> None:
    with peer(answering(response())) as server:
        target = client(server.url)
        target.send("GET", "/")
        target.close()
        assert target.send("GET", "/").status == 200
        assert server.connections == 2


def test_send_uploads_raw_bytes_and_returns_raw_bytes() -> None:
    with peer(answering(response(201, b"\x00\xff", content_type="application/octet-stream"))) as server:
        exchange = client(server.url).send(
            "PUT", "/packet.zip", content=b"PK\x00", headers={"Content-Type": "application/zip"}
        )
        assert (exchange.status, exchange.body) == (201, b"\x00\xff")
        assert exchange.headers["content-type"] == "application/octet-stream"
        assert server.requests[0].endswith(b"\r\n\r\nPK\x00")


def test_failure_says_sent_unless_it_is_certain_that_nothing_was() -> None:
    assert {failure for failure in Failure if not failure.sent} == {
        Failure.DNS,
        Failure.CONNECT,
        Failure.TLS,
        Failure.TIMEOUT_BEFORE_SEND,
    }
    assert {failure for failure in Failure if failure.answered} == {
        Failure.TOO_LARGE,
        Failure.NOT_JSON,
        Failure.REDIRECT,
        Failure.PARTIAL,
        Failure.STALE,
        Failure.CHANGED,
        Failure.NOT_OURS,
    }
