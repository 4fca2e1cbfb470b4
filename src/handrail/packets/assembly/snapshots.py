"""One reading of one source, kept as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class SourceSnapshot:
    """``record``: the record's id. ``version``: the token that the profile names. ``digest`` is over ``values`` as
    canonical JSON, ``raw_digest`` over the whole answer; both ``sha256:…``, or None when there was no usable answer.

    ``problems``: why a declared value is not there, by name; under ``""`` why nothing is. They quote no value.
    """

    name: str
    record: str
    version: str | None
    digest: str | None
    raw_digest: str | None
    read_at: datetime
    values: Mapping[str, JsonValue]
    problems: Mapping[str, str]
