"""Every text that would leave is looked through: what is found holds its place, or is masked where somebody decided so.

Fields are looked through one by one, so that a finding holds its field or member. Everything else that leaves, names,
lineage and the texts of holds, is walked where it stands in the finished documents: no new text can be forgotten.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import JsonValue

from handrail.definitions.profile.compiled import CompiledField, CompiledProfile
from handrail.packets.assembly.fields import EntryFinding, FieldMaker, Made, MadeList, entry_target, member_target
from handrail.packets.assembly.register import STAYS_INSIDE, HoldRegister, signed
from handrail.packets.assembly.results import HoldClearance
from handrail.packets.findings import CODES, TextFinding, TextTerms, claims, look, masked

MOST_PLACES = 20
MOST_LOOKS = 10  # at one text, each after what the one before masked
TARGET_LIMIT = 300
# Formats that leave no room for anything else.
_CLOSED = frozenset({"date-time", "date", "time", "duration"})
_PROSE = ("a b", "Ab 1, c.", "the first word of a text")
# What Handrail itself writes into the documents.
_OURS = re.compile(
    r"sha256:[0-9a-f]{64}|(?:record|version)-[0-9a-f]{32}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z|[0-9]{1,9}"
)
_NUMBER = re.compile(r"\[[0-9]{1,9}\]")


class Elsewhere(NamedTuple):
    """A finding outside the fields: it holds the revision. ``where``: see ``where_of``."""

    code: str
    target: str
    facts: JsonValue
    where: str


@dataclass(slots=True)
class _Findings:
    """What was found in the texts of one field, by code. ``places``: how many of each kind in which place."""

    facts: dict[str, list[JsonValue]] = field(default_factory=dict)
    places: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)

    def add(self, code: str, place: str, fact: JsonValue, kinds: Iterable[str] = ()) -> None:
        self.facts.setdefault(code, []).append(fact)
        self.places.setdefault(code, {}).setdefault(place, Counter()).update(kinds)

    def where(self, code: str) -> str:
        return where_of(self.places[code]) if code in CODES else ""


class TextGuard:
    """Looks through the texts of one revision. ``hosts`` may be named in them. ``decisions``: those that mask something
    count.

    ``gone``: all parts of texts that stay inside; ``used``: the decisions that masked something.
    """

    def __init__(
        self,
        profile: CompiledProfile,
        register: HoldRegister,
        *,
        salt: bytes,
        hosts: Iterable[str],
        decisions: Iterable[HoldClearance],
    ) -> None:
        self.profile = profile
        self.register = register
        self.salt = salt
        self.gone: list[str] = []
        self.used: list[HoldClearance] = []
        texts = profile.spec.texts
        self.terms = TextTerms(hosts=frozenset(hosts), claims=claims.compiled(texts.forbidden if texts else {}))
        self._terms: dict[int, TextTerms | None] = {}
        self._masks = {digest: one for one in decisions for digest in one.masks}

    # fields

    def look_through(self, made: Made | MadeList, maker: FieldMaker) -> None:
        """Holds what is found in a field that would leave, and masks what somebody decided to mask."""
        if not STAYS_INSIDE.isdisjoint(made.held):
            return
        if isinstance(made, MadeList):
            self._list(made, maker)
            return
        found, spec = _Findings(), made.spec
        made.value = self._looked(spec, spec.path, made.value, found=found, counts=made.masked)
        for code, facts in found.facts.items():
            made.holds.append(
                self.register.add(code, spec.path, facts, consequential=spec.consequential, where=found.where(code))
            )

    def _list(self, made: MadeList, maker: FieldMaker) -> None:
        entries: list[EntryFinding] = []
        by_target: dict[str, _Findings] = {}
        for position, entry in enumerate(made.entries):
            if entry.absent or _stays(made, entry.own, entry_target(made.spec, position)):
                continue
            for at, member in enumerate(made.spec.show):
                target = member_target(made.spec, position, member)
                if self.terms_of(member) is None or _stays(made, entry.reasons[at], target):
                    continue
                found = by_target.setdefault(target, _Findings())
                before = {code: len(facts) for code, facts in found.facts.items()}
                counts = made.masked.setdefault(member.path, Counter())
                entry.values[at] = self._looked(
                    member, target, entry.values[at], found=found, counts=counts, position=position, index=entry.index
                )
                entries += [
                    EntryFinding(position, at, code, fact)
                    for code, facts in found.facts.items()
                    for fact in facts[before.get(code, 0) :]
                ]
        where = {(target, code): found.where(code) for target, found in by_target.items() for code in found.facts}
        maker.in_texts(made, entries, where)

    def _looked(
        self,
        spec: CompiledField,
        target: str,
        value: JsonValue,
        *,
        found: _Findings,
        counts: Counter[str],
        position: int | None = None,
        index: int | None = None,
    ) -> JsonValue:
        """``value`` with what somebody masked in it; what stays is noted in ``found``."""
        terms = self.terms_of(spec)
        if terms is None:
            return value
        entry: dict[str, JsonValue] = {} if index is None else {"entry": index}
        one = "" if position is None else f"entry {position + 1}"

        def looked(text: JsonValue, place: str) -> JsonValue:
            if not isinstance(text, str):
                return text
            return self._one(text, target, terms, found=found, counts=counts, place=place, entry=entry)

        if isinstance(value, list):
            shown: JsonValue = [looked(text, one or f"value {at}") for at, text in enumerate(value, start=1)]
        else:
            shown = looked(value, one)
        if shown != value and not spec.validator.is_valid(shown):
            found.add("unfit-value", one, {**entry, spec.origin: value})
        return shown

    def _one(
        self,
        text: str,
        target: str,
        terms: TextTerms,
        *,
        found: _Findings,
        counts: Counter[str],
        place: str,
        entry: Mapping[str, JsonValue],
    ) -> str:
        """Looked at again once something is masked: what stood against it may be read as something else now.

        What is found then is masked as well where this text's findings of that code are; else it is held.
        """
        open_codes: set[str] = set()
        masked_codes: set[str] = set()
        for looks in itertools.count(1):
            decided: list[TextFinding] = []
            seen = [one for one in look(text, terms) if one.code not in open_codes]
            for code in dict.fromkeys(one.code for one in seen):
                mine = [one for one in seen if one.code == code]
                fact = _fact(text, mine)
                decision = self._masks.get(mask_digest(self.salt, code, target, fact))
                if code in masked_codes and looks < MOST_LOOKS:
                    decided += mine
                elif decision is not None and looks < MOST_LOOKS and decision.role in self.profile.rule(code).masks:
                    self.used.append(decision)
                    masked_codes.add(code)
                    decided += mine
                else:
                    open_codes.add(code)
                    found.add(code, place, {**entry, **fact}, (one.kind for one in mine))
                self.gone += [text[one.start : one.end] for one in mine]
            if not decided:
                break
            done = masked(text, decided)
            counts.update(done.counts)
            text = done.text
        return text

    def terms_of(self, spec: CompiledField) -> TextTerms | None:
        """What is looked for in the values of a field; None where its schema leaves no room for anything."""
        if id(spec) not in self._terms:
            self._terms[id(spec)] = self._of_schema(spec)
        return self._terms[id(spec)]

    def _of_schema(self, spec: CompiledField) -> TextTerms | None:
        schema: Mapping[str, Any] = spec.schema
        schema = schema.get("anyOf", [schema])[0]
        schema = schema.get("items", schema)
        form = schema.get("format")
        if schema.get("type") != "string" or "enum" in schema or "const" in schema or form in _CLOSED:
            return None
        carries = spec.carries | ({"email"} if form == "email" else frozenset[str]())
        samples: list[Any] = [[text] if spec.kind.many else text for text in _PROSE]
        bound = ("pattern" in schema or form is not None) and not any(map(spec.validator.is_valid, samples))
        return TextTerms(hosts=self.terms.hosts, claims=self.terms.claims, carries=carries, bound=bound)

    # everything else

    def elsewhere(self, name: str, document: Any, is_inside: Callable[[str], bool]) -> Iterator[Elsewhere]:
        """What is found in a document outside its fields. ``is_inside``: whether a text quotes what stays inside."""
        for place, text in _texts(document, name):
            if _OURS.fullmatch(text):
                continue
            target = place[:TARGET_LIMIT]
            seen = look(text, self.terms)
            for code in dict.fromkeys(one.code for one in seen):
                mine = [one for one in seen if one.code == code]
                yield Elsewhere(code, target, [_fact(text, mine)], where_of({"": Counter(one.kind for one in mine)}))
            if is_inside(text):
                yield Elsewhere("internal-note", target, [text], "")

    def finds(self, text: str) -> bool:
        """Whether there is anything to find in a text of the lineage; then it is given salted."""
        return bool(look(text, self.terms))


def _stays(made: MadeList, reasons: Iterable[str], target: str) -> bool:
    """Whether it stays inside for one of ``reasons``, also once somebody has cleared that."""
    return not STAYS_INSIDE.isdisjoint(made.held_in(reasons, target))


def _fact(text: str, found: Sequence[TextFinding]) -> dict[str, JsonValue]:
    spans: list[JsonValue] = [[one.kind, one.start, one.end] for one in found]
    return {"text": text, "found": spans}


def mask_digest(salt: bytes, code: str, target: str, fact: Mapping[str, JsonValue]) -> str:
    """What a mask is for: exactly this text with exactly these findings, wherever in its list it stands."""
    return signed(salt, "mask", code, _NUMBER.sub("[]", target), fact["text"], fact["found"])


def where_of(places: Mapping[str, Mapping[str, int]]) -> str:
    """The places and kinds of findings in words, quoting nothing."""
    parts = [f"in {place}: {_kinds(kinds)}" if place else _kinds(kinds) for place, kinds in places.items()]
    more = f"; and in {len(parts) - MOST_PLACES} more" if len(parts) > MOST_PLACES else ""
    return f" Found {'; '.join(parts[:MOST_PLACES])}{more}."


def _kinds(kinds: Mapping[str, int]) -> str:
    return ", ".join(kind if count == 1 else f"{kind} ({count})" for kind, count in kinds.items())


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every text in ``value``, with its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{place}.{name}")
    elif isinstance(value, list | tuple):
        for at, inner in enumerate(value):
            yield from _texts(inner, f"{place}[{at}]")
