"""``handrail demo``."""

from __future__ import annotations


def demo() -> None:
    """Watch delegated tasks being carried through approved runbooks."""
