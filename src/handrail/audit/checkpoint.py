"""Signed checkpoints of the log, as text that other tools read.

Body: https://c2sp.org/tlog-checkpoint. Signatures: https://c2sp.org/signed-note with Ed25519 (signature type 0x01), and
those of ``cosignature``: of witnesses, and of a log that wants to be safe from quantum computers.
``CF-…`` are clauses of docs/reference/checkpoint-format.md.

    example.com/handrail/audit        origin, names the log
    42                                size
    <base64 of the 32-byte root>

    — example.com/handrail/audit <base64 of 4 bytes of key id and 64 bytes of signature>
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from handrail.audit.merkle import HASH_BYTES
from handrail.kernel.errors import Fault, Invalid

MAX_BYTES = 256 * 1024  # CF-1
MAX_SIGNATURES = 64  # CF-6
ED25519 = b"\x01"
SIGNATURE_BYTES = 64
KEY_ID_BYTES = 4
MAX_NAME_BYTES = 255  # CF-3
MAX_SIZE = 2**63 - 1  # CF-4

_BODY_LINES = 3
NO_ORIGIN = "the origin is 1 to 255 bytes without white space and +"
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f\ud800-\udfff]{1,255}")
_SIGNATURE = re.compile(r"— (?P<name>[^\s+\x00-\x1f\x7f]{1,255}) (?P<blob>[A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class LogCheckpoint:
    """``origin`` names the log (no white space, no ``+``), ``root`` is 32 bytes over ``size`` leaves."""

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        """The text that is signed, with its final newline. Raises Invalid when a field can't be written."""
        if not is_name(self.origin):  # CF-3
            raise _refused(1, NO_ORIGIN)
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_BYTES:  # CF-4, CF-5
            raise _refused(2, f"size is 0 to {MAX_SIZE} and the root {HASH_BYTES} bytes")
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


class NoteKey(Protocol):
    """A named public key of any signature type."""

    @property
    def name(self) -> str: ...
    def key_id(self) -> bytes: ...
    def to_text(self) -> str: ...
    def check(self, signature: bytes, checkpoint: LogCheckpoint) -> None:
        """Raises InvalidSignature unless ``signature``, without key id, is this key's over ``checkpoint``."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named public key: what a reader of checkpoints needs."""

    name: str
    public: Ed25519PublicKey

    def key_id(self) -> bytes:
        """CF-7: the first 4 bytes of SHA-256 over name, newline, signature type and public key."""
        material = self.name.encode() + b"\n" + ED25519 + self.public.public_bytes_raw()
        return hashlib.sha256(material).digest()[:KEY_ID_BYTES]

    def check(self, signature: bytes, checkpoint: LogCheckpoint) -> None:
        """signed-note, "Ed25519 signatures": over the text."""
        self.public.verify(signature, checkpoint.body().encode())

    def to_text(self) -> str:
        """CF-10: ``name+hex(key id)+base64(type and key)``, as other tools take it."""
        blob = base64.b64encode(ED25519 + self.public.public_bytes_raw()).decode()
        return f"{self.name}+{self.key_id().hex()}+{blob}"

    @classmethod
    def from_text(cls, text: str) -> VerifierKey:
        """Reads the form of CF-10. Raises Invalid when it is malformed or its key id doesn't fit its key."""
        name, stated, raw = split_key(text)
        if raw[:1] != ED25519 or len(raw) != HASH_BYTES + 1:
            raise Invalid(
                "A verifier key reads name+8 hexadecimal digits+base64 of an Ed25519 key.", code="verifier-key"
            )
        key = cls(name, Ed25519PublicKey.from_public_bytes(raw[1:]))
        if key.key_id().hex() != stated:
            raise Invalid("The verifier key's id doesn't fit its name and key.", code="verifier-key")
        return key


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """``signatures`` are pairs of name and (key id + signature) bytes, in the order of the text."""

    checkpoint: LogCheckpoint
    text: str
    signatures: tuple[tuple[str, bytes], ...]


def sign(checkpoint: LogCheckpoint, key: Ed25519PrivateKey, *, name: str | None = None) -> str:
    """The checkpoint as a signed note; ``name`` (default: the origin) is the key's name."""
    verifier = VerifierKey(name or checkpoint.origin, key.public_key())
    if not is_name(verifier.name):
        raise Invalid("A key's name is 1 to 255 bytes without white space and +.", code="verifier-key")
    body = checkpoint.body()
    blob = base64.b64encode(verifier.key_id() + key.sign(body.encode())).decode()
    return f"{body}\n— {verifier.name} {blob}\n"


