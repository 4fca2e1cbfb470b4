"""Shapes of captures and traces, made from a seed without any tool: the part of the corpus that every test run has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.canaries.kinds import Canary
from tests.corpus import shapes, trace_shapes
from tests.corpus.exchanges import FLOWS
from tests.corpus.measuring import REAL, SHAPE, Specimen

# As OpenTelemetry's SDK and file exporter wrote it; telemetry.py makes more of them.
RECORDED = Path(__file__).with_name("sdk-log-in.jsonl")


def captures(seed: str) -> Iterator[tuple[Specimen, list[Canary]]]:
    """Each flow in the format of each tool, and the secrets in it."""
    for tool in shapes.TOOLS:
        for flow in FLOWS:
            data, canaries = shapes.shape(tool, flow, seed)
            yield Specimen(f"{tool}-{flow}.har", "har/v1", tool, SHAPE, data), canaries


def traces(recorded: Iterable[Path] = (RECORDED,)) -> Iterator[Specimen]:
    """Each recorded file, as it is and in the forms of other programs."""
    for path in recorded:
        data = path.read_bytes()
        yield Specimen(path.name, "otlp/v1", "OpenTelemetry SDK for Python", REAL, data)
        groups = _groups(data)
        if groups:
            for form, written in trace_shapes.FORMS.items():
                yield Specimen(f"{path.stem}, {form}", "otlp/v1", form, SHAPE, written(groups))


def _groups(data: bytes) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in data.decode().splitlines()]
    return [group for line in lines for group in line.get("resourceSpans", [])]
