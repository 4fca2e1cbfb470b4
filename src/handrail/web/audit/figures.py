"""One figure of an evaluation, and a share told as one."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.web.shell import words


@dataclass(frozen=True, slots=True)
class Figure:
    """``share`` is in percent, for the meter; None where it is no share."""

    name: str
    value: str
    share: float | None
    says: str


def share(name: str, part: int, whole: int, says: str) -> Figure:
    """``part`` of ``whole``; a dash where there is nothing to be a part of."""
    if not whole:
        return Figure(name, words.NOTHING, None, says)
    percent = part / whole * 100
    return Figure(name, f"{percent:.0f} %", round(percent, 1), f"{part:,} of {whole:,}. {says}")
