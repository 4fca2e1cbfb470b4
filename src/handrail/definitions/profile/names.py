"""The names of a packet profile: what a part may take, and where one may stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from handrail.definitions.inputs.declared import names_once
from handrail.definitions.language.names import RESERVED, Variables
from handrail.definitions.language.valuetypes import ValueType
from handrail.definitions.requests.checking import Context
from handrail.definitions.requests.extraction import Extraction, check_at, compile_extracts
from handrail.definitions.requests.forms import Extracts
from handrail.definitions.source.faults import Path

# The roots of names that no source may take.
PROFILE_ROOTS = frozenset({"given", "packet", "item", "annex", "annexes", "profile"})
PROFILE_VALUES: Variables = {
    "profile.name": ValueType("string"),
    "profile.version": ValueType("integer"),
    "profile.title": ValueType("string"),
    "profile.lane": ValueType("string"),
    "profile.tlp": ValueType("string"),
    "profile.recipients": ValueType("string", many=True),
}


def names_once_paths(paths: Iterable[str], path: Path, context: Context) -> None:
    """Notes field paths that repeat one another, or of which one would lie inside the other."""
    seen: dict[str, str] = {}
    for written in paths:
        name = bare(written)
        if words := set(name.split(".")) & RESERVED:
            context.add_key((*path, written), f"{min(words)} is a word of the condition language; take another name")
        if name in seen:
            context.add_key((*path, written), f"{name} is declared twice; the first is {seen[name]}")
        clash = next((other for other in seen if _one_inside(name, other)), None)
        if clash is not None:
            context.add_key((*path, written), f"{name} and {clash} can't both be: one would lie inside the other")
        seen[name] = written


def _one_inside(name: str, other: str) -> bool:
    return other.startswith(f"{name}.") or name.startswith(f"{other}.")


def bare(written: str) -> str:
    """A field's path without its marks."""
    return written.rstrip("!?")


def types_of(values: Mapping[str, Extraction]) -> dict[str, ValueType]:
    return {name: kind for value in values.values() for name, kind in value.variables.items()}


def compile_values(takes: Extracts, path: Path, context: Context) -> dict[str, Extraction]:
    """Each taken value as an extraction of its own."""
    names_once(takes, path, context)
    values: dict[str, Extraction] = {}
    for written, take in takes.items():
        problem = check_at(take)
        if problem is not None:
            context.add((*path, written, "at"), problem)
        usable = take if problem is None else take.model_copy(update={"at": None})
        values[written.removesuffix("?")] = compile_extracts({written: usable})
    return values
