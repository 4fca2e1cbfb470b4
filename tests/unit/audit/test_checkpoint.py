"""C2SP checkpoints: the published example, round trips, every byte flipped."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.audit import checkpoint
from handrail.audit.checkpoint import LogCheckpoint, VerifierKey
from handrail.kernel.errors import Invalid

ORIGIN = "example.com/handrail/audit"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VERIFIER = VerifierKey(ORIGIN, KEY.public_key())
CHECKPOINT = LogCheckpoint(ORIGIN, 42, hashlib.sha256(b"root").digest())

# The example note of the Go module golang.org/x/mod/sumdb/note: an independent implementation made it.
NEUMANN_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NEUMANN_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="


def signed() -> str:
    return checkpoint.sign(CHECKPOINT, KEY)


def test_verify_accepts_what_sign_wrote() -> None:
    assert checkpoint.verify(signed(), origin=ORIGIN, keys=[VERIFIER]) == CHECKPOINT


def test_sign_writes_the_published_layout() -> None:
    lines = signed().split("\n")
    assert lines[:4] == [ORIGIN, "42", base64.b64encode(CHECKPOINT.root).decode(), ""]
    blob = base64.b64decode(lines[4].removeprefix(f"— {ORIGIN} "))
    material = ORIGIN.encode() + b"\n\x01" + KEY.public_key().public_bytes_raw()
    assert blob[:4] == hashlib.sha256(material).digest()[:4]
    KEY.public_key().verify(blob[4:], "\n".join([*lines[:3], ""]).encode())


def test_key_made_by_another_implementation_is_read() -> None:
    key = VerifierKey.from_text(NEUMANN_KEY)
    blob = base64.b64decode(NEUMANN_SIGNATURE)
    assert blob[:4] == key.key_id()
    key.public.verify(blob[4:], NEUMANN_TEXT.encode())
    assert key.to_text() == NEUMANN_KEY


@pytest.mark.parametrize("text", ["", "x", "name+00000000+AAAA", NEUMANN_KEY.replace("c74f20a3", "c74f20a4")])
def test_verifier_key_refuses_a_malformed_text(text: str) -> None:
    with pytest.raises(Invalid, match="verifier key"):
        VerifierKey.from_text(text)


def test_verify_refuses_every_flipped_byte() -> None:
    original = signed().encode()
    for at in range(len(original)):
        raw = bytearray(original)
        raw[at] ^= 1
        with pytest.raises(Invalid):
            checkpoint.verify(raw.decode("utf-8", "replace"), origin=ORIGIN, keys=[VERIFIER])


@pytest.mark.parametrize("end", range(0, 200, 7))
def test_verify_refuses_a_cut_text(end: int) -> None:
    with pytest.raises(Invalid):
        checkpoint.verify(signed()[:end], origin=ORIGIN, keys=[VERIFIER])


def test_verify_refuses_another_log() -> None:
    with pytest.raises(Invalid, match="another log") as caught:
        checkpoint.verify(signed(), origin="example.com/other", keys=[VERIFIER])
    assert caught.value.code == "checkpoint-origin"


def test_verify_refuses_an_unknown_key() -> None:
    other = VerifierKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key())
    with pytest.raises(Invalid, match="no signature by a known key"):
        checkpoint.verify(signed(), origin=ORIGIN, keys=[other])


def test_verify_passes_over_a_witness() -> None:
    witness = checkpoint.sign(CHECKPOINT, Ed25519PrivateKey.from_private_bytes(bytes(32)), name="witness")
    both = signed() + witness.partition("\n\n")[2]
    assert checkpoint.verify(both, origin=ORIGIN, keys=[VERIFIER]) == CHECKPOINT


def test_parse_refuses_too_many_signatures() -> None:
    line = signed().partition("\n\n")[2]
    with pytest.raises(Invalid, match="1 to 64 signature lines"):
        checkpoint.parse(signed() + line * 64)


def test_parse_refuses_a_huge_text() -> None:
    with pytest.raises(Invalid, match="at most 262144 bytes"):
        checkpoint.parse("x" * 270_000)


@pytest.mark.parametrize("size", ["042", "-1", "+1", "1 ", "٤٢", str(2**63)])
def test_parse_names_the_line_of_a_bad_size(size: str) -> None:
    with pytest.raises(Invalid) as caught:
        checkpoint.parse(signed().replace("\n42\n", f"\n{size}\n"))
    assert caught.value.faults[0].line == 2


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "x" * 256])
def test_sign_refuses_a_bad_origin(origin: str) -> None:
    with pytest.raises(Invalid):
        checkpoint.sign(LogCheckpoint(origin, 1, bytes(32)), KEY)


@settings(deadline=None)
@given(size=st.integers(0, 2**63 - 1), root=st.binary(min_size=32, max_size=32))
def test_checkpoint_survives_a_round_trip(size: int, root: bytes) -> None:
    made = LogCheckpoint(ORIGIN, size, root)
    assert checkpoint.parse(checkpoint.sign(made, KEY)).checkpoint == made


@settings(deadline=None)
@given(st.text(max_size=300))
def test_parse_never_fails_otherwise_than_invalid(text: str) -> None:
    with pytest.raises(Invalid):
        checkpoint.parse(text)