def is_name(name: str) -> bool:
    """CF-3: whether a log or a key can have it. A cosignature gives its length one byte (CF-53)."""
    return _NAME.fullmatch(name) is not None and len(name.encode("utf-8", "replace")) <= MAX_NAME_BYTES


def split_key(text: str) -> tuple[str, str, bytes]:
    """CF-10: name, stated key id, and the bytes of type and key. Raises Invalid."""
    name, _, rest = text.strip().partition("+")
    stated, plus, encoded = rest.partition("+")
    raw = decode(encoded)
    if not plus or not is_name(name) or not raw:
        raise Invalid("A verifier key reads name+8 hexadecimal digits+base64 of type and key.", code="verifier-key")
    return name, stated, raw


def signature_lines(text: str) -> tuple[tuple[str, bytes], ...]:
    """CF-6: pairs of name and (key id + signature) bytes of lines alone. Raises Invalid."""
    return _signatures(text)


def with_lines(text: str, lines: Sequence[str]) -> str:
    """The checkpoint with more signature lines, each once."""
    return text + "".join(f"{line}\n" for line in dict.fromkeys(lines) if f"\n{line}\n" not in text)


def parse(text: str) -> SignedCheckpoint:
    """The checkpoint and its signatures, not yet verified.

    Raises Invalid naming the line: only the exact form is read (no carriage returns, no leading zeros, no padding
    other than canonical base64, no extension lines, at most 64 signatures and 256 KiB).
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:  # CF-1
        raise _refused(1, f"a checkpoint is at most {MAX_BYTES} bytes")
    body, blank, tail = text.partition("\n\n")
    lines = body.split("\n")
    if not blank or len(lines) != _BODY_LINES:  # CF-2
        raise _refused(len(lines), "a checkpoint is three lines, an empty line and its signatures")
    return SignedCheckpoint(_body(lines), text, _signatures(tail))


def verify(text: str, *, origin: str, keys: Sequence[NoteKey]) -> LogCheckpoint:
    """The checkpoint, when it is of that log and every signature by a given key is right, with at least one.

    Raises Invalid with code ``checkpoint`` (malformed), ``checkpoint-origin`` or ``checkpoint-signature``.
    Signatures by other keys (witnesses) are passed over, as the note format asks.
    """
    signed = parse(text)
    if signed.checkpoint.origin != origin:  # CF-9
        raise Invalid(f"The checkpoint is of another log than {origin}.", code="checkpoint-origin")
    known = {(key.name, key.key_id()): key for key in keys}
    found = 0
    for name, blob in signed.signatures:
        key = known.get((name, blob[:KEY_ID_BYTES]))
        if key is None:  # CF-8: a witness that this reader need not know
            continue
        try:
            key.check(blob[KEY_ID_BYTES:], signed.checkpoint)
        except InvalidSignature:
            raise Invalid(f"The checkpoint's signature by {name} is wrong.", code="checkpoint-signature") from None
        found += 1
    if not found:  # CF-8
        raise Invalid("The checkpoint carries no signature by a known key.", code="checkpoint-signature")
    return signed.checkpoint


def _body(lines: Sequence[str]) -> LogCheckpoint:
    origin, size, encoded = lines
    if not is_name(origin):  # CF-3
        raise _refused(1, NO_ORIGIN)
    if _SIZE.fullmatch(size) is None or int(size) > MAX_SIZE:  # CF-4
        raise _refused(2, f"the size is a decimal number up to {MAX_SIZE}, without leading zeros")
    root = decode(encoded)
    if root is None or len(root) != HASH_BYTES:  # CF-5
        raise _refused(3, f"the root is base64 of {HASH_BYTES} bytes")
    return LogCheckpoint(origin, int(size), root)


def _signatures(tail: str) -> tuple[tuple[str, bytes], ...]:
    lines = tail.split("\n")
    if lines[-1] or not 1 <= len(lines) - 1 <= MAX_SIGNATURES:  # CF-2, CF-6
        raise _refused(5, f"1 to {MAX_SIGNATURES} signature lines follow, each ended by a newline")
    found = []
    for number, line in enumerate(lines[:-1], start=5):
        match = _SIGNATURE.fullmatch(line)
        blob = decode(match["blob"]) if match else None
        if match is None or blob is None or len(blob) <= KEY_ID_BYTES:  # CF-6
            raise _refused(number, "a signature line reads — name base64")
        found.append((match["name"], blob))
    return tuple(found)


def decode(text: str) -> bytes | None:
    """CF-5: canonical base64 only. A text that would not be written back the same is refused."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def _refused(line: int, message: str) -> Invalid:
    return Invalid(
        f"The checkpoint can't be read, line {line}: {message}.",
        code="checkpoint",
        faults=[Fault("checkpoint", message, line=line, column=1)],
    )
