"""What a sanitiser knows beside the bytes: the packet's secret, and the hosts and names that the profile lists."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

MIN_SECRET_BYTES = 16
_LABEL = b"handrail.sanitise.pseudonyms/1"


@dataclass(frozen=True, slots=True)
class SanitiseContext:
    """The same for every annex and revision of a packet. ``secret`` keys the pseudonyms; it never leaves.

    ``vendor`` and ``identity_providers``: ends of host names in the one form (``kernel.hostnames``). ``request_ids``:
    header names in lower case, beside the known ones, whose values the vendor finds in its own logs.
    ``key_ids``: ids of signing keys that the packet shows anyway.
    """

    secret: bytes = field(repr=False)
    vendor: tuple[str, ...] = ()
    identity_providers: tuple[str, ...] = ()
    request_ids: frozenset[str] = frozenset()
    key_ids: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if len(self.secret) < MIN_SECRET_BYTES:
            raise ValueError(f"the secret must be at least {MIN_SECRET_BYTES} bytes")

    @classmethod
    def of_packet(
        cls,
        salt: bytes,
        *,
        vendor: Iterable[str] = (),
        identity_providers: Iterable[str] = (),
        request_ids: Iterable[str] = (),
        key_ids: Iterable[str] = (),
    ) -> Self:
        """That of the packet with this ``salt``, which can't be computed back from the secret made of it."""
        secret = hmac.digest(salt, _LABEL, "sha256")
        return cls(secret, tuple(vendor), tuple(identity_providers), frozenset(request_ids), frozenset(key_ids))

    @classmethod
    def alone(cls, data: bytes) -> Self:
        """For bytes that belong to no packet: who doesn't have them can't compute its pseudonyms."""
        return cls(hashlib.sha256(_LABEL + data).digest())
