"""The names that placeholders, conditions and copy lists use: ``task.tenant_id``, ``steps.create.id``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any

from handrail.definitions.language.valuetypes import ValueType

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
DOTTED = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){1,3}")

# The roots of the scope, which no read may take.
ROOTS = frozenset({"task", "before", "answer", "http", "steps", "run", "runbook"})
# Words of CEL that can't be a part of a name. https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
RESERVED = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "namespace",
        "null",
        "package",
        "return",
        "true",
        "var",
        "void",
        "while",
    ]
)

# Names listed in an error; more would not be read.
_SHOWN = 12

Variables = Mapping[str, ValueType]


class Absent(KeyError):
    """The scope has nothing under this name (yet)."""


def lookup(name: str, scope: Mapping[str, Any]) -> Any:
    """The value of a dotted name in nested mappings. Raises Absent."""
    value: Any = scope
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise Absent(name)
        value = value[part]
    return value


def prefixed(prefix: str, variables: Variables) -> dict[str, ValueType]:
    return {f"{prefix}.{name}": kind for name, kind in variables.items()}


def nearest(name: str, known: Collection[str]) -> str:
    """A hint for a mistyped name, or what there is."""

    close = difflib.get_close_matches(name, list(known), n=1)
    if close:
        return f"did you mean {close[0]}?"
    shown = ", ".join(sorted(known)[:_SHOWN]) or "none"
    return f"declared are: {shown}" + (", …" if len(known) > _SHOWN else "")
