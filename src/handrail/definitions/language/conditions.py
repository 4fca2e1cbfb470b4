"""Conditions: CEL, checked against declared names and types when proposed, and evaluated within bounds.

The library reports evaluation errors as values; only a result of type BOOL counts, everything else is ConditionError.
What could grow values (``map``, ``filter``, joining texts or lists, ``dyn``, ``bytes``) is left out of the language,
so that the work of an evaluation is bounded by the source (2 000 characters), the library's 10 000 iterations and the
size of the values, which ``cost`` weighs before every evaluation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

from handrail.definitions.language import cost
from handrail.definitions.language.celtree import CelTree, read
from handrail.definitions.language.names import Absent, Variables, lookup
from handrail.definitions.language.valuetypes import ValueType
from handrail.kernel.errors import Invalid

MAX_SOURCE = 2000

_INTERNAL = re.compile(r"\s{0,8}(?:\(in container ''\)|\[[A-Z_]+\])")
_PROBLEM = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_LANGUAGE = """
name: handrail
stdlib:
  exclude_macros: [map, filter]
  exclude_functions:
    - {name: dyn}
    - {name: bytes}
    - {name: _+_, overloads: [{id: add_string}, {id: add_bytes}, {id: add_list}]}
"""


class ConditionError(Invalid):
    """The condition did not evaluate to true or false. Never a pass."""

    code = "condition-error"


@dataclass(frozen=True, slots=True)
class ConditionProblem:
    """What is wrong with a source, at a line and column of it, counted from 1."""

    line: int
    column: int
    message: str


class Uncompilable(Exception):
    """The source is not a condition over these names."""

    def __init__(self, problems: list[ConditionProblem]) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked expression. ``names`` are the declared names that it mentions, in order."""

    source: str
    names: tuple[str, ...]
    expression: Any
    tree: CelTree

    def holds(self, scope: Mapping[str, Any]) -> bool:
        """Whether it is true of ``scope`` (nested mappings).

        Raises ConditionError when a value is absent or of another type than declared, when the evaluation fails, would
        cost too much, or gives anything but true or false.
        """
        try:
            data = {name: lookup(name, scope) for name in self.names}
        except Absent as absent:
            raise self._error(f"{absent.args[0]} has no value here") from None
        if (weight := cost.estimate(self.tree, data)) > cost.LIMIT:
            raise self._error(f"it would take {weight} steps over these values; at most {cost.LIMIT} are allowed")
        try:
            value = self.expression.eval(data=data)
        except RuntimeError as error:
            over = "Iteration budget" in str(error)
            raise self._error("more than 10000 iterations" if over else "it can't be evaluated") from None
        result = value.value() if value.type() == cel.Type.BOOL else None
        if not isinstance(result, bool):
            raise self._error("it gives no true or false with these values")
        return result

    def _error(self, reason: str) -> ConditionError:
        return ConditionError(f"The condition {self.source[:200]!r} can't be decided: {reason}.")


def compile_condition(source: str, variables: Variables) -> Condition:
    """``source`` checked against ``variables``. Raises Uncompilable with every problem and its place in the source."""
    if len(source) > MAX_SOURCE:
        raise Uncompilable([ConditionProblem(1, 1, f"{len(source)} characters; at most {MAX_SOURCE} are allowed")])
    frozen = frozenset(variables.items())
    checked = _compiled(source, frozen, evaluated=False)
    if checked.return_type() != cel.Type.BOOL:
        raise Uncompilable(
            [ConditionProblem(1, 1, f"expected true or false, this gives {_named(checked.return_type())}")]
        )
    tree = read(checked.serialize())
    if tree.refused:
        raise Uncompilable([ConditionProblem(*_place(source, at), message) for at, message in tree.refused])
    names = tuple(dict.fromkeys(name for name in tree.names if name in variables))
    return Condition(source, names, _compiled(source, frozen, evaluated=True), tree)


def _compiled(source: str, variables: frozenset[tuple[str, ValueType]], *, evaluated: bool) -> Any:
    try:
        return _environment(variables, evaluated).compile(source)
    except RuntimeError as error:
        raise Uncompilable(_problems(str(error))) from None


@lru_cache(maxsize=256)
def _environment(variables: frozenset[tuple[str, ValueType]], evaluated: bool) -> Any:
    """Optional values are checked as nullable but handed over as ``dyn``: the binding takes no nullable values."""
    types = {name: kind.evaluated_as() if evaluated else kind.checked_as() for name, kind in variables}
    return cel.NewEnv(config=cel.NewEnvConfigFromYaml(_LANGUAGE), variables=types)


def _problems(text: str) -> list[ConditionProblem]:
    found = [ConditionProblem(int(m[1]), int(m[2]), _plain(m[3])) for m in _PROBLEM.finditer(text)]
    return found or [ConditionProblem(1, 1, _plain(text.splitlines()[0]))]


def _plain(message: str) -> str:
    message = _INTERNAL.sub("", message)
    if "recursion limit" in message:
        return "nested too deeply"
    if "expecting {" in message:
        message = message.split(" expecting {")[0]
    return message[:300]


def _place(source: str, offset: int) -> tuple[int, int]:
    before = source[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")


def _named(kind: Any) -> str:
    return str(kind.name()).lower()
