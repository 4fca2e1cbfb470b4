"""The API's description, as it is written down: making it takes a second, in each process that collects tests."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, cast

WRITTEN = Path(__file__).resolve().parents[2] / "docs" / "reference" / "openapi.json"


@cache
def description() -> dict[str, Any]:
    """The OpenAPI document; a test says that it is the API's own. Everybody gets the same one: read it only."""
    return cast("dict[str, Any]", json.loads(WRITTEN.read_text(encoding="utf-8")))
