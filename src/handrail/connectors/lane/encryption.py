"""Packages encrypted to the receiver's keys, in the age format."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pyrage

# Behind ``.zip`` in every name that the receiver sees.
SUFFIX = ".age"


@dataclass(frozen=True, slots=True)
class Encryption:
    """``recipients``: age's ``age1…``, or SSH public keys (Ed25519 or RSA), each on its own able to decrypt."""

    recipients: tuple[str, ...]

    def encrypt(self, source: Path, target: Path) -> None:
        """Another result each time: who sends twice keeps the first."""
        pyrage.encrypt_file(str(source), str(target), [recipient(text) for text in self.recipients])

    @property
    def names(self) -> list[str]:
        """The recipients, short enough for people to compare."""
        return [short_name(text) for text in self.recipients]


def recipient(text: str) -> pyrage.x25519.Recipient | pyrage.ssh.Recipient:
    """Raises ValueError."""
    try:
        if text.startswith("age1"):
            return pyrage.x25519.Recipient.from_str(text)
        return pyrage.ssh.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise ValueError("must be a recipient of age (age1…) or an SSH public key (ssh-ed25519, ssh-rsa)") from None


def short_name(text: str) -> str:
    """An age recipient as it is; of an SSH key its type and fingerprint."""
    kind, _, rest = text.partition(" ")
    if text.startswith("age1"):
        return text
    try:
        blob = base64.b64decode(rest.partition(" ")[0], validate=True)
    except (binascii.Error, ValueError):
        return kind
    return f"{kind} SHA256:{base64.b64encode(sha256(blob).digest()).decode().rstrip('=')}"
