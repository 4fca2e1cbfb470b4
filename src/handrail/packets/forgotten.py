"""What of a packet reads as forgotten, and what is refused of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handrail.access import subjects
from handrail.access.fields import Forgotten, is_forgotten
from handrail.access.subjects import KeyKind, KeyName
from handrail.kernel.errors import Conflict
from handrail.packets.casemodels import Packet

__all__ = ["ForgottenPart", "forgotten_of", "is_forgotten", "refuse_forgotten"]

PARTS = {KeyKind.ANNEX: "cleared annexes", KeyKind.VALUES: "values", KeyKind.RELEASED: "signed envelopes"}


@dataclass(frozen=True, slots=True)
class ForgottenPart:
    """``what``: in words. ``reason``: ``retention`` or ``erasure``."""

    what: str
    at: datetime
    reason: str


def forgotten_of(packet: Packet) -> tuple[ForgottenPart, ...]:
    """What was erased, by its first key: one that was made later is for what was written after that."""
    found = []
    for kind, what in PARTS.items():
        if (ended := subjects.destroyed(KeyName(packet.tenant_id, packet.ref, kind))) is not None:
            found.append(ForgottenPart(what, ended.at, ended.reason))
    return tuple(found)


def refuse_forgotten(value: object) -> None:
    """Raises Conflict ``forgotten`` for what is not there any more."""
    if isinstance(value, Forgotten):
        raise Conflict(f"This was {value.notice}. Its digests and proofs remain.", code="forgotten")
