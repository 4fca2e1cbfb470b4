"""``pictures/v1``: PDFs and images. One person covers what must not leave, and another attests that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from handrail.packets.sanitise.guard import Limits, SanitiseRefused
from handrail.packets.sanitise.result import Sanitised

NAME, RULES = "pictures/v1", "pictures/1"
MEDIA_TYPE, EXTENSION = "image/png", ".png"


def read(_data: bytes, _content_type: str | None, _limits: Limits | None) -> NoReturn:
    """Raises SanitiseRefused."""
    raise SanitiseRefused("A person has to redact it, and another has to attest the result.", code="by-people")


def attested(original_digest: str, result_digest: str, report: Mapping[str, Any], data: bytes) -> Sanitised:
    """What two people have cleared: ``data`` was newly drawn from the original."""
    return Sanitised(
        original_digest, result_digest, NAME, RULES, report, data,
        cleared=True, reasons=(), media_type=MEDIA_TYPE, extension=EXTENSION,
    )  # fmt: skip
