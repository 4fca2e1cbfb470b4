"""The API's description, made once a process: it takes a second, and several matrices are made from it."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from handrail.api.service import api


@cache
def description() -> dict[str, Any]:
    """The OpenAPI document. Everybody gets the same one: read it only."""
    return cast("dict[str, Any]", api.get_openapi_schema())
