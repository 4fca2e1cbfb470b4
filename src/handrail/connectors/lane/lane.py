"""What every lane offers, and what can come of asking it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from handrail.connectors.finding import Finding
from handrail.kernel.errors import Invalid, Unavailable

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class Fate(StrEnum):
    """How a manifest's package stands at the lane."""

    ABSENT = "absent"
    DELIVERED = "delivered"
    CONSUMED = "consumed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the lane says of one manifest digest. ``reference`` is its own name for the delivery, cleaned and bounded;
    ``package_digest`` is ``sha256:…`` where the lane says what it took. Both are empty when it has nothing."""

    fate: Fate
    reference: str = ""
    package_digest: str = ""


class Trouble(StrEnum):
    """Why a lane gave no receipt."""

    NOT_SENT = "not-sent"
    BUSY = "busy"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class LaneFailed(Unavailable):
    """``trouble`` says what is certain: nothing was sent; it answered "not now"; it refused for good; or nobody knows,
    and then only ``status`` may be asked, never ``deliver`` again."""

    code = "lane-failed"

    def __init__(self, message: str, trouble: Trouble, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.retry_after_seconds = retry_after_seconds


@runtime_checkable
class Lane(Protocol):
    """Every method is one call that ends within ``deadline_seconds``. Safe to share between threads."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def deadline_seconds(self) -> float: ...

    def deliver(self, package: Path, manifest_digest: str) -> Receipt:
        """Puts the package into the lane; the same package again gives the same receipt. Raises LaneFailed."""
        ...

    def status(self, manifest_digest: str) -> Receipt:
        """How it stands. Raises LaneFailed when the lane can't say."""
        ...

    def withdraw(self, manifest_digest: str, reason: str) -> Receipt:
        """Takes back what was not consumed, and leaves a notice with ``reason`` either way. Doing it again is harmless.

        Raises LaneFailed.
        """
        ...

    def check(self) -> list[Finding]: ...


def hexadecimal(digest: str) -> str:
    """The 64 digits of a digest, the only part of it that becomes part of a name. Raises Invalid."""
    found = _DIGEST.fullmatch(digest)
    if found is None:
        raise Invalid("A manifest digest must be sha256: and 64 lower-case hexadecimal digits.", code="bad-digest")
    return found[1]
