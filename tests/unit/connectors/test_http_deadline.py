"""One total deadline per call, whatever the other side does, and an honest word on whether the request was sent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from handrail.connectors.http.resolver import MAX_LOOKUPS, LookupFailed, LookupSlow, Resolver
from handrail.connectors.outcome import Failure
from tests.unit.connectors.peers import (
    Handler,
    Peer,
    certificate,
    client,
    dripping,
    hang,
    hear_then_hang,
    peer,
    response,
)

DEADLINE_SECONDS = 0.3
WELL_BEFORE_SECONDS = 20.0


def drip_informational(server: Peer, conn: socket.socket) -> None:
    server.hear(conn)
    while not server.over.wait(0.05):
        conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize(
    "handler",
    [
        pytest.param(hear_then_hang, id="silence"),
        pytest.param(dripping(b"", b"H"), id="status line"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nX-A: "), id="headers"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"), id="body"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"), id="chunks"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\n\r\n"), id="body without length"),
        pytest.param(drip_informational, id="endless 100 Continue"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_send_stops_at_the_deadline_when_the_answer_dribbles(handler: Handler, method: str) -> None:
    with peer(handler) as server:
        started = monotonic()
        exchange = client(server.url, deadline_seconds=DEADLINE_SECONDS).send(method, "/")
        assert exchange.failure is Failure.TIMEOUT_AFTER_SEND
        assert exchange.failure.sent
        assert exchange.status is None
        assert monotonic() - started < WELL_BEFORE_SECONDS


def test_send_stops_at_the_deadline_when_the_peer_reads_nothing() -> None:
    with peer(hang) as server:
        started = monotonic()
        exchange = client(server.url, deadline_seconds=DEADLINE_SECONDS).send("POST", "/", content=b"x" * 50_000_000)
        assert exchange.failure is Failure.TIMEOUT_AFTER_SEND
        assert monotonic() - started < WELL_BEFORE_SECONDS


def test_send_reports_not_sent_when_the_tls_handshake_hangs() -> None:
    with peer(hang) as server:
        started = monotonic()
        url = server.url.replace("http:", "https:")
        exchange = client(url, deadline_seconds=DEADLINE_SECONDS).send("POST", "/", content=b"{}")
        assert exchange.failure is Failure.TIMEOUT_BEFORE_SEND
        assert not exchange.failure.sent
        assert monotonic() - started < WELL_BEFORE_SECONDS


def test_send_reports_not_sent_when_the_listener_accepts_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        started = monotonic()
        exchange = client(f"http://127.0.0.1:{port}", deadline_seconds=DEADLINE_SECONDS).send("POST", "/")
        for filler in fillers:
            filler.close()
        assert exchange.failure is Failure.TIMEOUT_BEFORE_SEND
        assert monotonic() - started < WELL_BEFORE_SECONDS


def test_send_reports_not_sent_when_the_host_is_unroutable() -> None:
    started = monotonic()
    # 192.0.2.0/24 is for documentation (RFC 5737): no host, and on some networks no route either.
    target = client("http://192.0.2.1", deadline_seconds=DEADLINE_SECONDS, allow_plain_http=True)
    exchange = target.send("POST", "/")
    assert exchange.failure in {Failure.TIMEOUT_BEFORE_SEND, Failure.CONNECT}
    assert not exchange.failure.sent
    assert monotonic() - started < WELL_BEFORE_SECONDS


def test_send_reports_not_sent_when_the_name_server_hangs() -> None:
    over = threading.Event()

    def silent(host: str, port: int) -> list[tuple[socket.AddressFamily, object]]:
        over.wait(30)
        return []

    started = monotonic()
    target = client("https://slow.example", deadline_seconds=DEADLINE_SECONDS, resolver=Resolver(silent))
    exchange = target.send("POST", "/")
    over.set()
    assert exchange.failure is Failure.TIMEOUT_BEFORE_SEND
    assert monotonic() - started < WELL_BEFORE_SECONDS


def test_send_tries_the_next_address_when_the_first_is_dead() -> None:
    with peer(lambda server, conn: (server.hear(conn), conn.sendall(response()))[1]) as server:
        dead_then_alive = [(socket.AF_INET, ("192.0.2.1", 9)), (socket.AF_INET, ("127.0.0.1", server.port))]
        resolver = Resolver(lambda host, port: list(dead_then_alive))
        target = client(
            f"http://two.example:{server.port}", deadline_seconds=1.0, resolver=resolver, allow_plain_http=True
        )
        assert target.send("GET", "/").status == 200


def test_send_keeps_other_calls_moving_while_many_hang_on_one_peer() -> None:
    def hang_on_slow(server: Peer, conn: socket.socket) -> None:
        while request := server.hear(conn):
            if request.startswith(b"GET /slow"):
                server.over.wait(30)
                return
            conn.sendall(response())

    with peer(hang_on_slow) as server:
        target = client(server.url, deadline_seconds=20.0)
        hung = [threading.Thread(target=target.send, args=("GET", "/slow"), daemon=True) for _ in range(40)]
        for thread in hung:
            thread.start()
        started = monotonic()
        while server.connections < 40 and monotonic() - started < WELL_BEFORE_SECONDS:
            threading.Event().wait(0.01)
        assert [target.send("GET", "/quick").status for _ in range(5)] == [200] * 5
        assert monotonic() - started < WELL_BEFORE_SECONDS


def test_send_holds_the_deadline_when_an_encrypted_body_dribbles(tmp_path: Path) -> None:
    context, cert = certificate(tmp_path)
    with peer(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"), tls=context) as server:
        started = monotonic()
        exchange = client(server.url, deadline_seconds=DEADLINE_SECONDS, ca_file=cert).send("GET", "/")
        assert exchange.failure is Failure.TIMEOUT_AFTER_SEND
        assert monotonic() - started < WELL_BEFORE_SECONDS


def test_send_takes_the_call_s_own_deadline_over_the_configured_one() -> None:
    with peer(hear_then_hang) as server:
        started = monotonic()
        exchange = client(server.url, deadline_seconds=30.0).send("GET", "/", deadline_seconds=DEADLINE_SECONDS)
        assert exchange.failure is Failure.TIMEOUT_AFTER_SEND
        assert monotonic() - started < WELL_BEFORE_SECONDS


def test_resolver_shares_one_lookup_between_callers_of_one_name() -> None:
    asked: list[str] = []
    release = threading.Event()

    def slow(host: str, port: int) -> list[tuple[socket.AddressFamily, object]]:
        asked.append(host)
        release.wait(10)
        return [(socket.AF_INET, ("127.0.0.1", port))]

    resolver = Resolver(slow)
    results: list[object] = []
    callers = [threading.Thread(target=lambda: results.append(resolver.resolve("a.example", 80, 10))) for _ in range(8)]
    for caller in callers:
        caller.start()
    _wait_until(lambda: bool(asked))
    release.set()
    for caller in callers:
        caller.join(10)
    assert len(results) == 8
    assert asked.count("a.example") < 8


def test_resolver_refuses_more_hanging_names_than_its_limit() -> None:
    over = threading.Event()

    def silent(host: str, port: int) -> list[tuple[socket.AddressFamily, object]]:
        over.wait(30)
        return []

    resolver = Resolver(silent)
    for number in range(MAX_LOOKUPS):
        with pytest.raises(LookupSlow):
            resolver.resolve(f"n{number}.example", 80, 0.001)
    with pytest.raises(LookupFailed):
        resolver.resolve("one-more.example", 80, 5.0)
    over.set()


def test_resolver_asks_anew_after_a_name_was_unknown() -> None:
    known: list[tuple[socket.AddressFamily, object]] = []
    resolver = Resolver(lambda host, port: list(known))
    with pytest.raises(LookupFailed):
        resolver.resolve("late.example", 80, 5.0)
    known.append((socket.AF_INET, ("127.0.0.1", 80)))
    assert resolver.resolve("late.example", 80, 5.0) == known


def _wait_until(met: Callable[[], bool]) -> None:
    started = monotonic()
    while not met() and monotonic() - started < WELL_BEFORE_SECONDS:
        threading.Event().wait(0.005)
