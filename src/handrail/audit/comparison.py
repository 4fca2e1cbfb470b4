"""The rows behind leaves as they are now, each compared with its leaf and with the events that decided about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from handrail.audit import rows, sources
from handrail.audit.differences import Difference, DifferenceKind
from handrail.audit.models import AuditLeaf
from handrail.audit.rows import SealedRow
from handrail.kernel.scope import RowScope, entered

Leaf = tuple[int, str, int, bytes]


@dataclass(frozen=True, slots=True)
class LogPlace:
    """One place of the log. ``leaf`` is None where it is missing; ``row`` is None unless it still makes that leaf."""

    index: int
    leaf: bytes | None
    row: SealedRow | None
    difference: Difference | None


def places(begin: int, end: int) -> Iterator[LogPlace]:
    """The places from ``begin`` up to ``end``, in the order of the log."""
    kept = {leaf[0]: leaf for leaf in _leaves(begin, end)}
    present = rows_of(list(kept.values()))
    contradicted = _contradicted(present.values())
    for index in range(begin, end):
        if index not in kept:
            missing = Difference(DifferenceKind.LEAF, f"Leaf {index} of the log is missing.", index)
            yield LogPlace(index, None, None, missing)
            continue
        _, source, row_id, leaf = kept[index]
        row = present.get((source, row_id))
        found = _unlike(kept[index], row)
        if found is None and (message := contradicted.get((source, row_id))):
            found = Difference(DifferenceKind.DECISION, message, index, source, row_id)
            yield LogPlace(index, leaf, row, found)
            continue
        yield LogPlace(index, leaf, row if found is None else None, found)


def rows_of(leaves: Sequence[Leaf]) -> dict[tuple[str, int], SealedRow]:
    """The rows behind ``leaves`` as they are now. A source that nobody registers any more has none."""
    found = {}
    for name, wanted in _by_source(leaves).items():
        source = sources.find(name)
        for row in rows.read(source, wanted) if source else ():
            found[name, row.id] = row
    return found


def _unlike(leaf: Leaf, row: SealedRow | None) -> Difference | None:
    index, source, row_id, value = leaf
    if row is None:
        message = f"{source} {row_id} was sealed and no longer exists."
        return Difference(DifferenceKind.MISSING, message, index, source, row_id)
    if row.leaf_hash() != value:
        message = f"{source} {row_id} has changed since it was sealed."
        return Difference(DifferenceKind.ALTERED, message, index, source, row_id)
    return None


def _contradicted(present: Iterable[SealedRow]) -> dict[tuple[str, int], str]:
    """Looks twice at what seems wrong: a decision may be committed between reading the row and reading its events.

    What is decided about a row is in no leaf. So it is read in the scope of the row's own workspace.
    """
    ids: dict[tuple[str, int], list[int]] = {}
    for row in present:
        if isinstance(workspace_id := row.values.get("workspace_id"), int):
            ids.setdefault((row.source, workspace_id), []).append(row.id)
    found: dict[tuple[str, int], str] = {}
    for (name, workspace_id), of_workspace in ids.items():
        source = sources.find(name)
        check = source.check if source else None
        if check is not None:
            with entered(RowScope(workspace_id, None)):
                suspected = check(of_workspace)
                again = check(suspected.keys()) if suspected else {}
            found |= {(name, row_id): message for row_id, message in again.items()}
    return found


def _by_source(leaves: Sequence[Leaf]) -> dict[str, list[int]]:
    ids: dict[str, list[int]] = {}
    for _, name, row_id, _ in leaves:
        ids.setdefault(name, []).append(row_id)
    return ids


def _leaves(begin: int, end: int) -> Iterator[Leaf]:
    chunk = AuditLeaf.objects.filter(index__gte=begin, index__lt=end).order_by("index")
    for index, source, row_id, value in chunk.values_list("index", "source", "row_id", "leaf_hash"):
        yield index, source, row_id, bytes(value)
