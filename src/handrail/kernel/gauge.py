"""One figure of an installation, for machines that watch. Counts without names: nothing in it tells of a customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gauge:
    """``values`` by what ``label`` says, or one value under the empty word when there is no label."""

    name: str
    says: str
    values: Mapping[str, float]
    label: str | None = None


def one(name: str, says: str, value: float) -> Gauge:
    return Gauge(name, says, {"": value})
