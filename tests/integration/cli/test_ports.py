"""Two servers on one port: the second says so, and the first keeps every request."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.cli import listening
from handrail.cli.entry import run as handrail
from handrail.kernel.errors import Misconfigured
from handrail.sandbox.server import Sandbox
from tests.integration.worker.processes import environment, wait_until, write_config

SHARING = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family) as server:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.bind((sys.argv[1], 0))
    server.listen()
    print(server.getsockname()[1], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def listener(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Number and port of another process that listens, and shares its port as our web server does."""
    host = getattr(request, "param", "127.0.0.1")
    program = [sys.executable, "-c", SHARING, host]
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.communicate()


def test_web_on_a_port_where_web_listens_already_exits_7_and_leaves_it_alone(
    committed_db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = _free()
    env = environment(write_config(tmp_path, "http://127.0.0.1:9"), committed_db)
    first = subprocess.Popen([sys.executable, "-m", "handrail", "web", "--port", str(port)], env=env)
    try:
        wait_until(lambda: _answers(port), seconds=60, what="the first server listens")
        assert handrail(["web", "--port", str(port)]) == 7
        said = capsys.readouterr().err
        assert f"listens on 127.0.0.1 port {port} already. End it, or choose another port. [port-in-use]" in said
        assert "Process " in said
        assert _answers(port)
    finally:
        first.terminate()
        first.wait(60)
    listening.check("127.0.0.1", port)  # free again at once, with connections of the first still closing


def test_up_on_a_port_in_use_exits_7_before_it_starts_anything(
    committed_db: str, tmp_path: Path, listener: tuple[int, int]
) -> None:
    number, port = listener
    config = write_config(tmp_path, "http://127.0.0.1:9")
    config.write_text(f"{config.read_text()}\n[web]\nport = {port}\n")
    env = environment(config, committed_db)
    done = subprocess.run(
        [sys.executable, "-m", "handrail", "up"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 7
    assert f"Process {number}" in done.stderr
    assert "Serving" not in done.stdout


@pytest.mark.parametrize(
    ("listener", "second"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "0.0.0.0"),
        ("0.0.0.0", "127.0.0.1"),
        ("127.0.0.1", "localhost"),
        ("::1", "::1"),
        ("::1", "::"),
        ("127.0.0.1", "::"),
    ],
    indirect=["listener"],
)
def test_address_that_overlaps_one_in_use_is_refused(listener: tuple[int, int], second: str) -> None:
    with pytest.raises(Misconfigured, match=rf"^Process {listener[0]} \(") as caught:
        listening.check(second, listener[1])
    assert caught.value.code == "port-in-use"


@pytest.mark.parametrize("listener", ["127.0.0.1"], indirect=True)
def test_another_address_of_the_same_port_is_free(listener: tuple[int, int]) -> None:
    listening.check("127.0.0.2", listener[1])


def test_two_that_reserve_at_the_same_moment_are_not_both_let_in() -> None:
    port = _free()
    with listening.reserved("127.0.0.1", port), pytest.raises(Misconfigured, match=f"Process {os.getpid()}|Another"):
        listening.check("127.0.0.1", port)  # nobody listens there yet
    listening.check("127.0.0.1", port)


def test_port_whose_connections_are_still_closing_is_free() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # the server closes first, so that it is the one whose address waits
            client.recv(1)
    assert f":{port:04X} " in Path("/proc/net/tcp").read_text()  # TIME_WAIT
    listening.check("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("no.such.host.invalid", "is not an address of this machine"),
        ("192.0.2.1", "Can't listen on 192.0.2.1 port"),
        ("a" * 300, "is not an address of this machine"),
    ],
)
def test_address_of_another_machine_is_refused_with_a_sentence(host: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        listening.check(host, 8000)


def test_second_practice_estate_on_a_port_is_refused() -> None:
    with Sandbox() as first:
        port = int(first.url.rsplit(":", 1)[1])
        with pytest.raises(Misconfigured, match=f"Port {port} of 127.0.0.1 can't be used: Address already in use"):
            Sandbox(port=port)


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return client.recv(16).startswith(b"HTTP/1.")
    except OSError:
        return False
