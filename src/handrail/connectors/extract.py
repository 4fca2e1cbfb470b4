"""Picking one value out of an answer: by JSON pointer (RFC 6901) or by JMESPath."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from jsonpointer import EndOfList, JsonPointer, JsonPointerException
from pydantic import JsonValue

from handrail.kernel.errors import Invalid

# Longer than any honest expression; keeps the recursive JMESPath parser far from Python's own limit.
MAX_EXPRESSION = 500


class ExtractFailed(Invalid):
    """The pointer leads nowhere, or the expression can't be applied to this value. Never quotes the value."""

    code = "extract-failed"


def extract(value: JsonValue, at: str) -> JsonValue:
    """What ``at`` names inside ``value``.

    ``at`` that is empty or starts with ``/`` is a JSON pointer, and must lead somewhere; anything else is JMESPath,
    which gives None for what is absent. Raises ExtractFailed.
    """
    parsed = compile_path(at)
    try:
        if isinstance(parsed, JsonPointer):
            found = parsed.resolve(value)
            if isinstance(found, EndOfList):  # "/list/-": the place after the last item, where nothing is
                raise JsonPointerException
            return cast("JsonValue", found)
        return cast("JsonValue", parsed.search(value))
    except (JsonPointerException, TypeError):
        raise ExtractFailed(f"There is nothing at {at!r} in the answer.") from None
    except (JMESPathError, RecursionError):
        raise ExtractFailed(f"The expression {at!r} does not fit the answer.") from None


@lru_cache(maxsize=1024)
def compile_path(at: str) -> JsonPointer | ParsedResult:
    """``at`` parsed, for checking a definition before any answer exists. Raises ExtractFailed when it is malformed."""
    if len(at) > MAX_EXPRESSION:
        raise ExtractFailed(f"The expression is {len(at)} characters long; at most {MAX_EXPRESSION} are allowed.")
    try:
        if not at or at.startswith("/"):
            return JsonPointer(at)
        return jmespath.compile(at)
    except (JsonPointerException, JMESPathError, RecursionError) as error:
        raise ExtractFailed(f"{at!r} is neither a JSON pointer nor JMESPath: {type(error).__name__}.") from None
