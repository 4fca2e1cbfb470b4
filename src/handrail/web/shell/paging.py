"""Addresses of the pages of a list: its filters, and from where on it goes back in time."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from handrail.kernel.clock import in_utc


def instant(text: str) -> datetime | None:
    """The time that an address names; None for what is none, or lacks its zone."""
    try:
        at = datetime.fromisoformat(text)
        return in_utc(at) if at.tzinfo is not None else None
    except ValueError:
        return None


def query(**filters: str) -> str:
    """``?`` with the filters that are not empty."""
    return "?" + urlencode({name: value for name, value in filters.items() if value})
