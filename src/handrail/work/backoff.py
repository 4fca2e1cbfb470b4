"""How long to wait before something is tried again."""

from __future__ import annotations

# Beyond this many doublings every ceiling is reached, and floats would not go on for ever.
DOUBLINGS = 16


def doubled(first: float, times: int, ceiling: float) -> float:
    """Seconds to wait: ``first``, doubled ``times`` times, at most ``ceiling``."""
    return min(first * 2.0 ** min(times, DOUBLINGS), ceiling)
