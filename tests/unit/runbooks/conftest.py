from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.factories.runs import Estate, make_estate
from tests.factories.switches import SwitchBoard, connected


@pytest.fixture
def estate(db: None) -> Estate:
    return make_estate()


@pytest.fixture
def board(estate: Estate) -> Iterator[SwitchBoard]:
    world = SwitchBoard()
    world.add("s1", owner=estate.tenant.key)
    with connected(world):
        yield world
