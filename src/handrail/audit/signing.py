"""Who signs this installation's checkpoints, and whose signatures it accepts, as ``conf`` configures it; any text too
(https://c2sp.org/signed-note)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from handrail.audit.checkpoint import KEY_ID_BYTES, LogCheckpoint, NoteKey, VerifierKey, sign, with_lines
from handrail.audit.cosignature import line, public_of
from handrail.kernel import keyfiles
from handrail.kernel.configured import Configured
from handrail.kernel.errors import Invalid, Misconfigured

_BEHIND = "\n\n— "


@dataclass(frozen=True, slots=True, repr=False)
class Signing:
    """``origin`` names the log. ``earlier``: public keys whose checkpoints count beside those of ``key``. ``second``:
    signs each checkpoint too, for readers that want to be safe from quantum computers (tlog-checkpoint,
    "Signatures")."""

    origin: str
    key: Ed25519PrivateKey
    earlier: tuple[NoteKey, ...] = ()
    second: MLDSA44PrivateKey | None = None

    def verifier(self) -> VerifierKey:
        """The public half, as readers of checkpoints need it."""
        return VerifierKey(self.origin, self.key.public_key())

    def verifiers(self) -> tuple[NoteKey, ...]:
        """The public halves of both keys."""
        return (self.verifier(), *([public_of(self.origin, self.second)] if self.second else []))

    def accepted(self) -> tuple[NoteKey, ...]:
        return (*self.verifiers(), *self.earlier)

    def sign(self, checkpoint: LogCheckpoint, *, timestamp: int) -> str:
        """The checkpoint with one signature, or with both. ``timestamp``: what the second says of when."""
        text = sign(checkpoint, self.key)
        if self.second is None:
            return text
        return with_lines(text, [line(checkpoint, self.second, name=self.origin, timestamp=timestamp)])


def load_key(pem: str) -> Ed25519PrivateKey:
    """An unencrypted PKCS#8 Ed25519 key. Raises Misconfigured, never quoting it."""
    try:
        block = next((one for one in keyfiles.blocks(keyfiles.tidy(pem)) if one.is_private), None)
        key = load_pem_private_key(block.pem().encode() if block else b"", password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Misconfigured(
            "[audit] signing_key must be an Ed25519 private key in PEM. Make one: openssl genpkey -algorithm ed25519",
            code="audit-key",
        )
    return key


def load_second_key(pem: str) -> MLDSA44PrivateKey:
    """An unencrypted PKCS#8 ML-DSA-44 key. Raises Misconfigured, never quoting it."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, MLDSA44PrivateKey):
        message = (
            "[audit] second_signing_key must be an ML-DSA-44 private key in PEM: openssl genpkey -algorithm ML-DSA-44"
        )
        raise Misconfigured(message, code="audit-key")
    return key


def new_key_pem() -> str:
    """A fresh key from the operating system's randomness."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


# What makes it runs at first use, so that only a process that needs the key has it.
_configured = Configured[Callable[[], Signing]](
    missing="The audit log's signing is not configured in this process.", code="audit-key"
)
configure = _configured.set


def get() -> Signing:
    """Raises Misconfigured when nothing was configured or the key can't be had."""
    return _configured.get()()


def use(signing: Signing) -> AbstractContextManager[object]:
    """``signing`` in place of the configured one, for a test."""
    return _configured.use(lambda: signing)


def sign_text(text: str, signing: Signing) -> str:
    """``text`` (its end is a line end, which is added where it is missing) with a signature behind it."""
    body = text if text.endswith("\n") else f"{text}\n"
    verifier = signing.verifier()
    blob = base64.b64encode(verifier.key_id() + signing.key.sign(body.encode())).decode()
    return f"{body}\n— {verifier.name} {blob}\n"


def open_text(note: str, accepted: Iterable[NoteKey]) -> str:
    """The text, once one of the ``accepted`` keys has signed it. Raises Invalid."""
    body, mark, signature = note.rpartition(_BEHIND)
    name, _, blob = signature.rstrip("\n").partition(" ")
    try:
        raw = base64.b64decode(blob, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    text = f"{body}\n"
    for key in accepted if mark else ():
        if isinstance(key, VerifierKey) and key.name == name and raw[:KEY_ID_BYTES] == key.key_id():
            try:
                key.public.verify(raw[KEY_ID_BYTES:], text.encode())
            except InvalidSignature:
                break
            return text
    raise Invalid("This text was not signed with an accepted key of this installation.", code="signature")
