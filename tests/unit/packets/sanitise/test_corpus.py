"""Shapes of many tools' captures and traces: nearly all leave without a person, and no secret of theirs with them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from handrail.packets.sanitise import sanitise
from tests.canaries.finding import Haystack
from tests.corpus import specimens
from tests.corpus.measuring import LEAST, measured, report, share
from tests.lanes import rounds

SEEDS = [f"corpus-{number}" for number in range(rounds(1, 10))]


@pytest.mark.parametrize("seed", SEEDS)
def test_sanitise_clears_nearly_every_shape_of_a_capture(seed: str, counted: Callable[[str], None]) -> None:
    found = list(measured(one for one, _ in specimens.captures(seed)))

    counted(f"corpus: {sum(one.cleared for one in found)} of {len(found)} shapes of captures cleared, seed {seed}")
    assert share(found) >= LEAST, "\n".join(report(found))


@pytest.mark.parametrize("seed", SEEDS)
def test_sanitise_leaves_no_secret_of_a_shape(seed: str) -> None:
    leaked = []
    for one, canaries in specimens.captures(seed):
        result = sanitise(one.kind, one.data)
        leaked += [f"{one.name}: {place}" for place in Haystack({"cleared": result.data or b""}).found(canaries)]
    assert leaked == []


def test_sanitise_clears_a_trace_in_every_form() -> None:
    found = list(measured(specimens.traces()))

    assert share(found) == 1, "\n".join(report(found))
