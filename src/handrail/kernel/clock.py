"""The one place that asks what time it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

FIRST_YEAR, LAST_YEAR = 1970, 9998


def in_utc(at: datetime) -> datetime:
    """``at``, which has a zone, in UTC. Raises ValueError outside 1970 to 9998: at the ends of the calendar zones and
    databases run out of years."""
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(f"a time of the years {FIRST_YEAR} to {LAST_YEAR}")
    return at.astimezone(UTC)


def now() -> datetime:
    """The present instant, timezone-aware, UTC."""
    return datetime.now(UTC)


def after(seconds: float) -> datetime:
    """The instant ``seconds`` from now."""
    return now() + timedelta(seconds=seconds)
