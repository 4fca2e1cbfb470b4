"""How much work an evaluation may take, judged before it from the checked expression and the sizes of the values.

Nothing in the language makes a value larger than its operands, so each operation costs at most the size of what it
looks at, times the iterations of the comprehensions around it. One step is about 50 ns on a plain machine of 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handrail.definitions.language.celtree import CelNode, CelTree

# About half a second at worst.
LIMIT = 10_000_000
MAX_ITERATIONS = 10_000
_CHARS_A_STEP = 8


@dataclass(frozen=True, slots=True)
class Size:
    """An upper bound: ``length`` members, ``weight`` steps to look at all of it, ``item`` bounds each member."""

    length: int
    weight: int
    item: Size | None = None


SCALAR = Size(0, 1)


def estimate(tree: CelTree, values: Mapping[str, Any]) -> int:
    """The most steps that evaluating ``tree`` over ``values`` (by qualified name) can take."""
    return _work(tree.root, {name: measure(value) for name, value in values.items()})[0]


def measure(value: Any) -> Size:
    if isinstance(value, str):
        return Size(len(value), 1 + len(value) // _CHARS_A_STEP)
    if isinstance(value, dict):
        return _joined([measure(item) for pair in value.items() for item in pair], len(value))
    if isinstance(value, list):
        return _joined([measure(item) for item in value], len(value))
    return SCALAR


def _joined(sizes: list[Size], length: int) -> Size:
    item: Size | None = None
    for size in sizes:
        item = _larger(item, size)
    return Size(length, 1 + sum(size.weight for size in sizes), item)


def _larger(one: Size | None, other: Size | None) -> Size | None:
    if one is None or other is None:
        return one or other
    return Size(max(one.length, other.length), max(one.weight, other.weight), _larger(one.item, other.item))


def _work(node: CelNode, sizes: Mapping[str, Size]) -> tuple[int, Size]:
    if node.kind == "constant":
        return 1, Size(node.length, 1 + node.length // _CHARS_A_STEP)
    if node.kind == "name":
        return 1, sizes.get(node.label, SCALAR)
    if node.kind == "comprehension":
        return _comprehension(node, sizes)
    parts = [_work(part, sizes) for part in node.parts]
    work = 1 + sum(part for part, _ in parts)
    operands = [size for _, size in parts]
    if node.kind == "select":
        return work, operands[0].item or SCALAR
    if node.kind in ("list", "map"):
        return work, _joined(operands, len(operands))
    return work + _call(node, operands), _result(node, operands)


def _comprehension(node: CelNode, sizes: Mapping[str, Size]) -> tuple[int, Size]:
    """The accumulator is a truth value or a counter: no macro that gathers a list is in the language."""
    within, start, condition, step, result = node.parts
    work, extent = _work(within, sizes)
    item = extent.item or SCALAR
    inner = {**sizes, node.label: item, node.second: item, node.accumulator: SCALAR}
    each = _work(condition, inner)[0] + _work(step, inner)[0] + 1
    rounds = min(extent.length, MAX_ITERATIONS)
    return work + _work(start, sizes)[0] + rounds * each + _work(result, inner)[0], SCALAR


def _call(node: CelNode, operands: list[Size]) -> int:
    """Searching a text takes its size for every eight characters of what is looked for."""
    weight = sum(size.weight for size in operands)
    if node.label in ("contains", "matches"):
        return weight * max(1, operands[-1].weight)
    return weight


def _result(node: CelNode, operands: list[Size]) -> Size:
    """Of the functions in the language only these give anything but a truth value, a number or a time."""
    if node.label == "_[_]":
        return operands[0].item or SCALAR
    if node.label == "_?_:_":
        return _larger(operands[1], operands[2]) or SCALAR
    if node.label == "string":
        return operands[0]
    return SCALAR
