"""One figure of an evaluation, and a share shown as one."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.web.shell import words


@dataclass(frozen=True, slots=True)
class Figure:
    """``share`` is in percent, for the meter; None for anything else."""

    name: str
    value: str
    share: float | None
    message: str


def share(name: str, part: int, whole: int, message: str) -> Figure:
    """``part`` of ``whole``; a dash where there is nothing to be a part of."""
    if not whole:
        return Figure(name, words.NOTHING, None, message)
    percent = part / whole * 100
    return Figure(name, f"{percent:.0f} %", round(percent, 1), f"{part:,} of {whole:,}. {message}")
