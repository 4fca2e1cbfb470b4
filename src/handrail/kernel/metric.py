"""One figure about an installation, for monitoring. Counts without names: no metric identifies a customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """``help`` is one sentence. ``values`` has one figure for each value of ``label``; without a label there is one
    figure, under the empty string."""

    name: str
    help: str
    values: Mapping[str, float]
    label: str | None = None


def one(name: str, help: str, value: float) -> Metric:
    """A metric without a label."""
    return Metric(name, help, {"": value})
