"""Cosignatures, by the two types of tlog-cosignature: the specification's own example, and every byte flipped."""

from __future__ import annotations

import base64
import hashlib
import struct

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from handrail.audit import checkpoint, cosignature
from handrail.audit.checkpoint import LogCheckpoint, VerifierKey
from handrail.audit.cosignature import CosignatureType, CosignerKey, CosignerPrivateKey
from handrail.kernel.errors import Invalid

LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
ML_DSA = MLDSA44PrivateKey.from_seed_bytes(bytes(range(32)))
SIGNED = LogCheckpoint("example.com/log", 42, hashlib.sha256(b"root").digest())
NAME, TIME = "witness.example.com/w1", 1679315147
KEYS = pytest.mark.parametrize("key", [ED25519, ML_DSA], ids=["ed25519", "ml-dsa-44"])

# The example of tlog-cosignature, "Format". Its keys are not published: key ids and lengths are what can be compared.
EXAMPLE = "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="


def blob_of(line: str) -> bytes:
    return base64.b64decode(line.rpartition(" ")[2])


@KEYS
def test_line_is_verified_with_its_time(key: CosignerPrivateKey) -> None:
    public = cosignature.public_of(NAME, key)
    blob = blob_of(cosignature.line(SIGNED, key, name=NAME, timestamp=TIME))
    assert blob[:4] == public.key_id()
    assert public.time_of(blob[4:], SIGNED) == TIME


def test_ed25519_signs_header_time_and_body() -> None:
    blob = blob_of(cosignature.line(SIGNED, ED25519, name=NAME, timestamp=TIME))
    assert len(blob) == len(base64.b64decode(EXAMPLE))
    assert struct.unpack(">Q", base64.b64decode(EXAMPLE)[4:12]) == (TIME,)
    ED25519.public_key().verify(blob[12:], f"cosignature/v1\ntime {TIME}\n{SIGNED.body()}".encode())


def test_ml_dsa_signs_the_structure_of_the_specification() -> None:
    blob = blob_of(cosignature.line(SIGNED, ML_DSA, name=NAME, timestamp=TIME))
    message = b"subtree/v1\n\x00" + bytes([22]) + NAME.encode() + TIME.to_bytes(8, "big")
    message += bytes([15]) + b"example.com/log" + bytes(8) + (42).to_bytes(8, "big") + SIGNED.root
    ML_DSA.public_key().verify(blob[12:], message)


@KEYS
def test_key_id_is_of_name_type_and_key(key: CosignerPrivateKey) -> None:
    kind = b"\x04" if key is ED25519 else b"\x06"
    material = NAME.encode() + b"\n" + kind + key.public_key().public_bytes_raw()
    assert cosignature.public_of(NAME, key).key_id() == hashlib.sha256(material).digest()[:4]


@KEYS
def test_key_is_read_as_it_was_written(key: CosignerPrivateKey) -> None:
    public = cosignature.public_of(NAME, key)
    assert CosignerKey.from_text(public.to_text()) == public == cosignature.read_key(public.to_text())


@KEYS
def test_key_with_another_id_is_refused(key: CosignerPrivateKey) -> None:
    text = cosignature.public_of(NAME, key).to_text().replace("w1+", "w2+")
    with pytest.raises(Invalid, match="id doesn't fit"):
        CosignerKey.from_text(text)


def test_key_of_a_log_is_not_one_of_a_witness() -> None:
    with pytest.raises(Invalid, match="0x04"):
        CosignerKey.from_text(VerifierKey("example.com/log", LOG.public_key()).to_text())


@KEYS
@pytest.mark.parametrize(
    "other",
    [
        LogCheckpoint("example.com/log", 43, SIGNED.root),
        LogCheckpoint("example.com/log", 42, bytes(32)),
        LogCheckpoint("example.com/other", 42, SIGNED.root),
    ],
    ids=["size", "root", "origin"],
)
def test_cosignature_is_of_no_other_checkpoint(key: CosignerPrivateKey, other: LogCheckpoint) -> None:
    blob = blob_of(cosignature.line(SIGNED, key, name=NAME, timestamp=TIME))
    with pytest.raises(InvalidSignature):
        cosignature.public_of(NAME, key).time_of(blob[4:], other)


