from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import FORBIDDEN, RUNBOOK, SwitchBoard, connected

ESCALATED = RUNBOOK.replace("escalate_to: senior-support", "escalate_to: on-call")

# Lets out nothing but the name of the switch.
CLOSED = ESCALATED.replace("switch.state, switch.fuse, switch.marker]}", "switch.state]}")


@pytest.fixture
def estate(db: None) -> Runs:
    return Installation(ESCALATED).runs


@pytest.fixture
def board(estate: Runs) -> Iterator[SwitchBoard]:
    world = SwitchBoard()
    for number in range(1, 30):
        world.add(f"s{number}", owner=estate.tenant.key)
    with connected(world):
        yield world


def stop(estate: Runs, board: SwitchBoard, *, switch: str = "s1", key: str = "") -> str:
    """A run that stops; the reference of its exception packet."""
    board.script = [FORBIDDEN]
    run = estate.advance(estate.start(key or f"TASK-{switch}", switch))
    assert run.state == "exception"
    return str(run.exception_packet.ref)
