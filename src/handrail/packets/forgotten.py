"""What reads as forgotten, and what is refused of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handrail.access.fields import Forgotten, is_forgotten
from handrail.kernel.errors import Conflict

__all__ = ["ForgottenView", "is_forgotten", "refuse_forgotten", "view_of"]


@dataclass(frozen=True, slots=True)
class ForgottenView:
    """When something was forgotten, and why: ``retention`` or ``erasure``."""

    at: datetime
    reason: str

    @property
    def notice(self) -> str:
        return f"erased on {self.at:%Y-%m-%d}"


def view_of(value: object) -> ForgottenView | None:
    """None for what is still there."""
    return ForgottenView(value.at, value.reason) if isinstance(value, Forgotten) else None


def refuse_forgotten(value: object) -> None:
    """Raises Conflict ``forgotten`` for what is not there any more."""
    if (found := view_of(value)) is not None:
        raise Conflict(f"This was {found.notice}. Its digests and proofs remain.", code="forgotten")
