"""JMESPath within bounds: an expression is weighed before it is accepted, and counted while it is evaluated.

Two things make an evaluation expensive. Each stage behind a pipe or a dot can copy what it is given (``[@,@]``), so
that twenty of them make a million of one value; and each projection looks at every item again. ``weigh`` computes, from
the expression alone, how many times larger than the answer a value can become on the way. ``Interpreter`` counts steps
and weighs what is made from parts while it is made; twice the same part counts twice, since every reader of the result
looks at it twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from math import log2
from typing import Any

from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from jmespath.visitor import Options, TreeInterpreter

MAX_NODES = 200
MAX_DEPTH = 60
MAX_GROWTH = 10_000
# About a second at worst, on a plain machine of 2026.
MAX_STEPS = 1_000_000
# Of what is made from parts: members, and eights of characters.
MAX_WEIGHT = 1_000_000

_CHARS_A_STEP = 8
# A character outside of ASCII becomes twelve at most (``\\ud83d\\ude00``), a quote or backslash two.
_JSON_GROWTH = 12
# Smaller ones are weighed again rather than remembered.
_REMEMBERED = 16
_MAKERS = frozenset({"multi_select_list", "multi_select_dict", "function_expression"})

Node = Any  # of the library: a dict with "type", "children" and sometimes "value"


class TooCostly(JMESPathError):
    """``reason`` completes "The expression …"; it never quotes the answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Growth:
    """How many times larger than what it is given: the result (``out``), and the largest value on the way."""

    out: int
    peak: int

    def then(self, following: Growth) -> Growth:
        return _growth(self.out * following.out, self.peak, self.out * following.peak)


_SAME = Growth(1, 1)


def _growth(out: int, *peaks: int) -> Growth:
    # No number here becomes long: what is over the limit stays just over it.
    return Growth(min(out, MAX_GROWTH + 1), min(max((out, *peaks)), MAX_GROWTH + 1))


def weigh(tree: Node) -> None:
    """Raises TooCostly for an expression of too many parts or levels, with a function that there is not or that has too
    few or many arguments, or which could make something over ``MAX_GROWTH`` times as large as the answer."""
    count, level = 0, [tree]
    for depth in range(MAX_DEPTH + 1):
        count += len(level)
        if count > MAX_NODES:
            raise TooCostly(f"has more than {MAX_NODES} parts")
        if depth == MAX_DEPTH and level:
            raise TooCostly(f"is nested more than {MAX_DEPTH} levels deep")
        level = [child for node in level for child in _children(node)]
    if _weighed(tree).peak > MAX_GROWTH:
        raise TooCostly(f"can make a value that is more than {MAX_GROWTH} times as large as the answer")


def makes_values(tree: Node) -> bool:
    """Whether anything in the expression makes a value, instead of finding one in the answer."""
    level = [tree]
    while level:
        if any(node["type"] in _MAKERS for node in level):
            return True
        level = [child for node in level for child in _children(node)]
    return False


def _children(node: Node) -> list[Node]:
    return [child for child in node["children"] if isinstance(child, dict)]  # a slice has numbers


def _weighed(node: Node) -> Growth:
    parts = [_weighed(child) for child in _children(node)]
    peaks = [part.peak for part in parts]
    match node["type"]:
        case "subexpression" | "pipe" | "index_expression" | "projection" | "value_projection":
            return reduce(Growth.then, parts, _SAME)
        case "filter_projection":
            base, right, condition = parts
            return _growth(base.then(right).out, base.then(right).peak, base.then(condition).peak)
        case "multi_select_list" | "multi_select_dict":
            return _growth(1 + sum(part.out for part in parts), *peaks)
        case "or_expression" | "and_expression":
            return _growth(max(part.out for part in parts), *peaks)
        case "comparator" | "not_expression":
            return _growth(1, *peaks)
        case "literal":
            return _growth(measure(node["value"]))
        case "function_expression":
            return _of_function(node, parts)
    return parts[0] if parts else _SAME


def _of_function(node: Node, parts: list[Growth]) -> Growth:
    name, written = node["value"], _children(node)
    spec = Functions.FUNCTION_TABLE.get(name)
    if spec is None:
        raise TooCostly(f"uses the function {name}, which there is not")
    signature = spec["signature"]
    most = len(parts) if signature and signature[-1].get("variadic") else len(signature)
    if not len(signature) <= len(parts) <= most:
        raise TooCostly(f"gives the function {name} {len(parts)} arguments instead of {len(signature)}")
    peaks = [part.peak for part in parts]
    match name:
        case "map":
            return parts[1].then(parts[0])
        case "sort_by" | "max_by" | "min_by":
            return _growth(parts[0].out, parts[0].then(parts[1]).peak)
        case "join":
            if written[0]["type"] != "literal":
                raise TooCostly("joins texts with one from the answer; write the separator as a literal")
            return _growth(parts[1].out * (1 + len(str(written[0]["value"]))), *peaks)
        case "to_string":
            return _growth(parts[0].out * _JSON_GROWTH, *peaks)
    return _growth(1 + sum(part.out for part in parts), *peaks)


