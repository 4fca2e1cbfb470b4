"""Public references: short enough to say over a phone, random enough not to be counted through."""

from __future__ import annotations

import secrets
from enum import StrEnum

# Crockford's base 32: no I, L, O, U, so that a reference survives being read aloud. https://www.crockford.com/base32.html
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 10


class Prefix(StrEnum):
    RUN = "RUN"
    EXCEPTION = "EXC"
    SUPPORT_REQUEST = "SR"
    PACKET = "PKT"
    SESSION = "SES"
    BRAKE = "BRK"
    LEGAL_HOLD = "HLD"
    ERASURE = "ERA"
    NOTIFICATION = "NTF"
    WAVE = "WAV"
    MESSAGE = "MSG"
    PASSKEY = "KEY"
    TOKEN = "TOK"  # noqa: S105 - a prefix
    TASK = "WEB"  # of a task that a person made on a page


def new_ref(prefix: Prefix) -> str:
    """A fresh reference such as ``RUN-7K3M9QX2ZA``: 50 random bits. A reference names a thing; it never opens it."""
    return f"{prefix}-" + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def is_ref(prefix: Prefix, text: str) -> bool:
    """Whether ``text`` is what ``new_ref`` gives for this prefix."""
    rest = text.removeprefix(f"{prefix}-")
    return rest != text and len(rest) == LENGTH and all(c in ALPHABET for c in rest)
