"""Picking one value out of an answer: by JSON pointer (RFC 6901) or by JMESPath."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import jmespath
from jmespath.exceptions import JMESPathError
from jsonpointer import EndOfList, JsonPointer, JsonPointerException
from pydantic import JsonValue

from handrail.connectors import expressions
from handrail.connectors.expressions import TooCostly
from handrail.kernel.errors import Invalid

# Longer than any honest expression; keeps the recursive JMESPath parser far from Python's own limit.
MAX_EXPRESSION = 500


class ExtractFailed(Invalid):
    """The pointer leads nowhere, or the expression can't be applied to this value. Never quotes the value."""

    code = "extract-failed"


class ExtractTooCostly(ExtractFailed):
    """Applying the expression to this value would take too many steps, or make something too large."""

    code = "extract-too-costly"


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed JMESPath expression."""

    tree: expressions.Node
    makes_values: bool

    def search(self, value: JsonValue) -> JsonValue:
        """Raises TooCostly, and whatever the library raises for a value that the expression does not fit."""
        interpreter = expressions.Interpreter()
        found = interpreter.visit(self.tree, value)
        if self.makes_values:
            interpreter.weight(found)
        return cast("JsonValue", found)


# What evaluating raises where a value does not fit: the library's own errors, and Python's that it lets through.
_MISFITS = (JMESPathError, ArithmeticError, AttributeError, LookupError, RecursionError, ValueError)


def extract(value: JsonValue, at: str) -> JsonValue:
    """What ``at`` names inside ``value``.

    ``at`` that is empty or starts with ``/`` is a JSON pointer, and must lead somewhere; anything else is JMESPath,
    which gives None for what is absent. Raises ExtractFailed; ExtractTooCostly in bounded time.
    """
    parsed = compile_path(at)
    try:
        if isinstance(parsed, JsonPointer):
            found = parsed.resolve(value)
            if isinstance(found, EndOfList):  # "/list/-": the place after the last item, where nothing is
                raise JsonPointerException
            return cast("JsonValue", found)
        return parsed.search(value)
    except (JsonPointerException, TypeError):
        raise ExtractFailed(f"There is nothing at {at!r} in the answer.") from None
    except TooCostly as error:
        raise ExtractTooCostly(f"The expression {at!r} {error.reason}.") from None
    except _MISFITS:
        raise ExtractFailed(f"The expression {at!r} does not fit the answer.") from None


@lru_cache(maxsize=1024)
def compile_path(at: str) -> JsonPointer | Expression:
    """``at`` parsed, whatever it may cost: ``extract`` bounds that. Raises ExtractFailed when it is malformed."""
    if len(at) > MAX_EXPRESSION:
        raise ExtractFailed(f"The expression is {len(at)} characters long; at most {MAX_EXPRESSION} are allowed.")
    try:
        if not at or at.startswith("/"):
            return JsonPointer(at)
        tree = jmespath.compile(at).parsed
    except (JsonPointerException, JMESPathError, RecursionError, ValueError) as error:
        raise ExtractFailed(f"{at!r} is neither a JSON pointer nor JMESPath: {type(error).__name__}.") from None
    return Expression(tree, expressions.makes_values(tree))


def check_path(at: str) -> None:
    """Refuses what a definition or the configuration may not hold, before any answer exists, in bounded time.

    Raises ExtractFailed: malformed, of a function that there is not, or able to make far more than it is given.
    """
    parsed = compile_path(at)
    if isinstance(parsed, Expression):
        try:
            expressions.weigh(parsed.tree)
        except TooCostly as error:
            raise ExtractTooCostly(f"The expression {at!r} {error.reason}.") from None
