"""What a verification, or the sealer, found to be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MOST = 100


class DifferenceKind(StrEnum):
    ALTERED = "altered"  # CF-30
    MISSING = "missing"  # CF-31
    EXTRA = "extra"  # CF-32
    LEAF = "leaf"  # CF-33
    SUBTREE = "subtree"  # CF-34
    ROOT = "root"  # CF-35
    CHECKPOINT = "checkpoint"  # CF-36
    CUT_OFF = "cut-off"  # CF-37
    DECISION = "decision"  # CF-38
    MARK = "mark"  # CF-39
    GUARD = "guard"  # CF-40
    COSIGNATURE = "cosignature"  # CF-56
    WITNESS = "witness"  # CF-57
    TIMESTAMP = "timestamp"  # CF-86


@dataclass(frozen=True, slots=True)
class Difference:
    """``message`` is one sentence. ``index``: the place in the log; ``source`` and ``row_id``: the row, if any."""

    kind: DifferenceKind
    message: str
    index: int | None = None
    source: str | None = None
    row_id: int | None = None
