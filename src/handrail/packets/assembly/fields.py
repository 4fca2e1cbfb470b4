"""The fields of one packet while it is made: what each would show, and what holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import JsonValue

from handrail.definitions.language.conditions import ConditionError
from handrail.definitions.profile.compiled import CompiledField, CompiledListField, CompiledProfile
from handrail.packets.assembly.artifacts import take_each
from handrail.packets.assembly.matching import Matcher
from handrail.packets.assembly.register import HoldRegister, withholds
from handrail.packets.assembly.results import Hold
from handrail.packets.assembly.values import Found, Item, Values

ENTRIES = "[]"
NOWHERE: Mapping[tuple[str, str], str] = {}


@dataclass(slots=True)
class Made:
    """One value: ``holds`` are all that were found on it. ``masked``: how many of each kind are masked in it."""

    spec: CompiledField
    value: JsonValue
    holds: list[Hold] = field(default_factory=list)
    masked: Counter[str] = field(default_factory=Counter)

    @property
    def held(self) -> list[str]:
        """The codes of the holds for which it stays inside, sorted."""
        return sorted({hold.code for hold in self.holds if withholds(hold)})

    def shown(self) -> JsonValue:
        held: list[JsonValue] = [*self.held]
        return {"held": held} if held else self.value


@dataclass(slots=True)
class FieldEntry:
    """One entry of a list: ``index`` is its place in the source's list. Reasons are codes; the holds are the list's.

    ``absent``: those of its own for which there is nothing to show, also once they are cleared.
    """

    index: int
    values: list[JsonValue]
    reasons: list[set[str]]
    own: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)


@dataclass(slots=True)
class MadeList:
    """One list. ``by_target``: its holds by target and code, each over all the entries that it concerns.

    ``masked``: how many of each kind are masked, by the path of the member.
    """

    spec: CompiledListField
    entries: list[FieldEntry]
    left_out: list[Item]
    holds: list[Hold] = field(default_factory=list)
    by_target: dict[tuple[str, str], Hold] = field(default_factory=dict)
    masked: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def held(self) -> list[str]:
        return sorted({hold.code for hold in self.holds if withholds(hold)})

    def shown(self) -> JsonValue:
        if self.held:
            return {"held": [*self.held]}
        return [self._entry(position, entry) for position, entry in enumerate(self.entries)]

    def _entry(self, position: int, entry: FieldEntry) -> JsonValue:
        own = {*self.held_in(entry.own, entry_target(self.spec, position)), *entry.absent}
        if own:
            return {"held": [*sorted(own)]}
        shown: dict[str, JsonValue] = {}
        for spec, value, reasons in zip(self.spec.show, entry.values, entry.reasons, strict=True):
            held = self.held_in(reasons, member_target(self.spec, position, spec)) if reasons else []
            put(shown, spec.path, {"held": [*held]} if held else value)
        return shown

    def held_in(self, reasons: Iterable[str], target: str) -> list[str]:
        return sorted(code for code in reasons if withholds(self.by_target[target, code]))


def entry_target(each: CompiledListField, position: int) -> str:
    """What holds of an entry are on: the list's entries together, or this one where they are kept apart."""
    return f"{each.path}[{position}]" if each.apart else f"{each.path}{ENTRIES}"


def member_target(each: CompiledListField, position: int, member: CompiledField) -> str:
    return f"{entry_target(each, position)}.{member.path}"


class EntryFinding(NamedTuple):
    """Something found in the text of one member, ``at``, of the entry at ``position``."""

    position: int
    at: int
    code: str
    fact: JsonValue


class _Facts:
    """What was found in the entries of one list, by the target and code of the hold that it makes."""

    def __init__(self, spec: CompiledListField) -> None:
        self.spec = spec
        self.found: dict[tuple[str, str], list[JsonValue]] = {}
        self.consequential: set[str] = set()

    def add(self, position: int, code: str, fact: JsonValue, member: CompiledField | None = None) -> None:
        spec = self.spec
        target = entry_target(spec, position) if member is None else member_target(spec, position, member)
        if spec.consequential or (member is not None and member.consequential):
            self.consequential.add(target)
        self.found.setdefault((target, code), []).append(fact)


def put(tree: dict[str, JsonValue], path: str, value: JsonValue) -> None:
    """Sets ``value`` under a dotted path, making the objects on the way."""
    *parents, last = path.split(".")
    level = tree
    for part in parents:
        deeper = level.setdefault(part, {})
        assert isinstance(deeper, dict)
        level = deeper
    level[last] = value


