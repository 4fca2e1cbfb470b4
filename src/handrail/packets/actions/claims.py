"""What workers claim of this slice: revisions that are to be assembled or delivered."""

from __future__ import annotations

from handrail.packets.leases import REVISIONS, claim_revisions

__all__ = ["REVISIONS", "claim_revisions"]
