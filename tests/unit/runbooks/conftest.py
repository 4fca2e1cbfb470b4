from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import pytest

from handrail.connectors import registry
from handrail.runbooks import task_system
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import BoardConnector, SwitchBoard, connected
from tests.factories.task_queue import SYSTEM, Queue


@pytest.fixture
def estate(db: None) -> Runs:
    return Installation().runs


@pytest.fixture
def board(estate: Runs) -> Iterator[SwitchBoard]:
    world = SwitchBoard()
    world.add("s1", owner=estate.tenant.key)
    with connected(world):
        yield world


@pytest.fixture
def queue(estate: Runs, board: SwitchBoard) -> Iterator[Queue]:
    world = Queue()
    both = {"queue": world, "board": BoardConnector(board)}
    with registry.use(registry.Registry(MappingProxyType(both))), task_system.use(SYSTEM):
        yield world
