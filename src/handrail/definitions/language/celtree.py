"""The checked expression as a tree, read from the library's serialised form (``cel.expr.CheckedExpr``).

Field numbers: https://github.com/google/cel-spec/blob/master/proto/cel/expr/checked.proto and syntax.proto. Only what
the cost estimate and the language rules need is kept.
"""

# ruff: noqa: PLR2004 — field numbers and wire types of the format, best read beside their use
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

NodeKind = Literal["constant", "name", "select", "call", "list", "map", "message", "comprehension"]
Field = tuple[int, int | bytes]
_VARINT_BYTES = 10

_NUMERIC_SUMS = frozenset(
    {
        "add_int64",
        "add_uint64",
        "add_double",
        "add_duration_duration",
        "add_duration_timestamp",
        "add_timestamp_duration",
    }
)


@dataclass(frozen=True, slots=True)
class CelNode:
    """One part of an expression. ``at`` is its offset in the source, in characters.

    ``label``: the name, function or variable(s). ``parts``: operands; of a comprehension: range, start,
    condition, step, result. ``length``: characters of a constant text. ``value``: a constant whole number or text.
    """

    kind: NodeKind
    at: int = 0
    label: str = ""
    parts: tuple[CelNode, ...] = ()
    length: int = 0
    second: str = ""
    accumulator: str = ""
    value: int | str | None = None

    def walk(self) -> Iterator[CelNode]:
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True, slots=True)
class CelTree:
    """``refused``: what the library allows and Handrail does not, with its offset."""

    root: CelNode
    refused: tuple[tuple[int, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(node.label for node in self.root.walk() if node.kind == "name")


def read(serialized: bytes) -> CelTree:
    """The tree of ``Expression.serialize()``."""
    message = dict(_fields(serialized))
    checked = list(_fields(_bytes(message[2])))
    overloads = dict(_reference(_bytes(value)) for number, value in checked if number == 2)
    root_bytes = next(_bytes(value) for number, value in checked if number == 4)
    source = next((_bytes(value) for number, value in checked if number == 5), b"")
    reader = _CelReader(_positions(source), overloads)
    root = reader.node(root_bytes)
    return CelTree(root, tuple(reader.refused))


class _CelReader:
    def __init__(self, positions: dict[int, int], overloads: dict[int, tuple[str, ...]]) -> None:
        self.positions = positions
        self.overloads = overloads
        self.refused: list[tuple[int, str]] = []

    def node(self, data: bytes) -> CelNode:
        fields = dict(_fields(data))
        ident = _int(fields.get(2, 0))
        at = self.positions.get(ident, 0)
        if 3 in fields:
            constant = _bytes(fields[3])
            return CelNode("constant", at, length=_constant_length(constant), value=_constant(constant))
        if 4 in fields:
            return CelNode("name", at, _text(dict(_fields(_bytes(fields[4]))).get(1, b"")))
        if 5 in fields:
            select = dict(_fields(_bytes(fields[5])))
            return CelNode("select", at, _text(select.get(2, b"")), (self.node(_bytes(select[1])),))
        if 6 in fields:
            return self._call(_bytes(fields[6]), at, ident)
        if 7 in fields:
            parts = tuple(self.node(_bytes(value)) for number, value in _fields(_bytes(fields[7])) if number == 1)
            return CelNode("list", at, parts=parts)
        if 8 in fields:
            return self._struct(_bytes(fields[8]), at)
        return self._comprehension(dict(_fields(_bytes(fields[9]))), at)

    def _call(self, data: bytes, at: int, ident: int) -> CelNode:
        fields = list(_fields(data))
        name = next(_text(value) for number, value in fields if number == 2)
        parts = tuple(self.node(_bytes(value)) for number, value in fields if number in (1, 3))
        overloads = self.overloads.get(ident, ())
        if name == "_+_" and not (len(overloads) == 1 and overloads[0] in _NUMERIC_SUMS):
            self.refused.append((at, "+ adds numbers whose type is declared; texts and lists can't be joined"))
        if name == "matches" and parts[-1].kind != "constant":
            self.refused.append((at, "the pattern of matches() must be written out as a text"))
        return CelNode("call", at, name, parts)

    def _struct(self, data: bytes, at: int) -> CelNode:
        parts: list[CelNode] = []
        for number, value in _fields(data):
            if number == 1 and value:
                self.refused.append((at, "message values can't be made here"))
            if number == 2:
                parts += [self.node(_bytes(item)) for key, item in _fields(_bytes(value)) if key in (3, 4)]
        return CelNode("map", at, parts=tuple(parts))

    def _comprehension(self, fields: dict[int, int | bytes], at: int) -> CelNode:
        parts = tuple(self.node(_bytes(fields[number])) for number in (2, 4, 5, 6, 7))
        first, second, accumulator = (_text(fields.get(number, b"")) for number in (1, 8, 3))
        return CelNode("comprehension", at, first, parts, second=second, accumulator=accumulator)


def _constant_length(data: bytes) -> int:
    return sum(len(value) for number, value in _fields(data) if number in (6, 7) and isinstance(value, bytes))


def _constant(data: bytes) -> int | str | None:
    for number, value in _fields(data):
        if number in (3, 4) and isinstance(value, int):
            return value - (1 << 64) if value >= 1 << 63 else value
        if number == 6:
            return _text(value)
    return None


def _reference(data: bytes) -> tuple[int, tuple[str, ...]]:
    entry = dict(_fields(data))
    overloads = tuple(_text(value) for number, value in _fields(_bytes(entry.get(2, b""))) if number == 3)
    return _int(entry.get(1, 0)), overloads


def _positions(source: bytes) -> dict[int, int]:
    entries = (dict(_fields(_bytes(value))) for number, value in _fields(source) if number == 4)
    return {_int(entry.get(1, 0)): _int(entry.get(2, 0)) for entry in entries}


def _fields(data: bytes) -> Iterator[Field]:
    """The fields of one protobuf message. https://protobuf.dev/programming-guides/encoding/"""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        wire = key & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield key >> 3, value
            continue
        size = 8 if wire == 1 else 4
        if wire == 2:
            size, position = _varint(data, position)
        yield key >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """The number at ``position`` and where it ends. Raises ValueError where there is none."""
    value = 0
    for count, byte in enumerate(data[position : position + _VARINT_BYTES]):
        value |= (byte & 127) << (7 * count)
        if byte < 128:
            return value, position + count + 1
    raise ValueError("not a protobuf message")


def _bytes(value: int | bytes) -> bytes:
    return value if isinstance(value, bytes) else b""


def _int(value: int | bytes) -> int:
    return value if isinstance(value, int) else 0


def _text(value: int | bytes) -> str:
    return _bytes(value).decode("utf-8", "replace")
