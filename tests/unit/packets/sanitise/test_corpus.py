"""Shapes of many tools' captures: no secret of theirs leaves."""

from __future__ import annotations

import pytest

from handrail.packets.sanitise import sanitise
from tests.canaries.finding import Haystack
from tests.corpus import specimens
from tests.lanes import rounds

SEEDS = [f"corpus-{number}" for number in range(rounds(1, 10))]


@pytest.mark.parametrize("seed", SEEDS)
def test_sanitise_leaves_no_secret_of_a_shape(seed: str) -> None:
    leaked = []
    for one, canaries in specimens.captures(seed):
        result = sanitise(one.kind, one.data)
        leaked += [f"{one.name}: {place}" for place in Haystack({"cleared": result.data or b""}).found(canaries)]
    assert leaked == []
