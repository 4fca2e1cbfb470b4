"""Timestamped cosignatures of checkpoints: https://c2sp.org/tlog-cosignature, signature types 0x04 and 0x06.

A witness signs that it has seen a log grow to a checkpoint, and when. ML-DSA-44 (0x06) is what the specification
recommends; Ed25519 (0x04) is what most witnesses have. A log may sign its own checkpoints with 0x06 too
(tlog-checkpoint, "Signatures"). ``CF-…`` are clauses of docs/reference/checkpoint-format.md.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from handrail.audit import checkpoint as notes
from handrail.audit.checkpoint import KEY_ID_BYTES, LogCheckpoint, NoteKey, VerifierKey
from handrail.kernel.errors import Invalid

TIMESTAMP_BYTES = 8
MAX_TIMESTAMP = 2**63 - 1
LABEL = b"subtree/v1\n\x00"


class CosignatureType(Enum):
    """The type byte, and the bytes of a public key and of a signature (tlog-cosignature, "Format")."""

    ED25519 = (b"\x04", 32, 64)
    ML_DSA_44 = (b"\x06", 1312, 2420)

    @property
    def byte(self) -> bytes:
        return self.value[0]

    @property
    def key_bytes(self) -> int:
        return self.value[1]

    @property
    def signature_bytes(self) -> int:
        return self.value[2]


CosignerPrivateKey: TypeAlias = Ed25519PrivateKey | MLDSA44PrivateKey


@dataclass(frozen=True, slots=True)
class CosignerKey:
    """A witness's public key, ``public`` in its raw bytes."""

    name: str
    type: CosignatureType
    public: bytes

    def key_id(self) -> bytes:
        """CF-50: as CF-7, with the type's byte and key."""
        material = self.name.encode() + b"\n" + self.type.byte + self.public
        return hashlib.sha256(material).digest()[:KEY_ID_BYTES]

    def to_text(self) -> str:
        """CF-10."""
        blob = base64.b64encode(self.type.byte + self.public).decode()
        return f"{self.name}+{self.key_id().hex()}+{blob}"

    @classmethod
    def from_text(cls, text: str) -> CosignerKey:
        """Reads the form of CF-10. Raises Invalid when it is malformed, of another type, or its key id doesn't fit."""
        name, stated, raw = notes.split_key(text)
        found = next((t for t in CosignatureType if t.byte == raw[:1] and t.key_bytes == len(raw) - 1), None)
        if found is None:
            message = "A witness's key has the signature type 0x04 (Ed25519) or 0x06 (ML-DSA-44)."
            raise Invalid(message, code="verifier-key")
        key = cls(name, found, raw[1:])
        if key.key_id().hex() != stated:
            raise Invalid("The verifier key's id doesn't fit its name and key.", code="verifier-key")
        return key

    def check(self, signature: bytes, checkpoint: LogCheckpoint) -> None:
        """Raises InvalidSignature."""
        self.time_of(signature, checkpoint)

    def time_of(self, signature: bytes, checkpoint: LogCheckpoint) -> int:
        """The POSIX time at which ``checkpoint`` was cosigned. Raises InvalidSignature."""
        if len(signature) != TIMESTAMP_BYTES + self.type.signature_bytes:  # CF-51
            raise InvalidSignature
        (timestamp,) = struct.unpack(">Q", signature[:TIMESTAMP_BYTES])
        if timestamp > MAX_TIMESTAMP:  # CF-51
            raise InvalidSignature
        message = _message(self.type, self.name, timestamp, checkpoint)
        try:
            if self.type is CosignatureType.ED25519:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature[TIMESTAMP_BYTES:], message)
            else:
                MLDSA44PublicKey.from_public_bytes(self.public).verify(signature[TIMESTAMP_BYTES:], message)
        except ValueError:  # no point of the curve
            raise InvalidSignature from None
        return int(timestamp)


def public_of(name: str, key: CosignerPrivateKey) -> CosignerKey:
    """The public half of a cosigner's key."""
    kind = CosignatureType.ED25519 if isinstance(key, Ed25519PrivateKey) else CosignatureType.ML_DSA_44
    return CosignerKey(name, kind, key.public_key().public_bytes_raw())


def line(checkpoint: LogCheckpoint, key: CosignerPrivateKey, *, name: str, timestamp: int) -> str:
    """The signature line of ``name``, without a newline at its end."""
    public = public_of(name, key)
    signature = key.sign(_message(public.type, name, timestamp, checkpoint))
    blob = public.key_id() + struct.pack(">Q", timestamp) + signature
    return f"— {name} {base64.b64encode(blob).decode()}"


def read_key(text: str) -> NoteKey:
    """A verifier key of any type that is known here: of a log or of a witness. Raises Invalid."""
    _, _, raw = notes.split_key(text)
    return VerifierKey.from_text(text) if raw[:1] == notes.ED25519 else CosignerKey.from_text(text)


def _message(kind: CosignatureType, name: str, timestamp: int, checkpoint: LogCheckpoint) -> bytes:
    """CF-52 and CF-53: what is signed."""
    if kind is CosignatureType.ED25519:
        return f"cosignature/v1\ntime {timestamp}\n{checkpoint.body()}".encode()
    cosigner, origin = name.encode(), checkpoint.origin.encode()
    return b"".join(
        (
            LABEL,
            struct.pack(">B", len(cosigner)) + cosigner,
            struct.pack(">Q", timestamp),
            struct.pack(">B", len(origin)) + origin,
            struct.pack(">QQ", 0, checkpoint.size),  # from the first leaf: a checkpoint, no other subtree
            checkpoint.root,
        )
    )
