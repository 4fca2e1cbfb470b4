"""The witnesses and time-stamp services of this installation, as ``conf`` opens them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from handrail.connectors.anchors import TimestampService, WitnessService
from handrail.connectors.finding import Finding
from handrail.kernel.configured import Configured


@dataclass(frozen=True, slots=True)
class AnchorServices:
    """By the names of their sections."""

    witnesses: Mapping[str, WitnessService] = field(default_factory=dict)
    timestamps: Mapping[str, TimestampService] = field(default_factory=dict)


configured: Configured[AnchorServices] = Configured(AnchorServices())


def is_configured() -> bool:
    """Whether there is anybody to ask."""
    return bool(configured.get().witnesses or configured.get().timestamps)


def check() -> list[Finding]:
    """Whether each witness can be reached. A time-stamp service is asked for nothing that it might count."""
    return [finding for one in configured.get().witnesses.values() for finding in one.check()]
