"""COSE receipts of leaves: RFC 9942 over the log's RFC 9162 tree, for verifiers that speak COSE.

A receipt is a COSE_Sign1 (RFC 9052, section 4.2) whose payload, the root, is detached: the verifier computes it from
the leaf and the inclusion proof in the unprotected header (RFC 9942, section 5.2). The leaf hash is CF-11, the same as
in RFC 9162, section 2.1.1. ``CF-…`` are clauses of docs/reference/checkpoint-format.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handrail.audit.checkpoint import LogCheckpoint, VerifierKey

SIGN1 = 18
ALG, KID, CLAIMS, VDS, VDP = 1, 4, 15, 395, 396
EDDSA = -8  # RFC 9053, section 2.2; with an Ed25519 key
RFC9162_SHA256 = 1  # RFC 9942, section 8.2.2
INCLUSION_PROOFS = -1
ISSUER, SUBJECT = 1, 2  # RFC 8392


def write(
    checkpoint: LogCheckpoint, key: Ed25519PrivateKey, *, index: int, path: Sequence[bytes], subject: str
) -> bytes:
    """CF-70 to CF-73: the receipt of the leaf at ``index``. ``subject``: what the leaf is about, as a claim.

    Signs the root: the caller has made sure that it is one that this installation stands for.
    """
    # CF-71 and CF-72: under the signature. CF-73: beside it.
    kid = VerifierKey(checkpoint.origin, key.public_key()).key_id()
    claims = {ISSUER: checkpoint.origin, SUBJECT: subject}
    protected = cbor2.dumps({ALG: EDDSA, KID: kid, CLAIMS: claims, VDS: RFC9162_SHA256}, canonical=True)
    proof = cbor2.dumps([checkpoint.size, index, list(path)], canonical=True)
    signature = key.sign(cbor2.dumps(["Signature1", protected, b"", checkpoint.root], canonical=True))
    message = [protected, {VDP: {INCLUSION_PROOFS: [proof]}}, None, signature]
    return cbor2.dumps(cbor2.CBORTag(SIGN1, message), canonical=True)
