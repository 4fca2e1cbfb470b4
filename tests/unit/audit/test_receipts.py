"""COSE receipts: another's verifier accepts them, and refuses each change; the encoding is that of RFC 9942."""

from __future__ import annotations

import cbor2
import pytest
import scitt_cose
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from handrail.audit import receipts
from handrail.audit.checkpoint import LogCheckpoint, VerifierKey
from tests.factories.trees import Tree

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
TREE = Tree([f'{{"leaf":{number}}}'.encode() for number in range(11)])
ORIGIN = "example.com/log"


def written(index: int = 4, size: int = 11) -> bytes:
    signed = LogCheckpoint(ORIGIN, size, TREE.root(size))
    return receipts.write(signed, KEY, index=index, path=TREE.path(index, size), subject="audit.event/4")


def verified(receipt: bytes, leaf: bytes, pem: bytes = PEM) -> scitt_cose.ReceiptResult:
    return scitt_cose.verify_receipt(receipt, leaf_entry_hex=leaf.hex(), log_public_key_pem=pem)


@pytest.mark.parametrize(("index", "size"), [(0, 1), (1, 2), (4, 11), (10, 11), (7, 8)])
def test_another_verifier_accepts_it(index: int, size: int) -> None:
    found = verified(written(index, size), TREE.leaves[index])
    assert found.ok, found.errors
    assert (found.leaf_index, found.tree_size, found.root) == (index, size, TREE.root(size).hex())
    assert (found.issuer, found.subject) == (ORIGIN, "audit.event/4")


def test_another_leaf_is_refused() -> None:
    assert not verified(written(), TREE.leaves[5]).ok


def test_another_key_is_refused() -> None:
    other = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert not verified(written(), TREE.leaves[4], other).ok


def test_a_flipped_byte_leads_to_no_other_root_or_leaf() -> None:
    """The size is not signed (RFC 9942, section 5.2.1): only what it changes of the way to the root shows."""
    receipt = written()
    for place in range(len(receipt)):
        changed = bytearray(receipt)
        changed[place] ^= 1
        found = verified(bytes(changed), TREE.leaves[4])
        assert not found.ok or (found.root, found.leaf_index) == (TREE.root().hex(), 4), place


def test_headers_are_those_of_the_specification() -> None:
    tag = cbor2.loads(written())
    protected, unprotected, payload, signature = tag.value
    header = cbor2.loads(protected)
    assert (tag.tag, payload, len(signature)) == (18, None, 64)
    assert (header[1], header[395]) == (-8, 1)
    assert header[4] == VerifierKey(ORIGIN, KEY.public_key()).key_id()
    (proof,) = unprotected[396][-1]
    assert cbor2.loads(proof)[:2] == [11, 4]
    assert written() == cbor2.dumps(tag, canonical=True)
