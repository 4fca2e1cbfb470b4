"""What would leave, as rows that a reviewer reads: values, lists, redaction counts and differences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handrail.packets.assembly.compare import Comparison, RevisionDifference
from handrail.packets.review import AnnexView, FieldView
from handrail.web.packets.seen_view import SeenSection, SeenWay, anchor
from handrail.web.shell import words

# Longer lists are shown whole only when asked for: ten thousand rows make no page.
ENTRIES_SHOWN = 100
DIFFERENCES_SHOWN = 200
# In letters: words that are not broken, what there is between two columns, and what stands beside each other.
LONGEST_WORD, PADDING, BESIDE = 28, 4, 88
_SIGNS = {"added": "+", "removed": "\N{MINUS SIGN}", "changed": "→"}
SAME = "same by digest"
_DIGITS = 9
_DIGEST = re.compile(r"\bsha256:[0-9a-f]{64}\b")


@dataclass(frozen=True, slots=True)
class ShownCell:
    """One value of an entry. ``long``: it has a word, such as a digest, that may be broken."""

    text: str

    @property
    def longest(self) -> int:
        return max(map(len, self.text.split()), default=0)

    @property
    def long(self) -> bool:
        return self.longest > LONGEST_WORD


@dataclass(frozen=True, slots=True)
class ShownField:
    """One field. ``entries`` under ``columns`` where it is a list of records; then ``text`` says how many.

    ``changed``: it is another than in the revision that it is compared with; ``before``: what stood there, where it is
    one value.
    """

    field: FieldView
    changed: bool
    before: str | None
    text: str
    columns: list[str]
    entries: list[list[tuple[str, ShownCell]]]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.entries) if self.columns else 0

    @property
    def stacked(self) -> bool:
        """Whether its columns have no room beside each other, so that words would have to be broken."""
        longest = {column: len(column) for column in self.columns}
        for entry in self.entries:
            for column, cell in entry:
                longest[column] = max(longest[column], min(cell.longest, LONGEST_WORD))
        return sum(longest.values()) + PADDING * len(longest) > BESIDE


@dataclass(frozen=True, slots=True)
class Removed:
    rule: str
    place: str
    count: int


@dataclass(frozen=True, slots=True)
class ShownAnnex:
    """``change``: added, changed or same, and what that is of; empty where it is compared with nothing."""

    annex: AnnexView
    change: str
    seen: SeenSection | None
    removed: list[Removed]
    by_rule: list[tuple[str, int]]

    @property
    def id(self) -> str:
        return anchor(self.annex.path) if self.annex.cleared else f"held-{self.annex.name}"

    @property
    def total(self) -> int:
        return sum(one.count for one in self.removed)


@dataclass(frozen=True, slots=True)
class DiffRow:
    where: str
    kind: str
    sign: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class DiffGroup:
    name: str
    rows: list[DiffRow]
    total: int


def field_rows(fields: Iterable[FieldView], comparison: Comparison | None, *, whole: bool) -> list[ShownField]:
    """What is held first, then what changed. Lists of records to their first entries, unless ``whole``."""
    moved = {f"{one.where}.": one for one in comparison.fields} if comparison else {}
    rows = [_field(one, moved, whole=whole) for one in fields]
    return sorted(rows, key=lambda row: (not row.field.held, not row.changed))


def annex_rows(annexes: Iterable[AnnexView], way: SeenWay, comparison: Comparison | None = None) -> list[ShownAnnex]:
    """Those that differ first, each part by name."""
    differs = {one.where: one for one in comparison.annexes} if comparison else {}
    rows = [
        _annex(one, way.annex(one.path) if one.cleared else None, _change(one, differs, comparison)) for one in annexes
    ]
    return sorted(rows, key=lambda row: (row.change == SAME, by_name(row.annex)))


def by_name(annex: AnnexView) -> tuple[str, int, str]:
    """An annex's place among the others: by its type, then by its number."""
    kind, _, number = annex.name.rpartition("-")
    return kind, int(number) if number.isascii() and number.isdecimal() and len(number) <= _DIGITS else 0, annex.name


