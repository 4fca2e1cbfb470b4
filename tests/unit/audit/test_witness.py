"""A witness: what it answers to each request, over any order of them, and what is left when it is killed."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from handrail.audit import checkpoint, cosignature
from handrail.audit.checkpoint import LogCheckpoint, VerifierKey
from handrail.audit.cosignature import CosignatureType
from handrail.audit.witness import protocol, state
from handrail.audit.witness import server as witness_server
from handrail.audit.witness.deciding import Witness, WitnessReply
from handrail.audit.witness.server import WitnessServer
from handrail.audit.witness.state import WitnessedLog, WitnessFiles
from handrail.kernel.errors import Conflict, Invalid, Misconfigured
from tests.factories import witnesses
from tests.factories.http_server import running
from tests.factories.trees import Tree
from tests.factories.witnesses import client, process

ORIGIN = "example.com/log"
LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = VerifierKey(ORIGIN, LOG.public_key())
OURS, THEIRS = (Tree([f"{who}{number}".encode() for number in range(40)]) for who in "ab")
# The same first ten leaves, and then others.
FORK = Tree([*OURS.leaves[:10], *THEIRS.leaves[10:]])


def asked(
    old: int, size: int, tree: Tree = OURS, *, key: Ed25519PrivateKey = LOG, proof: tuple[bytes, ...] | None = None
) -> bytes:
    text = checkpoint.sign(LogCheckpoint(ORIGIN, size, tree.root(size)), key)
    return protocol.write(old, tree.consistency(old, size) if proof is None else proof, text)


@pytest.fixture
def files(tmp_path: Path) -> WitnessFiles:
    made = WitnessFiles(tmp_path / "w")
    made.make("w.example", CosignatureType.ED25519)
    made.trust(KEY)
    return made


@pytest.fixture
def ask(files: WitnessFiles) -> Callable[[bytes], WitnessReply]:
    return Witness.open(files).add_checkpoint


Ask = Callable[[bytes], WitnessReply]


def test_first_and_next_checkpoints_are_cosigned(ask: Ask, files: WitnessFiles) -> None:
    public = cosignature.public_of("w.example", files.key())
    for old, size in ((0, 5), (5, 5), (5, 23), (23, 40)):
        reply = ask(asked(old, size))
        assert reply.status == HTTPStatus.OK, reply
        ((name, blob),) = checkpoint.signature_lines(reply.body)
        assert name == "w.example"
        public.check(blob[4:], LogCheckpoint(ORIGIN, size, OURS.root(size)))
        assert files.log(ORIGIN).size == size


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (asked(3, 12), 409),  # not the size that it has cosigned
        (asked(0, 12), 409),
        (asked(12, 20), 409),
        (asked(10, 10, THEIRS), 409),  # "If they don't match, the witness MUST respond with a 409"
        (asked(10, 20, THEIRS), 422),
        (asked(10, 20, proof=()), 422),
        (asked(10, 20, proof=OURS.consistency(9, 20)), 422),
        (asked(10, 9), 400),
        (asked(10, 12, key=Ed25519PrivateKey.from_private_bytes(bytes(32))), 403),
        (asked(10, 12).replace(b"\n12\n", b"\n13\n"), 403),
        (asked(10, 12).replace(b"example.com/log\n12", b"example.com/other\n12"), 404),
        (asked(10, 12).replace(b"old 10", b"old 010"), 400),
        (asked(10, 12).replace(b"old 10", b"new 10"), 400),
        (asked(10, 12)[:-1], 400),
        (asked(10, 12, proof=(bytes(32),) * 64), 400),
        (b"", 400),
        (b"\xff", 400),
    ],
    ids=[f"request {number}" for number in range(17)],
)
def test_anything_else_is_refused_and_changes_nothing(
    ask: Ask, files: WitnessFiles, request_: bytes, status: int
) -> None:
    assert ask(asked(0, 10)).status == HTTPStatus.OK
    before = files.log(ORIGIN)
    reply = ask(request_)
    assert reply.status == status
    assert "—" not in reply.body
    assert files.log(ORIGIN) == before
    if status == HTTPStatus.CONFLICT:
        assert (reply.body, reply.content_type) == ("10\n", "text/x.tlog.size")


def test_proof_with_old_size_zero_is_refused(ask: Ask) -> None:
    assert ask(asked(0, 10, proof=(bytes(32),))).status == HTTPStatus.UNPROCESSABLE_ENTITY


def test_empty_log_has_the_empty_root(ask: Ask) -> None:
    text = checkpoint.sign(LogCheckpoint(ORIGIN, 0, bytes(32)), LOG)
    assert ask(protocol.write(0, (), text)).status == HTTPStatus.CONFLICT
    assert ask(asked(0, 0)).status == HTTPStatus.OK


def test_clock_that_was_set_back_gives_no_earlier_time(files: WitnessFiles) -> None:
    at = [1000.0]
    ask = Witness(files, files.name(), files.key(), clock=lambda: at[0]).add_checkpoint
    assert ask(asked(0, 5)).status == HTTPStatus.OK
    at[0] = 999.0
    assert ask(asked(5, 6)).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert files.log(ORIGIN).size == 5


def test_log_that_rotates_its_key_stays_the_same_log(ask: Ask, files: WitnessFiles) -> None:
    new = Ed25519PrivateKey.generate()
    assert ask(asked(0, 5)).status == HTTPStatus.OK
    assert ask(asked(5, 6, key=new)).status == HTTPStatus.FORBIDDEN
    files.trust(VerifierKey(ORIGIN, new.public_key()))
    assert ask(asked(5, 6, key=new)).status == HTTPStatus.OK


def test_lost_state_makes_a_log_unknown_and_never_new(ask: Ask, files: WitnessFiles) -> None:
    assert ask(asked(0, 5)).status == HTTPStatus.OK
    (path,) = (files.directory / state.LOGS).glob("*.json")
    kept = path.read_bytes()
    path.unlink()
    assert ask(asked(0, 5, THEIRS)).status == HTTPStatus.NOT_FOUND
    begun_again = (b'"size": -1', b'"size": 0', b'"size": "x"')
    other = {"origin": "example.com/other", "keys": [KEY.to_text()], "size": 0, "root": "", "timestamp": 0}
    no_keys = json.dumps({**json.loads(kept), "keys": []}).encode()
    texts = (b"", kept[:40], b"[]", no_keys, json.dumps(other).encode())
    for damaged in (*texts, *(kept.replace(b'"size": 5', size) for size in begun_again)):
        path.write_bytes(damaged)
        assert ask(asked(0, 5, THEIRS)).status == HTTPStatus.SERVICE_UNAVAILABLE
        with pytest.raises(Misconfigured):
            Witness.open(files)


def test_witness_is_made_once(files: WitnessFiles) -> None:
    with pytest.raises(Conflict):
        files.make("other.example", CosignatureType.ED25519)
    with pytest.raises(Invalid):
        WitnessFiles(files.directory / "x").make("two words", CosignatureType.ED25519)
    assert (files.directory / state.KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_one_of_two_requests_at_once_wins_and_the_tree_never_shrinks(files: WitnessFiles) -> None:
    ask = Witness.open(files).add_checkpoint
    assert ask(asked(0, 5)).status == HTTPStatus.OK
    found: list[tuple[int, WitnessReply]] = []
    together = threading.Barrier(8)

    def one(size: int) -> None:
        together.wait()
        found.append((size, Witness.open(files).add_checkpoint(asked(5, size))))

    threads = [threading.Thread(target=one, args=(size,)) for size in range(6, 14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [size for size, reply in found if reply.status == HTTPStatus.OK]
    assert won == [files.log(ORIGIN).size]
    assert {reply.status for _, reply in found} == {HTTPStatus.OK, HTTPStatus.CONFLICT}


class AnyOrder(RuleBasedStateMachine):
    """Two branches of one log ask in any order: everything that was cosigned is of one line."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = WitnessedLog(ORIGIN, (KEY,))
        self.cosigned: list[tuple[int, bytes]] = []
        key = Ed25519PrivateKey.from_private_bytes(bytes(32))
        self.witness = Witness(_Memory(self), "w.example", key)  # type: ignore[arg-type]

    @rule(old=st.integers(0, 20), size=st.integers(0, 20), fork=st.booleans(), right=st.booleans())
    def ask(self, old: int, size: int, fork: bool, right: bool) -> None:
        tree, old = FORK if fork else OURS, self.kept.size if right else old
        reply = self.witness.add_checkpoint(asked(old, size, tree, proof=tree.consistency(old, size)))
        if reply.status == HTTPStatus.OK:
            self.cosigned.append((size, tree.root(size)))

    @invariant()
    def is_one_line(self) -> None:
        sizes = [size for size, _ in self.cosigned]
        assert sizes == sorted(sizes)
        assert any(all(root == tree.root(size) for size, root in self.cosigned) for tree in (OURS, FORK))


