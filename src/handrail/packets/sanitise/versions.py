"""Numbers of versions, told from numbers that are somebody's."""

from __future__ import annotations

import re

from handrail.packets.sanitise.hosts import public_address

_VERSION = re.compile(r"(?=(?:[v.]*[0-9]){1,11}$)v?[0-9]{1,4}(?:\.[0-9]{1,4}){0,3}")  # 12 digits are a card's number


def is_version(text: str) -> bool:
    """Whether ``text`` is a version of four numbers at most, and not a private address."""
    return _VERSION.fullmatch(text) is not None and public_address(text.removeprefix("v")) != ""