def gone_annexes(comparison: Comparison | None) -> list[str]:
    """The names of annexes that the other side has and this one has not."""
    return [words.visible(one.where) for one in comparison.annexes if one.kind == "removed"] if comparison else []


def _change(annex: AnnexView, differs: Mapping[str, RevisionDifference], comparison: Comparison | None) -> str:
    if comparison is None:
        return ""
    found = differs.get(annex.name)
    if found is None:
        return SAME
    digest = annex.cleared_digest or annex.marker
    renamed = next((d.where for d in differs.values() if _digest_of(d.before) == digest), None)
    if renamed is not None and renamed != annex.name:
        return f"same as {words.visible(renamed)} there"
    if found.kind == "changed" and isinstance(found.before, dict) and found.before.get("cleared") != annex.cleared:
        return "leaves now" if annex.cleared else "withheld now"
    return found.kind


def _digest_of(side: Any) -> Any:
    return side.get("digest") if isinstance(side, dict) else None


def diff_groups(comparison: Comparison | None) -> list[DiffGroup]:
    """What moved, the values first; kinds of which nothing moved are left out."""
    if comparison is None:
        return []
    named = (
        ("Fields", comparison.fields),
        ("Annexes", comparison.annexes),
        ("Holds", comparison.holds),
        ("Sources", comparison.sources),
        ("Lineage", comparison.lineage),
    )
    return [DiffGroup(name, _diffs(found), len(found)) for name, found in named if found]


def _diffs(found: tuple[RevisionDifference, ...]) -> list[DiffRow]:
    return [
        DiffRow(words.visible(one.where), one.kind, _SIGNS[one.kind], _side(one.before), _side(one.after))
        for one in found[:DIFFERENCES_SHOWN]
    ]


def _side(of: Any) -> str:
    """What stood there, in words where it is a hold, an annex or a withheld value; digests in short."""
    if of is None:
        return words.NOTHING
    if not isinstance(of, dict):
        return _short(words.visible_value(of))
    if set(of) == {"held"}:
        return f"held: {words.visible_value(of['held'])}"
    if "cleared" in of:
        return _short(", ".join(_status(of)))
    return words.visible_value(of)


def _status(of: Mapping[str, Any]) -> Iterator[str]:
    if of["cleared"]:
        yield "cleared"
    else:
        yield "blocks" if of.get("blocking") else "withheld"
    if "reason" in of:
        yield words.visible_value(of["reason"])
    yield str(of.get("digest", ""))


def _short(text: str) -> str:
    return _DIGEST.sub(lambda found: found[0][:19], text)


def _field(one: FieldView, moved: Mapping[str, RevisionDifference], *, whole: bool) -> ShownField:
    found = one.value
    path = f"{one.path}."
    changed = any(where.startswith((path, f"{one.path}[")) or path.startswith(where) for where in moved)
    if not (isinstance(found, list) and found and all(isinstance(entry, dict) for entry in found)):
        differs = moved.get(path)
        before = _side(differs.before) if differs is not None and differs.kind == "changed" else None
        return ShownField(one, changed, before, words.visible_value(found), [], [], 0)
    columns = [member.path for member in one.members] or list(found[0])  # type: ignore[arg-type]
    shown = found if whole else found[:ENTRIES_SHOWN]
    entries = [[(column, ShownCell(_cell(entry, column))) for column in columns] for entry in shown]
    text = f"{len(found):,} {'entry' if len(found) == 1 else 'entries'}"
    return ShownField(one, changed, None, text, columns, entries, len(found))


def _cell(entry: Any, column: str) -> str:
    found = entry
    for part in column.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return words.NOTHING if found is None else words.visible_value(found)


def _annex(one: AnnexView, seen: SeenSection | None, change: str) -> ShownAnnex:
    counted: Any = one.report.get("removed", [])
    removed = [Removed(each["rule"], each["place"], each["count"]) for each in counted]
    by_rule: Counter[str] = Counter()
    for each in removed:
        by_rule[each.rule] += each.count
    return ShownAnnex(one, change, seen, removed, by_rule.most_common())