@KEYS
def test_every_flipped_byte_is_refused(key: CosignerPrivateKey) -> None:
    public = cosignature.public_of(NAME, key)
    blob = blob_of(cosignature.line(SIGNED, key, name=NAME, timestamp=TIME))[4:]
    for place in range(0, len(blob), 1 if key is ED25519 else 61):
        changed = bytearray(blob)
        changed[place] ^= 1
        with pytest.raises(InvalidSignature):
            public.time_of(bytes(changed), SIGNED)
    for cut in (b"", blob[:-1], blob + b"\0"):
        with pytest.raises(InvalidSignature):
            public.time_of(cut, SIGNED)


def test_time_beyond_the_limit_is_refused() -> None:
    blob = blob_of(cosignature.line(SIGNED, ED25519, name=NAME, timestamp=2**63))
    with pytest.raises(InvalidSignature):
        cosignature.public_of(NAME, ED25519).time_of(blob[4:], SIGNED)


def test_ml_dsa_commits_to_the_name_of_the_witness() -> None:
    blob = blob_of(cosignature.line(SIGNED, ML_DSA, name=NAME, timestamp=TIME))
    with pytest.raises(InvalidSignature):
        cosignature.public_of("witness.example.com/w2", ML_DSA).time_of(blob[4:], SIGNED)


@pytest.mark.parametrize("name", ["é" * 128, "a\udc80"])
def test_name_that_no_cosignature_can_hold_is_refused(name: str) -> None:
    raw = base64.b64encode(b"\x01" + bytes(32)).decode()
    with pytest.raises(Invalid):
        cosignature.read_key(f"{name}+00000000+{raw}")
    with pytest.raises(Invalid):
        checkpoint.parse(f"{name}\n1\n{base64.b64encode(bytes(32)).decode()}\n\n— w AAAAAAAA\n")


def test_key_that_is_no_point_refuses_instead_of_failing() -> None:
    blob = blob_of(cosignature.line(SIGNED, ED25519, name=NAME, timestamp=TIME))
    with pytest.raises(InvalidSignature):
        CosignerKey(NAME, CosignatureType.ED25519, b"\xff" * 32).time_of(blob[4:], SIGNED)


def test_checkpoint_verifies_with_cosignatures_of_known_and_unknown_witnesses() -> None:
    lines = [cosignature.line(SIGNED, key, name=NAME, timestamp=TIME) for key in (ED25519, ML_DSA)]
    text = checkpoint.with_lines(checkpoint.sign(SIGNED, LOG), [*lines, lines[0]])
    assert text.count("— ") == 3
    log = VerifierKey(SIGNED.origin, LOG.public_key())
    assert checkpoint.verify(text, origin=SIGNED.origin, keys=[log]) == SIGNED
    assert checkpoint.verify(text, origin=SIGNED.origin, keys=[log, cosignature.public_of(NAME, ML_DSA)]) == SIGNED


def test_checkpoint_with_a_wrong_signature_of_a_known_second_key_is_refused() -> None:
    other = LogCheckpoint(SIGNED.origin, 42, bytes(32))
    text = checkpoint.with_lines(
        checkpoint.sign(SIGNED, LOG), [cosignature.line(other, ML_DSA, name=SIGNED.origin, timestamp=TIME)]
    )
    keys = [VerifierKey(SIGNED.origin, LOG.public_key()), cosignature.public_of(SIGNED.origin, ML_DSA)]
    with pytest.raises(Invalid, match="signature by"):
        checkpoint.verify(text, origin=SIGNED.origin, keys=keys)


def test_checkpoint_with_sixteen_ml_dsa_signatures_is_read() -> None:
    lines = [cosignature.line(SIGNED, ML_DSA, name=f"w{number}.example", timestamp=TIME) for number in range(16)]
    text = checkpoint.with_lines(checkpoint.sign(SIGNED, LOG), lines)
    assert len(checkpoint.parse(text).signatures) == 17
