"""What other sources say of a list's entries: which of their records belongs to an entry, and what is taken of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handrail.definitions.language.names import RESERVED, Variables, nearest, prefixed
from handrail.definitions.language.valuetypes import ValueType
from handrail.definitions.profile.compiled import CompiledMatch
from handrail.definitions.profile.format import EachSpec, MatchSpec
from handrail.definitions.profile.names import compile_values, types_of
from handrail.definitions.source.faults import Path

if TYPE_CHECKING:
    from handrail.definitions.profile.fields import FieldCompiler

_KEYS = ("string", "integer")


def compile_matches(
    spec: EachSpec, path: Path, items: dict[str, ValueType], fields: FieldCompiler
) -> tuple[CompiledMatch, ...]:
    """The matches in the order written; their values are added to ``items``, so that a later one may use them."""
    found = []
    for name, match in spec.match.items():
        at = (*path, "match", name)
        if name in RESERVED or f"item.{name}" in items:
            fields.context.add_key(
                at, f"{name} is taken by a value of the entry or the condition language; choose another name"
            )
        found.append(_match(name, match, at, items, fields))
        items |= prefixed(f"item.{name}", types_of(found[-1].values))
    return tuple(found)


def _match(name: str, spec: MatchSpec, path: Path, items: Variables, fields: FieldCompiler) -> CompiledMatch:
    context = fields.context
    known = {**_source_values(fields), **items}
    listed = fields.origin(spec.among, (*path, "among"), _source_values(fields))
    if listed is not None and (listed.base != "object" or not listed.many):
        context.add((*path, "among"), f"{spec.among} is {listed}; expected [object], a list of records")
    values = compile_values(spec.extract, (*path, "extract"), context)
    own = types_of(values)
    for key, other in spec.by.items():
        mine, kind = own.get(key), fields.origin(other, (*path, "by", key), known)
        if mine is None:
            context.add_key(
                (*path, "by", key), f"{key} is not among the values extracted for each record; {nearest(key, own)}"
            )
        elif kind is not None and ((mine.base, mine.many) != (kind.base, kind.many) or not _is_key(mine)):
            context.add(
                (*path, "by", key), f"{key} is {mine}, {other} is {kind}; expected the same, a single text or number"
            )
    return CompiledMatch(name, spec.among, tuple(spec.by.items()), values, spec.unmatched)


def _is_key(kind: ValueType) -> bool:
    return kind.base in _KEYS and not kind.many


def _source_values(fields: FieldCompiler) -> dict[str, ValueType]:
    found: dict[str, ValueType] = {}
    for name, source in fields.sources.items():
        found |= prefixed(name, source.types)
    return found