class FieldMaker:
    """Makes fields; what it finds goes into the register."""

    def __init__(
        self, profile: CompiledProfile, values: Values, register: HoldRegister, scope: Mapping[str, Any]
    ) -> None:
        self.profile = profile
        self.values = values
        self.register = register
        self.scope = scope

    def make(self, spec: CompiledField) -> Made:
        value, found = self.values.evaluate(spec)
        made = Made(spec, value)
        for one in merged(found):
            made.holds.append(self.register.add(one.code, spec.path, one.facts, consequential=spec.consequential))
        return made

    def make_list(self, spec: CompiledListField) -> MadeList:
        origin = self.values.origin(spec.origin)
        made = MadeList(spec, [], [])
        records = origin.value if isinstance(origin.value, list) else []
        whole = [found for name in spec.origins for found in self.values.audience(name)]
        if not isinstance(origin.value, list):
            whole.append(Found("missing-lineage", {spec.origin: origin.problem or "it is null"}))
        facts, matcher = _Facts(spec), Matcher(spec, self.values)
        for index, record in enumerate(records):
            self._entry(made, index, *matcher.of(take_each(spec.values, record)), facts)
        if len(made.entries) > spec.at_most:
            whole.append(Found("unfit-value", {"entries": len(made.entries), "at_most": spec.at_most}))
        for one in merged(whole):
            made.holds.append(self.register.add(one.code, spec.path, one.facts, consequential=spec.consequential))
        self._register(made, facts)
        return made

    def _entry(self, made: MadeList, index: int, item: Item, unmatched: list[Found], facts: _Facts) -> None:
        spec = made.spec
        classification, reason = self._class(spec, item)
        undecided = ""
        if spec.where is not None:
            try:
                if not spec.where.holds({**self.scope, "item": item}):
                    if classification is not None and classification not in self.profile.shows:
                        made.left_out.append(item)
                    return
            except ConditionError as error:
                undecided = error.message
        position, entry = len(made.entries), FieldEntry(index, [], [])
        made.entries.append(entry)
        for code, fact in (("missing-lineage" if undecided else "", undecided), (reason, classification)):
            if code:
                entry.own.add(code)
                facts.add(position, code, [index, fact])
        if reason == "internal-note":
            made.left_out.append(item)
        for one in unmatched:
            entry.own.add(one.code)
            entry.absent.add(one.code)
            facts.add(position, one.code, [index, one.facts])
        for member in spec.show:
            # An entry that is not known stays inside whole; what else its values lack says nothing more.
            value, found = (None, []) if unmatched else self.values.evaluate(member, item)
            entry.values.append(value)
            entry.reasons.append({one.code for one in found})
            for one in found:
                facts.add(position, one.code, [index, one.facts], member)

    def _class(self, spec: CompiledListField, item: Item) -> tuple[str | None, str]:
        """The entry's class, and the code of the hold when the audience may not see it."""
        if "." not in spec.classification:
            return None, ""
        found = item.get(spec.classification.partition(".")[2])
        if not isinstance(found, str) or not found:
            return "", "audience-mismatch"
        if found in self.profile.never:
            return found, "internal-note"
        return found, "" if found in self.profile.shows else "audience-mismatch"

    def _register(self, made: MadeList, facts: _Facts, where: Mapping[tuple[str, str], str] = NOWHERE) -> None:
        for (target, code), found in facts.found.items():
            made.by_target[target, code] = self.register.add(
                code,
                target,
                found,
                consequential=target in facts.consequential,
                where=where.get((target, code), ""),
            )

    def in_texts(self, made: MadeList, found: Iterable[EntryFinding], where: Mapping[tuple[str, str], str]) -> None:
        """What was found in the texts of entries. ``where``: the places in words, by target and code."""
        facts = _Facts(made.spec)
        for one in found:
            made.entries[one.position].reasons[one.at].add(one.code)
            facts.add(one.position, one.code, one.fact, made.spec.show[one.at])
        self._register(made, facts, where)

    def quote(self, made: MadeList, places: Iterable[tuple[int, int]]) -> None:
        """Members of entries (by position) that quote what must stay inside."""
        facts = _Facts(made.spec)
        for position, at in places:
            entry = made.entries[position]
            entry.reasons[at].add("internal-note")
            facts.add(position, "internal-note", [entry.index, entry.values[at]], made.spec.show[at])
        self._register(made, facts)


def merged(found: Iterable[Found]) -> Iterator[Found]:
    """One for each code, with the facts of all."""
    facts: dict[str, list[JsonValue]] = {}
    for one in found:
        facts.setdefault(one.code, []).append(one.facts)
    for code, several in facts.items():
        yield Found(code, several[0] if len(several) == 1 else several)
