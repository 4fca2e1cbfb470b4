"""How instants, spans, states and values read on a page."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

NOTHING = "—"
MINUTE, HOUR, DAY = 60, 3600, 86400
WEEK = 7 * DAY
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})

# A state's tone (the colour family in the style sheet) and its shape (a heroicon).
STATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "received": ("idle", "inbox-arrow-down"),
        "checking": ("move", "magnifying-glass"),
        "invoking": ("move", "bolt"),
        "verifying": ("move", "eye"),
        "completed": ("good", "check-circle"),
        "exception": ("stop", "exclamation-triangle"),
        "cancelled": ("idle", "minus-circle"),
        "running": ("move", "arrow-path"),
        "paused": ("wait", "pause-circle"),
        "stopped": ("stop", "exclamation-triangle"),
        "abandoned": ("idle", "minus-circle"),
        "open": ("stop", "exclamation-triangle"),
        "late": ("stop", "clock"),
        "taken": ("wait", "hand-raised"),
        "resolved": ("good", "check-circle"),
        "proposed": ("wait", "pencil-square"),
        "active": ("good", "check-badge"),
        "revoked": ("stop", "no-symbol"),
        "unconfirmed": ("wait", "clock"),
        "suspended": ("stop", "no-symbol"),
        "removed": ("idle", "minus-circle"),
        "expired": ("idle", "clock"),
        "rejected": ("stop", "x-circle"),
        "deprecated": ("idle", "archive-box"),
        "right": ("good", "check-circle"),
        "wrong": ("stop", "x-circle"),
        "done": ("good", "check-circle"),
        "denied": ("stop", "no-symbol"),
        "failed": ("stop", "x-circle"),
        "succeeded": ("good", "check-circle"),
        "retryable": ("wait", "arrow-path"),
        "not-sent": ("wait", "arrow-path"),
        "terminal": ("stop", "x-circle"),
        "ambiguous": ("stop", "question-mark-circle"),
        "unknown": ("stop", "question-mark-circle"),
        "pending": ("move", "clock"),
        "holds": ("good", "check-circle"),
        "does not hold": ("stop", "x-circle"),
        "delivered": ("good", "check-circle"),
        "assembling": ("move", "cog-6-tooth"),
        "held": ("stop", "lock-closed"),
        "in_review": ("wait", "eye"),
        "approved": ("good", "check-badge"),
        "released": ("move", "paper-airplane"),
        "consumed": ("good", "envelope-open"),
        "superseded": ("idle", "arrow-path-rounded-square"),
        "withdrawn": ("stop", "arrow-uturn-left"),
        "sending": ("move", "paper-airplane"),
        "refused": ("stop", "x-circle"),
        "given-up": ("stop", "question-mark-circle"),
        "recalling": ("wait", "arrow-uturn-left"),
        "noticed": ("stop", "megaphone"),
        "never-delivered": ("idle", "minus-circle"),
        "blocks": ("stop", "lock-closed"),
        "withheld": ("wait", "lock-closed"),
        "cleared": ("good", "lock-open"),
        "leaves": ("good", "arrow-up-right"),
    }
)


def exact(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def distance(at: datetime, now: datetime) -> str:
    """``12 s ago``, ``in 3 min``, or the day when it is over a week away."""
    seconds = (now - at).total_seconds()
    size = abs(seconds)
    if size < 1:
        return "just now"
    if size >= WEEK:
        return at.astimezone(UTC).strftime("%-d %b %Y")
    text = _largest(size)
    return f"{text} ago" if seconds > 0 else f"in {text}"


def _largest(size: float) -> str:
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if size >= unit:
            return f"{int(size // unit)} {name}"
    return f"{int(size)} s"


def span(seconds: float | None) -> str:
    """A length of time in at most two units: ``340 ms``, ``2.4 s``, ``3 min 20 s``, ``5 h 2 min``."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    if seconds < HOUR:
        return _two(seconds, MINUTE, "min", 1, "s")
    if seconds < DAY:
        return _two(seconds, HOUR, "h", MINUTE, "min")
    return _two(seconds, DAY, "d", HOUR, "h")


def _two(seconds: float, large: int, name: str, small: int, rest_name: str) -> str:
    """``12 h 5 min``, and ``12 h`` where nothing is left over."""
    whole, rest = divmod(int(seconds), large)
    return f"{whole} {name} {rest // small} {rest_name}" if rest // small else f"{whole} {name}"


def humanise(code: str) -> str:
    """``retries-exhausted`` as ``Retries exhausted``."""
    text = str(code).replace("-", " ").replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def value_text(value: Any) -> str:
    """A JSON value on one line, as a person writes it."""
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(value_text(v) for v in value) if value else "none"
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict) else str(value)


def visible(text: str) -> str:
    """``text`` with every character that shows nothing, or turns its neighbours round, written out as ``⟨U+202E⟩``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        f"⟨U+{ord(c):04X}⟩" if c not in "\n\t" and unicodedata.category(c) in _INVISIBLE else c for c in text
    )


def visible_value(value: Any) -> str:
    """A JSON value on one line, with what shows nothing written out."""
    return visible(value_text(value))