def measure(value: Any) -> int:
    """Members, and eights of characters, of a value without shared parts that is small."""
    if isinstance(value, str):
        return 1 + len(value) // _CHARS_A_STEP
    if isinstance(value, dict):
        return 1 + sum(measure(item) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return 1 + sum(map(measure, value))
    return 1


class Interpreter(TreeInterpreter):
    """Evaluates one expression once. Raises TooCostly where it takes too many steps or makes too large a value."""

    def __init__(self) -> None:
        super().__init__(Options(custom_functions=_Counted(self)))
        self.steps = 0
        self._weights: dict[int, tuple[int, Any]] = {}  # by identity; the value is kept, so that no other can have it

    def spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise TooCostly(f"takes more than {MAX_STEPS} steps on this answer")

    def weight(self, value: Any) -> int:
        """Members, and eights of characters, of ``value``; a part that stands in it twice counts twice."""
        if isinstance(value, str):
            return 1 + len(value) // _CHARS_A_STEP
        if not isinstance(value, list | dict):
            return 1
        known = self._weights.get(id(value))
        if known is not None:
            return known[0]
        self.spend(1 + len(value))
        parts = value if isinstance(value, list) else [*value.keys(), *value.values()]
        total = 1 + sum(map(self.weight, parts))
        if total > MAX_WEIGHT:
            raise TooCostly(f"makes a value of more than {MAX_WEIGHT} parts from this answer")
        if total >= _REMEMBERED:
            self._weights[id(value)] = (total, value)
        return total

    def visit(self, node: Node, *args: Any, **kwargs: Any) -> Any:
        self.spend(1)
        return super().visit(node, *args, **kwargs)

    def visit_multi_select_list(self, node: Node, value: Any) -> Any:
        return self._bounded(super().visit_multi_select_list(node, value))

    def visit_multi_select_dict(self, node: Node, value: Any) -> Any:
        return self._bounded(super().visit_multi_select_dict(node, value))

    def visit_flatten(self, node: Node, value: Any) -> Any:
        return self._copied(super().visit_flatten(node, value))

    def visit_slice(self, node: Node, value: Any) -> Any:
        return self._copied(super().visit_slice(node, value))

    def visit_comparator(self, node: Node, value: Any) -> Any:
        # Comparing looks at both sides, to the end of the smaller one.
        left, right = (self.visit(child, value) for child in node["children"])
        if type(left) is type(right) and isinstance(left, str | list | dict):
            self.spend(min(self.weight(left), self.weight(right)))
        node = {**node, "children": [{"type": "literal", "value": side, "children": []} for side in (left, right)]}
        return super().visit_comparator(node, value)

    def _bounded(self, made: Any) -> Any:
        self.weight(made)
        return made

    def _copied(self, made: Any) -> Any:
        if isinstance(made, list):
            self.spend(len(made))
        return made


class _Counted(Functions):
    """The functions of JMESPath, each paid for before it works."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def call_function(self, function_name: str, resolved_args: Any) -> Any:
        cost = _COSTS.get(function_name, _shallow)(self._interpreter, resolved_args)
        self._interpreter.spend(cost)
        made = super().call_function(function_name, resolved_args)
        if isinstance(made, list | dict):
            self._interpreter.spend(len(made))
        return made


def _shallow(_: Interpreter, arguments: list[Any]) -> int:
    sizes = (len(each) for each in arguments if isinstance(each, str | list | dict))
    return 1 + sum(sizes)


def _deep(interpreter: Interpreter, arguments: list[Any]) -> int:
    return sum(map(interpreter.weight, arguments))


def _sorted(interpreter: Interpreter, arguments: list[Any]) -> int:
    items = next((each for each in arguments if isinstance(each, list)), [])
    return int(_deep(interpreter, [items]) * log2(len(items) + 2))


def _as_json(interpreter: Interpreter, arguments: list[Any]) -> int:
    return _deep(interpreter, arguments) * (1 if isinstance(arguments[0], str) else _JSON_GROWTH)


def _joined(_: Interpreter, arguments: list[Any]) -> int:
    if len(arguments) != 2 or not isinstance(arguments[0], str) or not isinstance(arguments[1], list):  # noqa: PLR2004
        return 1  # the function itself refuses them
    separator, texts = arguments
    return (
        len(texts) + (len(separator) * len(texts) + sum(len(t) for t in texts if isinstance(t, str))) // _CHARS_A_STEP
    )


_COSTS: Mapping[str, Callable[[Interpreter, list[Any]], int]] = {
    "contains": _deep,
    "join": _joined,
    "max": _sorted,
    "max_by": _sorted,
    "min": _sorted,
    "min_by": _sorted,
    "sort": _sorted,
    "sort_by": _sorted,
    "to_string": _as_json,
}
