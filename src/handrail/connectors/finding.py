"""What ``handrail check`` says about one connector."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``message`` says how it stands; ``mend`` says what to do, and is empty when ``ok``."""

    name: str
    ok: bool
    message: str
    mend: str = ""
