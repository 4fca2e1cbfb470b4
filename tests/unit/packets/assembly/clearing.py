"""Decisions to let holds go, as the slice's own action makes them for the next assembly."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from handrail.packets.assembly.results import Hold, HoldClearance


def clear(hold: Hold, *, roles: Collection[str], by: str, reason: str, at: datetime) -> HoldClearance:
    role = next(role for role in hold.clears if role in roles)
    return HoldClearance(hold.code, hold.target, hold.digest, role, by, reason, at)
