"""One reading of one source, kept as it was; and what moved between two readings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``record``: the record's id. ``version``: the token that the profile names. ``digest`` is over ``values`` as
    canonical JSON, ``raw_digest`` over the whole answer; both ``sha256:…``, or None when there was no usable answer.

    ``problems``: why a declared value is not there, by name; under ``""`` why nothing is. They quote no value.
    """

    name: str
    record: str
    version: str | None
    digest: str | None
    raw_digest: str | None
    read_at: datetime
    values: Mapping[str, JsonValue]
    problems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Moved:
    """A value of a source that differs between two readings. ``field`` is ``version`` for the token itself.

    ``before`` and ``after`` are outside values: they stay inside.
    """

    source: str
    field: str
    before: JsonValue
    after: JsonValue


def moved(before: Snapshot, after: Snapshot) -> tuple[Moved, ...]:
    """What moved; empty when both prove the same record. A token that moved counts even when no value did."""
    return tuple(_moved(before, after))


def _moved(before: Snapshot, after: Snapshot) -> Iterator[Moved]:
    if before.version != after.version:
        yield Moved(after.name, "version", before.version, after.version)
    if before.record != after.record:
        yield Moved(after.name, "record", before.record, after.record)
    for name in sorted({*before.values, *after.values}):
        one, other = before.values.get(name), after.values.get(name)
        if type(one) is not type(other) or one != other:
            yield Moved(after.name, name, one, other)
