"""Gathering many faults of one text, each with its field, line and column, before refusing it once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from handrail.kernel.errors import Fault, Invalid

# More than anybody fixes in one sitting; the rest waits for the next attempt.
MAX_FAULTS = 50

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class TextMark:
    """A place in the text, counted from 1."""

    line: int
    column: int


def dotted(path: Sequence[str | int]) -> str:
    """``steps[0].retry.initial`` for ``("steps", 0, "retry", "initial")``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(slots=True)
class TextFaults:
    """The faults found so far in one text. ``file`` is what the reader knows the text by."""

    file: str
    found: list[Fault] = field(default_factory=list)

    def add(self, path: Sequence[str | int], message: str, mark: TextMark | None = None) -> None:
        if len(self.found) >= MAX_FAULTS:
            return
        fault = Fault(dotted(path), message, mark.line if mark else None, mark.column if mark else None)
        if fault not in self.found:
            self.found.append(fault)

    def refuse(self) -> NoReturn:
        """Raise Invalid with every fault, in the order of the text."""
        ordered = sorted(self.found, key=lambda fault: (fault.line or 0, fault.column or 0, fault.where))
        count = f"{len(ordered)} or more" if len(ordered) == MAX_FAULTS else str(len(ordered))
        raise Invalid(
            f"{self.file} has {count} fault{'' if count == '1' else 's'}. First: {ordered[0]}",
            code="definition-invalid",
            faults=ordered,
        )

    def refuse_if_any(self) -> None:
        if self.found:
            self.refuse()