class _Memory(WitnessFiles):
    """The files of a witness, without a disk."""

    def __init__(self, machine: AnyOrder) -> None:
        super().__init__(Path("/dev/null"))
        object.__setattr__(self, "machine", machine)

    def log(self, origin: str) -> WitnessedLog:
        return self.machine.kept  # type: ignore[attr-defined]

    def keep(self, log: WitnessedLog) -> None:
        self.machine.kept = log  # type: ignore[attr-defined]

    def alone(self):  # type: ignore[no-untyped-def]
        from contextlib import nullcontext

        return nullcontext()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(deadline=None, max_examples=30, stateful_step_count=12)

# Dies at the so-manieth of the calls that stand between a request and its answer.
KILLED = """
import os, signal, sys
left = [{number}]
def dying(name, module):
    call = getattr(module, name)
    def counted(*given, **named):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*given, **named)
    setattr(module, name, counted)
from handrail.audit.witness import state, deciding
from handrail.audit.witness.state import WitnessFiles
make = WitnessFiles.keep
def keep(self, log):
    for name in ("fsync", "replace", "open", "close"):
        dying(name, os)
    make(self, log)
    left[0] = left[0] - 1 or os.kill(os.getpid(), signal.SIGKILL) or 0
WitnessFiles.keep = keep
"""


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_witness_that_is_killed_between_any_two_steps_remembers_what_it_has_cosigned(
    files: WitnessFiles, number: int
) -> None:
    assert Witness.open(files).add_checkpoint(asked(0, 10)).status == HTTPStatus.OK
    with process(files.directory, before=KILLED.format(number=number)) as killed:
        first = client(killed.url).send("POST", protocol.PATH, content=asked(10, 20))
    with witnesses.served(files.directory) as again:
        forked = client(again.url).send("POST", protocol.PATH, content=asked(10, 20, FORK))
        second = client(again.url).send("POST", protocol.PATH, content=asked(10, 20))
        third = client(again.url).send("POST", protocol.PATH, content=asked(20, 20))
    # Either branch may be the first that it remembers, if nothing was answered before; never both.
    remembered = files.log(ORIGIN)
    assert remembered.size == 20
    if first.status == HTTPStatus.OK:
        assert (forked.status, remembered.root) == (409, OURS.root(20))
    assert (forked.status == 200) == (remembered.root == FORK.root(20))
    assert (third.status == 200) == (remembered.root == OURS.root(20))
    assert second.status == 409 or forked.status != 200


