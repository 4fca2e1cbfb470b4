"""What other sources say of a list's entries: the one record of each that belongs to an entry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Protocol

from pydantic import JsonValue

from handrail.definitions.profile.compiled import CompiledListField, CompiledMatch
from handrail.packets.assembly.artifacts import take_each
from handrail.packets.assembly.cleaning import clean
from handrail.packets.assembly.values import Found, Item, Origin

_Key = tuple[tuple[type, JsonValue], ...]


class Origins(Protocol):
    """Gives the value under a dotted name."""

    def origin(self, name: str, item: Item = ...) -> Origin: ...


class Matcher:
    """Over the lists as they were read once. Two values are the same as ``agrees`` has it: cleaned, and of one type."""

    def __init__(self, each: CompiledListField, values: Origins) -> None:
        self._each = each
        self._values = values
        self._records: dict[str, Mapping[_Key, list[Item]] | str] = {
            match.name: self._indexed(match) for match in each.matches
        }

    def _indexed(self, match: CompiledMatch) -> Mapping[_Key, list[Item]] | str:
        """The records by what they are found by, or why there are none."""
        listed = self._values.origin(match.among)
        if not isinstance(listed.value, list):
            return listed.problem or "it is null"
        found: defaultdict[_Key, list[Item]] = defaultdict(list)
        for record in listed.value:
            taken = take_each(match.values, record)
            found[_key(taken.get(key) for key, _ in match.by)].append(taken)
        return found

    def of(self, item: Item) -> tuple[Item, list[Found]]:
        """The entry with what other sources say of it, under the names of the matches; and why it is held where a list
        has no record of it, or several."""
        found: list[Found] = []
        for match in self._each.matches:
            records = self._records[match.name]
            if found and any(
                name.startswith(f"item.{one}.") for one in self._records.keys() - item for _, name in match.by
            ):
                continue  # it is not there because an earlier one is not
            if isinstance(records, str):
                found.append(Found("missing-lineage", {match.among: records}))
                continue
            wanted = [self._values.origin(name, item).value for _, name in match.by]
            # A value that is not there matches nothing, not even another one that is not there.
            fitting = [] if None in wanted else records.get(_key(wanted), [])
            if len(fitting) == 1:
                item = {**item, match.name: dict(fitting[0])}
            else:
                found.append(Found(match.unmatched, {match.among: [wanted, len(fitting)]}))
        return item, found


def _key(values: Iterable[JsonValue]) -> _Key:
    return tuple((type(value), clean(value, multiline=False)) for value in values)
