"""What ``handrail check`` says about one connector."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``message`` says how it stands; ``fix`` says what to do.

    ``fix`` beside ``ok`` is advice: nothing is wrong as it stands."""

    name: str
    ok: bool
    message: str
    fix: str = ""
