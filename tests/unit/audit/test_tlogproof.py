""".tlog-proof files, and a reader of them that was written from the specification alone."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from handrail.audit import checkpoint, cosignature, merkle, policy, tlogproof
from handrail.audit.checkpoint import LogCheckpoint, VerifierKey
from handrail.audit.tlogproof import TlogProof
from handrail.kernel.errors import Invalid
from tests.factories.trees import Tree

READER = Path(__file__).resolve().parents[2] / "outsiders" / "tlog_proof.py"
LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
ML_DSA = MLDSA44PrivateKey.from_seed_bytes(bytes(32))
ORIGIN, NAME = "example.com/log", "witness.example/w1"
KEY = VerifierKey(ORIGIN, LOG.public_key())
BY = cosignature.public_of(NAME, WITNESS)


def written(index: int = 4, size: int = 11, *, leaf: bytes | None = None) -> str:
    tree = Tree([f'{{"leaf":{number}}}'.encode() for number in range(size)])
    signed = LogCheckpoint(ORIGIN, size, tree.root())
    lines = [
        cosignature.line(signed, WITNESS, name=NAME, timestamp=1679315147),
        cosignature.line(signed, ML_DSA, name="other.example", timestamp=1679315147),
    ]
    text = checkpoint.with_lines(checkpoint.sign(signed, LOG), lines)
    return tlogproof.write(TlogProof(index, tree.path(index), text, tree.leaves[index] if leaf is None else leaf))


def outside(tmp_path: Path, text: str, *keys: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "x.tlog-proof"
    file.write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-I", READER, file, *keys], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (1, 2), (4, 11), (10, 11), (7, 8), (63, 65), (64, 65)])
def test_proof_is_verified(index: int, size: int) -> None:
    found = tlogproof.verify(written(index, size), origin=ORIGIN, keys=[KEY])
    assert (found.index, found.checkpoint.size, found.leaf) == (index, size, f'{{"leaf":{index}}}'.encode())


def test_quorum_is_asked_for_by_a_policy() -> None:
    found = tlogproof.verify(written(), origin=ORIGIN, keys=[KEY], policy=policy.all_of([BY]))
    assert found.witnesses == (NAME,)
    absent = cosignature.public_of("absent.example", Ed25519PrivateKey.generate())
    with pytest.raises(Invalid, match="lacks cosignatures"):
        tlogproof.verify(written(), origin=ORIGIN, keys=[KEY], policy=policy.all_of([BY, absent]))


def test_leaf_that_the_reader_has_counts_over_the_one_inside() -> None:
    assert tlogproof.verify(written(leaf=b"x"), origin=ORIGIN, keys=[KEY], leaf=b'{"leaf":4}').index == 4
    with pytest.raises(Invalid, match="does not lead"):
        tlogproof.verify(written(), origin=ORIGIN, keys=[KEY], leaf=b'{"leaf":5}')


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("tlog-proof@v1", "tlog-proof@v2", "begins with"),
        ("index 4", "index 04", "index"),
        ("index 4", "index 5", "does not lead"),
        ("index 4", "index", "index"),
        ("extra ", "extra", "index"),
        ("extra e", "extra =", "base64"),
        ("\n\nexample.com", "\nexample.com", "hashes"),
        ("example.com/log\n11", "example.com/log\n12", "signature by"),
        ("example.com/log\n11", "example.com/other\n11", "another log"),
    ],
)
def test_what_was_changed_is_refused(before: str, after: str, why: str) -> None:
    text = written()
    assert before in text
    with pytest.raises(Invalid, match=why):
        tlogproof.verify(text.replace(before, after, 1), origin=ORIGIN, keys=[KEY])


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for given_ in (text, f"{tlogproof.FIRST_LINE}\n{text}", written().replace("index 4", text)):
        with suppress(Invalid):
            tlogproof.parse(given_)


def test_parse_gives_what_was_written() -> None:
    text = written()
    found = tlogproof.parse(text)
    assert tlogproof.write(found) == text
    assert (found.index, len(found.path), found.extra) == (4, 4, b'{"leaf":4}')


def test_reader_written_from_the_text_alone_accepts_it(tmp_path: Path) -> None:
    done = outside(tmp_path, written(), KEY.to_text(), BY.to_text())
    assert (done.returncode, done.stdout) == (0, '{"leaf":4}\n'), done.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [("index 4", "index 3"), ("extra ", "extra e30="), ("log\n11\n", "log\n12\n"), ("— witness.example/w1 ", "— x ")],
    ids=["index", "leaf", "size", "witness"],
)
def test_reader_written_from_the_text_alone_refuses_a_change(tmp_path: Path, before: str, after: str) -> None:
    text = written()
    assert before in text
    assert outside(tmp_path, text.replace(before, after, 1), KEY.to_text(), BY.to_text()).returncode == 1


def test_hash_of_a_leaf_is_that_of_the_log() -> None:
    assert Tree([b"x"]).root() == merkle.leaf_hash(b"x")
