"""The names of a packet profile: which ones a part may use, and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from handrail.definitions.inputs.declared import names_once
from handrail.definitions.language.names import RESERVED, Variables
from handrail.definitions.language.valuetypes import ValueType
from handrail.definitions.requests.checking import Context
from handrail.definitions.requests.extraction import Extraction, check_at, compile_extracts
from handrail.definitions.requests.forms import Extracts
from handrail.definitions.source.faults import Path

# The roots of names, which no source may be called.
PROFILE_ROOTS = frozenset({"inputs", "given", "packet", "item", "annex", "annexes", "profile"})
# What values were called in earlier versions of the format; see ``Context.today``.
OLD_ROOT, ROOT = "given", "inputs"
OLD_TYPE, TYPE = "annex.sort", "annex.type"
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
            context.add_key((*path, written), f"{min(words)} is a word of the condition language; choose another name")
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


def compile_values(extracts: Extracts, path: Path, context: Context) -> dict[str, Extraction]:
    """One extraction for each value."""
    names_once(extracts, path, context)
    values: dict[str, Extraction] = {}
    for written, extract in extracts.items():
        problem = check_at(extract.at or "/", kept=context.document.kept)
        if problem is not None:
            context.add((*path, written, "at"), problem)
        usable = extract if problem is None else extract.model_copy(update={"at": None})
        values[written.removesuffix("?")] = compile_extracts({written: usable})
    return values
