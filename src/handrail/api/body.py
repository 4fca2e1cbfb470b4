"""Request bodies: JSON in UTF-8, without what the database can't keep."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from ninja.parser import Parser

from handrail.kernel.errors import Fault, Invalid
from handrail.kernel.hostile import is_storable

DEPTH_LIMIT = 64


class BodyTooLarge(Invalid):
    status = 413
    code = "too-large"


def read(request: HttpRequest, *, limit: int | None = None) -> bytes:
    """The body. Raises BodyTooLarge over ``limit`` bytes, or over the installation's own limit (1 MiB)."""
    try:
        data = request.body
    except RequestDataTooBig:
        raise BodyTooLarge("The request body is over 1 MiB.") from None
    if limit is not None and len(data) > limit:
        raise BodyTooLarge(f"The request body is over {limit} bytes.")
    return data


def parse(data: bytes) -> Any:
    """``data`` as JSON. Raises Invalid for what is not, nests over 64 levels, or holds NUL or half a surrogate pair."""
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except (UnicodeDecodeError, RecursionError, ValueError):
        raise Invalid("The request body is not JSON in UTF-8.", code="not-json") from None
    _check(value, "", 0)
    return value


class JsonBody(Parser):
    """What django-ninja reads bodies with."""

    def parse_body(self, request: HttpRequest) -> Any:
        return parse(read(request))


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _check(value: Any, where: str, depth: int) -> None:
    if depth > DEPTH_LIMIT:
        raise Invalid("The request body is nested too deeply.", faults=[Fault(where, f"at most {DEPTH_LIMIT} levels")])
    if isinstance(value, str):
        _check_text(value, where)
    elif isinstance(value, list):
        for item in value:
            _check(item, where, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, where)
            _check(item, f"{where}.{key}" if where else key, depth + 1)


def _check_text(text: str, where: str) -> None:
    if not is_storable(text):
        raise Invalid("The request body can't be kept.", faults=[Fault(where, "no NUL and no half surrogate pairs")])
