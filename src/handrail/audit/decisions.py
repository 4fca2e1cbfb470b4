"""What was decided about a sealed row after it was written, compared with the sealed events that say so.

Only columns that never change are in a leaf. The others are written once or twice, each time with an event in the same
transaction, and that event is sealed whole. A slice registers how its rows follow from their events (CF-38 of
docs/reference/checkpoint-format.md).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

Check = Callable[[Collection[int]], Mapping[int, str]]
"""Given row ids, the ids of rows that contradict their events, each with one sentence that says how."""

_checks: dict[str, Check] = {}


def register(source: str, check: Check) -> None:
    """Has rows of ``source`` compared from now on. Raises ValueError when it has another check already."""
    if _checks.setdefault(source, check) is not check:
        raise ValueError(f"the source {source} has another check")


def contradictions(source: str, ids: Collection[int]) -> Mapping[int, str]:
    """Looks twice at what seems wrong: a decision may be committed between reading the row and reading the events."""
    check = _checks.get(source)
    if check is None or not ids:
        return {}
    suspected = check(ids)
    return check(suspected.keys()) if suspected else {}
