"""Addresses of the pages of a list: its filters, and from where on it goes back in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from urllib.parse import urlencode

from handrail.kernel.clock import in_utc
from handrail.kernel.errors import Fault

_DAYS = (date(1970, 1, 1), date(9998, 12, 31))  # days that have a next one


def day(text: str) -> date | None:
    """The day that an address names; None for what is none."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if _DAYS[0] <= found <= _DAYS[1] else None


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


def unknown(asked: Mapping[str, str], **known: Iterable[str]) -> tuple[Fault, ...]:
    """The filters of an address that name nothing there is, each with what there is: none is left out silently."""
    words = {name: list(of) for name, of in known.items()}
    return tuple(
        Fault(name, f"there is none of this name; one of: {', '.join(of)}")
        for name, of in words.items()
        if asked.get(name) and asked[name] not in of
    )
