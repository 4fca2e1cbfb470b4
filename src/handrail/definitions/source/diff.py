"""Two texts side by side, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

# As difflib has it: what happened, and the half-open ranges in the old and in the new text.
Opcode = tuple[str, int, int, int, int]
Change = Literal["same", "added", "removed", "gap"]
CONTEXT_LINES = 3
# Comparing takes quadratic time at worst; longer texts are shown whole, the old one before the new one.
MAX_COMPARED_LINES = 2000


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line; ``before`` and ``after`` are its numbers in the two texts. A ``gap`` stands for lines left out."""

    change: Change
    before: int | None
    after: int | None
    text: str


def compare(before: str, after: str) -> tuple[DiffLine, ...]:
    """What changed, with three lines of context around each change; nothing for equal texts."""
    old, new = before.splitlines(), after.splitlines()
    if old == new:
        return ()
    lines: list[DiffLine] = []
    for opcodes in _groups(old, new):
        if lines or opcodes[0][1] > 0:
            lines.append(DiffLine("gap", None, None, ""))
        for opcode in opcodes:
            lines += _lines(opcode, old, new)
    return tuple(lines)


def _groups(old: list[str], new: list[str]) -> Iterator[list[Opcode]]:
    if max(len(old), len(new)) > MAX_COMPARED_LINES:
        return iter([[("replace", 0, len(old), 0, len(new))]])
    return iter(SequenceMatcher(a=old, b=new, autojunk=False).get_grouped_opcodes(CONTEXT_LINES))


def _lines(opcode: Opcode, old: list[str], new: list[str]) -> Iterator[DiffLine]:
    change, old_from, old_to, new_from, new_to = opcode
    if change == "equal":
        for offset in range(old_to - old_from):
            yield DiffLine("same", old_from + offset + 1, new_from + offset + 1, old[old_from + offset])
        return
    for index in range(old_from, old_to):
        yield DiffLine("removed", index + 1, None, old[index])
    for index in range(new_from, new_to):
        yield DiffLine("added", None, index + 1, new[index])
