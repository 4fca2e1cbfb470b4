"""Canonical JSON (RFC 8785) and the digests taken over it."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785


def canonical_bytes(value: Any) -> bytes:
    """``value`` as RFC 8785 JSON.

    Raises ``rfc8785.CanonicalizationError`` for NaN, infinities and integers over 2^53.
    """
    return rfc8785.dumps(value)


def digest_bytes(data: bytes) -> str:
    """``sha256:`` and 64 hexadecimal digits over the bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """The digest of a JSON value, the same on every machine."""
    return digest_bytes(canonical_bytes(value))
