"""Drift: something that a revision stands on and that is no longer so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from handrail.kernel.errors import Fault
from handrail.packets.assembly.snapshots import SourceSnapshot
from handrail.packets.states import RevisionReason


@dataclass(frozen=True, slots=True)
class Drift:
    """One value, or definition, that differs from what the revision was assembled from.

    ``where``: ``source.value``, ``source.version`` for the token itself, ``profile`` or ``tables.name``. ``before`` and
    ``after`` are values of sources, which must not leave, until ``packets.drift`` summarises them for people.
    ``fields``: the paths of the packet's fields that it feeds. ``reason``: why the next revision is made.
    """

    where: str
    before: JsonValue
    after: JsonValue
    fields: tuple[str, ...] = ()
    reason: RevisionReason = RevisionReason.DRIFT

    @property
    def source(self) -> str:
        return self.where.partition(".")[0]

    @property
    def name(self) -> str:
        """What differs within the source."""
        return self.where.partition(".")[2]

    def fault(self) -> Fault:
        feeds = f"; it feeds {', '.join(self.fields)}" if self.fields else ""
        return Fault(self.where, f"changed from {self.before} to {self.after}{feeds}")

    def document(self) -> dict[str, Any]:
        """As the next revision keeps it."""
        return {"where": self.where, "before": self.before, "after": self.after, "fields": list(self.fields)}


def between(before: SourceSnapshot, after: SourceSnapshot) -> tuple[Drift, ...]:
    """Empty when both readings prove the same record. A changed version token counts even when no value changed."""
    return tuple(_between(before, after))


def _between(before: SourceSnapshot, after: SourceSnapshot) -> Iterator[Drift]:
    if before.version != after.version:
        yield Drift(f"{after.name}.version", before.version, after.version)
    if before.record != after.record:
        yield Drift(f"{after.name}.record", before.record, after.record)
    for name in sorted({*before.values, *after.values}):
        one, other = before.values.get(name), after.values.get(name)
        if type(one) is not type(other) or one != other:
            yield Drift(f"{after.name}.{name}", one, other)
