"""Canonical JSON (RFC 8785) and the digests taken over it."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import rfc8785

from handrail.kernel.errors import Invalid

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


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


def hexadecimal(digest: str) -> str:
    """The 64 digits of a digest, the only part of one that ever becomes part of a name. Raises Invalid."""
    found = _DIGEST.fullmatch(digest)
    if found is None:
        raise Invalid("A digest must be sha256: and 64 lower-case hexadecimal digits.", code="bad-digest")
    return found[1]
