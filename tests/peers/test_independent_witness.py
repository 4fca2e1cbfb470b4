"""``aics-witness``, which others wrote, cosigns our log and refuses its fork; their ``aics-tlog`` accepts proofs."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handrail.access import queries as access
from handrail.anchoring import actions
from handrail.audit import cosigned, proofs, signing, sources, tlogproof
from handrail.audit.cosignature import CosignerKey
from handrail.audit.models import Anchor, AuditCheckpoint
from handrail.audit.signing import Signing
from handrail.audit.verification import verify
from handrail.kernel.clock import now
from tests.factories.log import keep_mark, sealed_events
from tests.factories.witnesses import forked, witnessed

PROGRAMS = Path("/opt/aics-witness/bin")
pytestmark = [
    pytest.mark.peer,
    pytest.mark.django_db,
    pytest.mark.skipif(
        not (PROGRAMS / "aics-witness").exists() and not os.environ.get("CI"),
        reason="The witness is not installed: tests/peers/witness-install",
    ),
]


def said(program: str, *words: str, folder: Path) -> str:
    done = subprocess.run([PROGRAMS / program, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[tuple[str, CosignerKey]]:
    """Our log is ``example.com/log``; gives the witness's address and key."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Signing("example.com/log", Ed25519PrivateKey.generate())
    config = ("--config", "witness.json")
    printed = said("aics-witness", "init", *config, "--name", "witness.example/aics", folder=tmp_path)
    key = next(word for word in printed.split() if word.startswith("witness.example/aics+"))
    vkey = made.verifier().to_text()
    said("aics-witness", "add-log", *config, "--origin", made.origin, "--vkey", vkey, folder=tmp_path)
    words = [PROGRAMS / "aics-witness", "serve", *config, "--listen", f"127.0.0.1:{port}"]
    served = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    with signing.use(made):
        yield f"http://127.0.0.1:{port}", CosignerKey.from_text(key)
    served.terminate()
    served.wait(30)


def anchor() -> None:
    Anchor.objects.update(due_at=now() - timedelta(seconds=1))
    actions.anchor(by=access.worker("worker-1", 0))


def test_another_witness_cosigns_and_another_verifier_accepts(witness: tuple[str, CosignerKey], tmp_path: Path) -> None:
    url, key = witness
    with witnessed({"w1": url}, {"w1": key}):
        ids = sealed_events(3)
        anchor()
        sealed_events(4)
        anchor()
        keep_mark()
        assert cosigned.quorum().by == ("witness.example/aics",)
        proven = tlogproof.parse(proofs.prove(sources.EVENTS, ids[1], is_shown=lambda _: True).proof)
    (tmp_path / "note").write_text(proven.checkpoint)
    (tmp_path / "leaf").write_bytes(proven.extra)
    (tmp_path / "proof").write_text("".join(f"{part.hex()}\n" for part in proven.path))
    trust = ("--log-key", signing.get().verifier().to_text(), "--witness-key", key.to_text(), "--quorum", "1")
    said("aics-tlog", "verify-checkpoint", "--note", "note", *trust, "--origin", "example.com/log", folder=tmp_path)
    _, size, root = proven.checkpoint.split("\n")[:3]
    place = ("--index", str(proven.index), "--size", size, "--root", root)
    said("aics-tlog", "verify-inclusion", "--leaf", "leaf", "--proof", "proof", *place, folder=tmp_path)


def test_another_witness_refuses_the_fork(witness: tuple[str, CosignerKey]) -> None:
    url, key = witness
    with witnessed({"w1": url}, {"w1": key}):
        for count in (2, 3):
            sealed_events(count)
            anchor()
        newest = AuditCheckpoint.objects.latest("size").size
        forked(3)
        sealed_events(3)
        assert AuditCheckpoint.objects.latest("size").size == newest
        anchor()
        assert Anchor.objects.get(kind="witness").problem == "forked"
        assert [one.kind for one in verify().differences] == ["witness"]
