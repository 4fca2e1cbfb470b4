"""Release keys: ids that others can check, export, rotation."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from handrail.kernel.errors import Conflict, Invalid, Misconfigured
from handrail.packets.proof import keys
from handrail.packets.proof.keys import KeyRing, SigningKey
from tests.unit.packets.proof import making

FIRST, SECOND = making.KEY, making.OTHER_KEY
RING = KeyRing((FIRST.public,), FIRST.key_id)


def test_key_id_is_the_digest_of_the_public_der() -> None:
    der = FIRST.public.crypto.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert hashlib.sha256(der).hexdigest() == FIRST.key_id


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_key_id_is_what_openssl_says(tmp_path: Path) -> None:
    pem = tmp_path / "key.pem"
    pem.write_text(FIRST.public.to_pem())
    command = ["openssl", "pkey", "-pubin", "-in", str(pem), "-outform", "DER"]
    der = subprocess.run(command, capture_output=True, check=True).stdout
    assert hashlib.sha256(der).hexdigest() == FIRST.key_id


def test_generated_keys_differ() -> None:
    assert SigningKey.generate().key_id != SigningKey.generate().key_id


def test_private_pem_survives_a_round_trip() -> None:
    assert SigningKey.from_pem(FIRST.to_pem()).key_id == FIRST.key_id


def test_signing_key_does_not_print_its_secret() -> None:
    assert repr(FIRST) == f"SigningKey({FIRST.key_id})"


@pytest.mark.parametrize("pem", ["", "hunter2", FIRST.public.to_pem()])
def test_from_pem_refuses_without_quoting(pem: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        SigningKey.from_pem(pem)
    assert "hunter2" not in str(caught.value)


def test_from_pem_refuses_another_kind_of_key() -> None:
    private = generate_private_key(SECP256R1())
    with pytest.raises(Misconfigured, match="Ed25519"):
        SigningKey.from_pem(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def test_public_keys_reads_every_block() -> None:
    text = f"# for the vendor\n{FIRST.public.to_pem()}\n{SECOND.public.to_pem()}"
    assert keys.public_keys(text) == (FIRST.public, SECOND.public)


@pytest.mark.parametrize("text", ["", "no key here", FIRST.to_pem()])
def test_public_keys_refuses_a_text_without_one(text: str) -> None:
    with pytest.raises(Invalid, match="this one has 0"):
        keys.public_keys(text)


def test_public_keys_refuses_another_kind_of_key() -> None:
    public = generate_private_key(SECP256R1()).public_key()
    with pytest.raises(Invalid, match="Public key 1 of the key file"):
        keys.public_keys(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def test_rotate_keeps_the_key_before_accepted() -> None:
    ring = RING.rotate(SECOND.public)
    assert ring.current == SECOND.key_id
    assert ring.accepted == (FIRST.public, SECOND.public)


def test_rotate_refuses_a_key_used_before() -> None:
    with pytest.raises(Conflict, match="used before"):
        RING.rotate(SECOND.public).rotate(FIRST.public)


def test_retire_takes_a_former_key_out() -> None:
    ring = RING.rotate(SECOND.public).retire(FIRST.key_id)
    assert ring.find(FIRST.key_id) is None
    assert ring.retired == {FIRST.key_id}


def test_retire_refuses_the_current_key() -> None:
    with pytest.raises(Conflict, match="no longer signs"):
        RING.retire(FIRST.key_id)


def test_revoke_leaves_nothing_to_sign_with() -> None:
    ring = RING.revoke(FIRST.key_id)
    assert ring.current is None
    assert ring.revoked == {FIRST.key_id}
    assert ring.accepted == ()


def test_revoke_wins_over_retired() -> None:
    ring = RING.rotate(SECOND.public).retire(FIRST.key_id).revoke(FIRST.key_id)
    assert (ring.retired, ring.revoked) == (frozenset(), frozenset({FIRST.key_id}))


def test_export_gives_receivers_every_accepted_key() -> None:
    ring = RING.rotate(SECOND.public)
    assert keys.public_keys(ring.to_pem()) == ring.accepted


@pytest.mark.parametrize(
    "make",
    [
        lambda: KeyRing((FIRST.public, FIRST.public)),
        lambda: KeyRing((FIRST.public,), revoked=frozenset({FIRST.key_id})),
        lambda: KeyRing((FIRST.public,), SECOND.key_id),
    ],
)
def test_key_ring_refuses_a_contradiction(make: object) -> None:
    assert callable(make)
    with pytest.raises(Conflict):
        make()


def test_a_key_file_names_the_keys_that_count_no_more() -> None:
    ring = KeyRing((FIRST.public, SECOND.public), FIRST.key_id).retire(SECOND.key_id)
    ring = KeyRing(ring.accepted, ring.current, ring.retired, frozenset({"0" * 64}))
    read = KeyRing.from_pem(ring.to_pem())
    assert (read.accepted, read.retired, read.revoked) == (ring.accepted, ring.retired, ring.revoked)
    assert keys.public_keys(ring.to_pem()) == (FIRST.public,)


def test_an_older_export_in_the_same_file_brings_no_key_back() -> None:
    before = KeyRing((FIRST.public, SECOND.public), FIRST.key_id)
    read = KeyRing.from_pem(before.to_pem() + before.retire(SECOND.key_id).to_pem())
    assert read.accepted == (FIRST.public,)
    assert KeyRing.from_pem(before.to_pem() + before.revoke(FIRST.key_id).to_pem()).accepted == (SECOND.public,)


def test_a_key_file_may_say_only_what_is_revoked() -> None:
    read = KeyRing.from_pem(KeyRing((FIRST.public,), FIRST.key_id).revoke(FIRST.key_id).to_pem())
    assert (read.accepted, read.revoked) == ((), frozenset({FIRST.key_id}))


@pytest.mark.parametrize("text", ["", "# retired key abc\n", "# retired key " + "A" * 64 + "\n"])
def test_a_key_file_that_says_nothing_of_a_key_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        KeyRing.from_pem(text)
