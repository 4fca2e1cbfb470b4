"""One value of the packet: taken from its source, compared, looked up, cleaned and checked. Nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from handrail.definitions.profile.compiled import CompiledField, CompiledProfile
from handrail.definitions.profile.format import TLP_ORDER
from handrail.definitions.table import CompiledTable
from handrail.packets.assembly.cleaning import clean
from handrail.packets.assembly.snapshots import SourceSnapshot

Item = Mapping[str, JsonValue]
_NO_ITEM: Item = {}
_SCALARS = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class Found:
    """A reason to hold a value. ``facts`` stay inside."""

    code: str
    facts: JsonValue


@dataclass(frozen=True, slots=True)
class Origin:
    """A value as its source has it, or the problem why there is none."""

    value: JsonValue
    problem: str = ""


class Values:
    """Evaluates fields over the snapshots and tables of one assembly."""

    def __init__(
        self, profile: CompiledProfile, snapshots: Mapping[str, SourceSnapshot], tables: Mapping[str, CompiledTable]
    ) -> None:
        self.profile = profile
        self.snapshots = snapshots
        self.tables = tables
        self.constants: dict[str, JsonValue] = {
            "name": profile.name,
            "version": profile.version,
            "title": profile.title,
            "lane": profile.lane,
            "tlp": profile.tlp,
            "recipients": list(profile.recipients),
        }
        self._above = {name: fact for name in profile.sources if (fact := self._above_audience(name)) is not None}

    def origin(self, name: str, item: Item = _NO_ITEM) -> Origin:
        """The value under a dotted name."""
        root, _, rest = name.partition(".")
        if root == "profile":
            return Origin(self.constants[rest])
        if root == "item":
            return _of_item(item, rest)
        snapshot = self.snapshots[root]
        if rest in snapshot.values:
            return Origin(snapshot.values[rest])
        return Origin(None, snapshot.problems.get(rest) or snapshot.problems.get("") or "it is not there")

    def evaluate(self, field: CompiledField, item: Item = _NO_ITEM) -> tuple[JsonValue, list[Found]]:
        """The value as it would be shown, and every reason to hold it."""
        found = self.audience(field.origin)
        origin = self.origin(field.origin, item)
        if origin.problem or (origin.value is None and not field.optional):
            found.append(Found("missing-lineage", {field.origin: origin.problem or "it is null"}))
            return None, found
        found += self._disagreements(field, origin.value, item)
        if origin.value is None:
            return None, found
        found += self._outside_inventory(field, origin.value, item)
        shown, missing = self._looked_up(field, clean(origin.value, multiline=field.multiline))
        found += missing
        if not missing and not field.validator.is_valid(shown):
            found.append(Found("unfit-value", {field.origin: origin.value}))
        return shown, found

    def audience(self, origin: str) -> list[Found]:
        """Whether the record that ``origin`` is from is above the audience."""
        fact = self._above.get(origin.partition(".")[0])
        return [] if fact is None else [Found("audience-mismatch", {"tlp": fact})]

    def _above_audience(self, name: str) -> str | None:
        label = self.profile.sources[name].tlp
        if label is None:
            return None
        found = self.snapshots[name].values.get(label)
        said = found.upper().removeprefix("TLP:").strip() if isinstance(found, str) else ""
        if said in TLP_ORDER and TLP_ORDER.index(said) <= TLP_ORDER.index(self.profile.tlp):
            return None
        return said or "no label"

    def _disagreements(self, field: CompiledField, value: JsonValue, item: Item) -> list[Found]:
        found: list[Found] = []
        mine = clean(value, multiline=False)
        for name in field.agrees:
            other = self.origin(name, item)
            if other.problem:
                found.append(Found("missing-lineage", {name: other.problem}))
            elif not _same(mine, clean(other.value, multiline=False)):
                found.append(Found("source-conflict", {field.origin: value, name: other.value}))
        return found

    def _outside_inventory(self, field: CompiledField, value: JsonValue, item: Item) -> list[Found]:
        if field.among is None:
            return []
        inventory = self.origin(field.among, item)
        if not isinstance(inventory.value, list):
            return [Found("missing-lineage", {field.among: inventory.problem or "it is null"})]
        wanted = value if isinstance(value, list) else [value]
        listed = {(type(one), one) for one in inventory.value if isinstance(one, _SCALARS)}
        missing = [one for one in wanted if not isinstance(one, _SCALARS) or (type(one), one) not in listed]
        return [Found("not-in-inventory", {field.origin: missing})] if missing else []

    def _looked_up(self, field: CompiledField, value: JsonValue) -> tuple[JsonValue, list[Found]]:
        if field.via is None:
            return value, []
        table = self.tables.get(field.via)
        if table is None:
            return None, [Found("missing-row", {field.via: "no version of this table is active"})]
        keys = value if isinstance(value, list) else [value]
        unknown = [key for key in keys if not isinstance(key, str) or key not in table.rows]
        if unknown:
            return None, [Found("missing-row", {field.via: unknown})]
        rows: list[JsonValue] = [table.rows[key] for key in keys if isinstance(key, str)]
        return (rows if isinstance(value, list) else rows[0]), []


def _of_item(item: Item, name: str) -> Origin:
    value: JsonValue = dict(item)
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return Origin(None, "the record does not have it as declared")
        value = value[part]
    return Origin(value)


def _same(one: JsonValue, other: JsonValue) -> bool:
    return type(one) is type(other) and one == other
