"""Checks what a definition declares: every name once, every input with a type and a usable schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from handrail.definitions.inputs.format import TaskField
from handrail.definitions.inputs.schema import validator
from handrail.definitions.language.names import RESERVED, Variables, prefixed
from handrail.definitions.language.valuetypes import ValueType
from handrail.definitions.requests.checking import Context
from handrail.definitions.source.faults import Path


def names_once(names: Iterable[str], path: Path, context: Context) -> None:
    """Notes names declared twice (with and without ``?``) and words of the condition language."""
    seen: set[str] = set()
    for written in names:
        name = written.removesuffix("?")
        if name in RESERVED:
            context.add_key((*path, written), f"{name} is a word of the condition language; choose another name")
        if name in seen:
            context.add_key((*path, written), f"{name} is declared twice, with and without ?")
        seen.add(name)


def input_types(fields: Mapping[str, TaskField], root: str, context: Context, *, key: str = "") -> Variables:
    """The types of the input fields by their dotted names below ``root``. Notes what is wrong with a field.

    ``key``: the definition's key that declares them, where it is not ``root``.
    """
    key = key or root
    names_once(fields, (key,), context)
    types: dict[str, ValueType] = {}
    for written, field in fields.items():
        path = (key, written)
        types[written.removesuffix("?")] = field.value_type(optional=written.endswith("?"))
        if (field.type == "array") != (field.items is not None):
            context.add((*path, "items"), "a field of type array, and no other, has items")
        try:
            validator(field)
        except ValueError as error:
            context.add(path, str(error))
    return prefixed(root, types)
