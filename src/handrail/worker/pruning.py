"""Once a day: removes what has expired, so that nothing grows but the record of what was done."""

from __future__ import annotations

from datetime import timedelta

from handrail.access.queries import clear_expired_sessions

EVERY = timedelta(days=1)


def prune() -> None:
    """Removes sessions that have expired. Harmless when run twice or by several workers at once."""
    clear_expired_sessions()
