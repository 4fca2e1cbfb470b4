"""What differs between two revisions, from their documents alone, and which fields a changed source feeds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Literal

from pydantic import JsonValue

from handrail.definitions.profile.compiled import CompiledField, CompiledListField, CompiledProfile
from handrail.packets.assembly.drift import Drift
from handrail.packets.assembly.results import Assembled

Kind = Literal["added", "removed", "changed"]
Document = Mapping[str, Any]
_ABSENT: Any = object()
# What names an entry of a list among others, the first that it has.
_NAMES = ("id", "ref", "reference", "key", "name")
# Finding equal entries takes the square of their number.
_MOST_MATCHED = 400


@dataclass(frozen=True, slots=True)
class RevisionDifference:
    """One place that differs; ``before`` or ``after`` is None where there was, or is, nothing."""

    where: str
    kind: Kind
    before: JsonValue
    after: JsonValue


@dataclass(frozen=True, slots=True)
class Comparison:
    """Empty throughout when the revisions say the same."""

    fields: tuple[RevisionDifference, ...]
    lineage: tuple[RevisionDifference, ...]
    sources: tuple[RevisionDifference, ...]
    holds: tuple[RevisionDifference, ...]
    annexes: tuple[RevisionDifference, ...]

    @property
    def same(self) -> bool:
        return not (self.fields or self.lineage or self.sources or self.holds or self.annexes)


@dataclass(frozen=True, slots=True)
class Documents:
    """The parsed ``packet.json``, ``trace.json`` and ``holds.json`` of one revision."""

    packet: Document
    trace: Document
    holds: Document

    @classmethod
    def nothing(cls) -> Documents:
        """Those of somebody who holds no revision: against them, all of a revision is added."""
        return cls({"fields": {}, "annexes": [], "held": []}, {"fields": {}, "sources": {}}, {"holds": []})

    @classmethod
    def of(cls, assembled: Assembled) -> Documents:
        return cls(assembled.packet, assembled.trace, {"holds": [hold.document() for hold in assembled.holds]})


def compare(before: Documents, after: Documents) -> Comparison:
    """What differs. Versions and digests count, times of reading do not."""
    return Comparison(
        fields=tuple(_differences("", before.packet["fields"], after.packet["fields"])),
        lineage=tuple(_differences("", _rules(before.trace), _rules(after.trace))),
        sources=tuple(_differences("", _sources(before.trace), _sources(after.trace))),
        holds=tuple(_named(_holds(before.holds), _holds(after.holds))),
        annexes=tuple(_named(_annexes(before.packet), _annexes(after.packet))),
    )


def affected_fields(profile: CompiledProfile, drift: Iterable[Drift]) -> tuple[str, ...]:
    """The paths of the fields that the changed values feed, in the profile's order. A changed version feeds none."""
    changed = {one.where for one in drift}
    return tuple(field.path for field in profile.fields if changed & set(_feeds(field)))


def _feeds(field: CompiledField | CompiledListField) -> Iterator[str]:
    if isinstance(field, CompiledListField):
        yield from field.origins
        for match in field.matches:
            yield from (name for _, name in match.by)
        for member in field.show:
            yield from _feeds(member)
        return
    yield field.origin
    yield from field.agrees
    if field.among:
        yield field.among


def _rules(trace: Document) -> dict[str, Any]:
    """What made each value, without the versions that ``sources`` already has."""
    kept = ("source", "path", "rule", "via", "entries", "masked")
    return {
        path: {key: value for key, value in found.items() if key in kept} for path, found in trace["fields"].items()
    }


def _sources(trace: Document) -> dict[str, Any]:
    kept = ("record", "version", "digest")
    return {name: {key: source[key] for key in kept} for name, source in trace["sources"].items()}


def _holds(holds: Document) -> dict[str, JsonValue]:
    return {f"{hold['code']} on {hold['target']}": _state(hold) for hold in holds["holds"]}


def _state(hold: Document) -> JsonValue:
    return {"cleared": hold["cleared"] is not None, "blocking": hold["blocking"], "digest": hold["digest"]}


def _annexes(packet: Document) -> dict[str, JsonValue]:
    cleared = {annex["name"]: {"cleared": True, "digest": annex["digest"]} for annex in packet["annexes"]}
    held = {one["name"]: {"cleared": False, "digest": one["digest"], "reason": one["reason"]} for one in packet["held"]}
    return {**cleared, **held}


def _named(before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> Iterator[RevisionDifference]:
    for name in sorted({*before, *after}):
        one, other = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if one != other:
            yield _difference(name, one, other)


def _difference(where: str, before: Any, after: Any) -> RevisionDifference:
    if before is _ABSENT:
        return RevisionDifference(where, "added", None, after)
    if after is _ABSENT:
        return RevisionDifference(where, "removed", before, None)
    return RevisionDifference(where, "changed", before, after)


def _differences(where: str, before: Any, after: Any) -> Iterator[RevisionDifference]:
    if isinstance(before, Mapping) and isinstance(after, Mapping) and not _is_held(before) and not _is_held(after):
        for name in sorted({*before, *after}):
            place = f"{where}.{name}" if where else name
            one, other = before.get(name, _ABSENT), after.get(name, _ABSENT)
            if one is _ABSENT or other is _ABSENT:
                yield _difference(place, one, other)
            else:
                yield from _differences(place, one, other)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(where, before, after)
    elif type(before) is not type(after) or before != after:
        yield _difference(where, before, after)


def _is_held(value: Mapping[str, Any]) -> bool:
    return set(value) == {"held"}


def _lists(where: str, before: list[Any], after: list[Any]) -> Iterator[RevisionDifference]:
    """Entries that have a name are matched by it. Of others, those that are equal are the same ones, in their order,
    whatever their new positions; what stands in their place is compared with what stood there."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    for at_old, at_new in _matched(old, new):
        if at_new is None:
            assert at_old is not None
            yield RevisionDifference(f"{where}[{start + at_old}]", "removed", old[at_old], None)
        elif at_old is None:
            yield RevisionDifference(f"{where}[{start + at_new}]", "added", None, new[at_new])
        else:
            yield from _differences(f"{where}[{start + at_new}]", old[at_old], new[at_new])


def _matched(old: list[Any], new: list[Any]) -> Iterator[tuple[int | None, int | None]]:
    """Which entry of ``old`` is which of ``new``; None on the side where there is none."""
    named_old, named_new = _by_name(old), _by_name(new)
    if named_old is not None and named_new is not None:
        yield from ((named_old.get(name), at) for name, at in named_new.items())
        yield from ((at, None) for name, at in named_old.items() if name not in named_new)
        return
    if max(len(old), len(new)) > _MOST_MATCHED:
        yield from _in_turn(range(len(old)), range(len(new)))
        return
    was, now = ([json.dumps(entry, sort_keys=True) for entry in entries] for entries in (old, new))
    for tag, a, b, c, d in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if tag != "equal":
            yield from _in_turn(range(a, b), range(c, d))


def _in_turn(old: range, new: range) -> Iterator[tuple[int | None, int | None]]:
    yield from zip_longest(old, new)


def _by_name(entries: list[Any]) -> dict[Any, int] | None:
    """The names of the entries to their places; None where one has none, or two have the same."""
    found: dict[Any, int] = {}
    for at, entry in enumerate(entries):
        name = (
            next((entry[key] for key in _NAMES if isinstance(entry.get(key), str | int)), None)
            if isinstance(entry, Mapping)
            else None
        )
        if name is None or name in found:
            return None
        found[name] = at
    return found
