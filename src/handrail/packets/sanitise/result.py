"""What a sanitiser answers: plain data, the same for every kind of artifact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MEDIA_TYPE, EXTENSION = "application/json", ".json"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an artifact is not cleared. ``code`` is stable; ``message`` is a sentence that quotes nothing of it.

    ``places`` are the first of those where it was found, in the sentence too, and ``more`` how many others there are.
    """

    code: str
    message: str
    places: tuple[str, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Sanitised:
    """The lineage of one annex: what came in, what went over it, what came out.

    ``report`` counts what was removed by rule and place, and what was kept; it quotes nothing of what was removed.
    ``data`` and ``cleared_digest`` are there exactly when ``cleared`` is true; otherwise ``reasons`` explains why.
    ``media_type`` and ``extension`` (with its dot) are those of ``data``.
    Digests are ``sha256:…``. The same bytes and ``rule_version`` give the same ``data`` on every machine.
    """

    original_digest: str
    cleared_digest: str | None
    sanitiser: str
    rule_version: str
    report: Mapping[str, Any]
    data: bytes | None
    cleared: bool
    reasons: tuple[Reason, ...]
    media_type: str = MEDIA_TYPE
    extension: str = EXTENSION