def test_full_disk_gives_no_cosignature_and_loses_nothing(files: WitnessFiles) -> None:
    """The process may write no file any more: RLIMIT_FSIZE stands for a disk without room."""
    assert Witness.open(files).add_checkpoint(asked(0, 10)).status == HTTPStatus.OK
    full = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    full += "resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))"
    with process(files.directory, before=full) as served:
        answer = client(served.url).send("POST", protocol.PATH, content=asked(10, 20))
    assert (answer.status, b"\xe2\x80\x94" in answer.body) == (503, False)
    assert files.log(ORIGIN).size == 10
    assert not [path for path in (files.directory / state.LOGS).iterdir() if path.name.startswith(".")]
    assert Witness.open(files).add_checkpoint(asked(10, 20)).status == HTTPStatus.OK


def test_server_answers_only_what_it_is_for(files: WitnessFiles) -> None:
    with witnesses.served(files.directory) as served:
        asking = client(served.url)
        assert asking.send("POST", "/other", content=b"x").status == 404
        assert asking.send("GET", "/").status == 501
        assert asking.send("POST", protocol.PATH, content=b"x" * 300_000).status in (413, None)
        chunked = asking.send("POST", protocol.PATH, content=b"", headers={"transfer-encoding": "chunked"})
        assert chunked.status in (411, None)
        assert asking.send("POST", protocol.PATH, content=asked(0, 3)).status == 200


def test_client_that_sends_a_byte_now_and_then_is_cut(files: WitnessFiles) -> None:
    server = WitnessServer(("127.0.0.1", 0), Witness.open(files), longest_seconds=0.5)
    address: tuple[str, int] = server.server_address[:2]  # type: ignore[assignment]
    with running(server), socket.create_connection(address) as slow:
        slow.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 1000\r\n\r\n")
        slow.settimeout(0.1)
        ended = False
        while not ended:
            with suppress(TimeoutError):
                ended = slow.recv(1000) == b""
            with suppress(OSError):
                slow.sendall(b"o")
        assert client(server.url).send("POST", protocol.PATH, content=asked(0, 3)).status == 200


def test_connections_beyond_the_limit_are_closed_at_once(files: WitnessFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness_server, "MOST_CONNECTIONS", 1)
    server = WitnessServer(("127.0.0.1", 0), Witness.open(files))
    address: tuple[str, int] = server.server_address[:2]  # type: ignore[assignment]
    with running(server), socket.create_connection(address), socket.create_connection(address) as second:
        second.settimeout(10)
        assert second.recv(1) == b""


def test_witness_says_what_it_knows(files: WitnessFiles, capsys: pytest.CaptureFixture[str]) -> None:
    from handrail.cli.commands.witness import list_

    Witness.open(files).add_checkpoint(asked(0, 7))
    list_(files.directory, json=True)
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["origin"], one["size"]) == (ORIGIN, 7)
