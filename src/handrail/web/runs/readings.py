"""Readings of authoritative state, each with what it was of and what it said, where the record lets that out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SourceReading:
    """``values`` is empty where the record keeps only version and digest."""

    name: str
    connector: str
    version: str | None
    digest: str | None
    read_at: datetime | None
    values: Mapping[str, Any]


def sources(evidence: Iterable[Mapping[str, Any]], readings: Mapping[str, Mapping[str, Any]]) -> list[SourceReading]:
    """The entries of ``evidence`` that are readings, with their values from ``readings`` by name."""
    return [
        SourceReading(
            name=item["source"],
            connector=item.get("connector", ""),
            version=item.get("version"),
            digest=item.get("digest"),
            read_at=datetime.fromisoformat(item["read_at"]) if item.get("read_at") else None,
            values=readings.get(item["source"], {}),
        )
        for item in evidence
        if "source" in item
    ]
