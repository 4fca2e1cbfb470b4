"""The types that a definition gives to values from outside, and the check that a value has its type.

A value is never coerced: ``"5"`` is not an integer and ``1`` is not a boolean. ``5`` as a number becomes ``5.0``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, get_args

from cel_expr_python import cel
from pydantic import JsonValue

Base = Literal["string", "integer", "number", "boolean", "object"]
BASES: tuple[str, ...] = get_args(Base)
MAX_INTEGER = 2**53 - 1
# Enough for a reason or a marker; nothing longer is decided on.
MAX_TEXT = 64 * 1024
MAX_ITEMS = 10_000
# PostgreSQL keeps neither in jsonb; JSON can bring both.
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")

_CEL = {
    "string": cel.Type.STRING,
    "integer": cel.Type.INT,
    "number": cel.Type.DOUBLE,
    "boolean": cel.Type.BOOL,
    "object": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
}
_NULLABLE = {
    "string": "google.protobuf.StringValue",
    "integer": "google.protobuf.Int64Value",
    "number": "google.protobuf.DoubleValue",
    "boolean": "google.protobuf.BoolValue",
}


@dataclass(frozen=True, slots=True)
class ValueType:
    """A base type, or a list of it; ``optional`` values may be null."""

    base: Base
    many: bool = False
    optional: bool = False

    def __str__(self) -> str:
        return f"[{self.base}]" if self.many else self.base

    @property
    def scalar(self) -> bool:
        return not self.many and self.base != "object"

    def checked_as(self) -> cel.Type:
        """The CEL type that conditions are checked against. Optional lists and objects are ``dyn``."""
        if self.optional:
            return cel.Type(_NULLABLE[self.base]) if self.scalar else cel.Type.DYN
        return self.evaluated_as()

    def evaluated_as(self) -> cel.Type:
        """The CEL type that values are handed over as. ``dyn`` is how a null gets in."""
        if self.optional:
            return cel.Type.DYN
        return cel.Type.List(_CEL[self.base]) if self.many else _CEL[self.base]


def check(value: JsonValue, wanted: ValueType) -> JsonValue:
    """``value`` if it has the type, numbers as float. Raises ValueError saying what was expected and what came.

    These sentences become facts of holds, and so part of their digests: a clearance no longer applies where one is
    reworded.
    """
    if value is None and wanted.optional:
        return None
    if not wanted.many:
        return _check_one(value, wanted.base)
    if not isinstance(value, list):
        raise ValueError(  # noqa: TRY004 — one error for every misfit
            f"expected a list of {wanted.base}, got {name_of(value)}"
        )
    if len(value) > MAX_ITEMS:
        raise ValueError(f"a list of {len(value)}; at most {MAX_ITEMS} are taken")
    return [_check_one(item, wanted.base) for item in value]


def _check_one(value: JsonValue, base: Base) -> JsonValue:
    got = name_of(value)
    if base == "number" and got == "integer":
        got, value = "number", float(value)  # type: ignore[arg-type]
    if got != base:
        raise ValueError(f"expected {base}, got {got}")
    _keepable(value)
    return value


def _keepable(value: JsonValue) -> None:
    """Refuses, at any depth, what could not be written down later: after an effect that would be too late."""
    if isinstance(value, dict):
        for name, item in value.items():
            _text(name)
            _keepable(item)
    elif isinstance(value, list):
        if len(value) > MAX_ITEMS:
            raise ValueError(f"a list of {len(value)}; at most {MAX_ITEMS} are taken")
        for item in value:
            _keepable(item)
    elif isinstance(value, str):
        _text(value)
    elif isinstance(value, float):
        _number(value)
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise ValueError(f"an integer beyond ±{MAX_INTEGER}")


def _text(value: str) -> None:
    if len(value) > MAX_TEXT:
        raise ValueError(f"a text of {len(value)} characters; at most {MAX_TEXT} are taken")
    if _UNKEEPABLE.search(value):
        raise ValueError("a text with a null character or half a surrogate pair, which can't be kept")


def _number(value: float) -> None:
    if not math.isfinite(value):
        raise ValueError("a number that is not finite")
    if value.is_integer() and abs(value) > MAX_INTEGER:
        raise ValueError(f"a whole number beyond ±{MAX_INTEGER}, which canonical JSON can't keep")


def name_of(value: JsonValue) -> str:
    """What JSON calls the type of ``value``, integers apart from numbers."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "list" if isinstance(value, list) else "object"
