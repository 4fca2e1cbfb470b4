"""Decisions to let holds go, as the slice's own action makes them for the next assembly."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from handrail.packets.assembly.results import Clearance, Hold


def clear(hold: Hold, *, roles: Collection[str], by: str, reason: str, at: datetime) -> Clearance:
    role = next(role for role in hold.clears if role in roles)
    return Clearance(hold.code, hold.target, hold.digest, role, by, reason, at)
