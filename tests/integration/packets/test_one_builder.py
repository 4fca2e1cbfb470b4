"""Several processes that could build one revision: one does, the others leave it to that one."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from django.db import connection

from handrail.cli.entry import run
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Reading
from handrail.packets import claims, leases, settings
from handrail.packets.actions import assembling
from handrail.packets.models import Revision
from tests.factories.installation import Installation
from tests.factories.packets import Packets, connected
from tests.unit.packets.assembly.estate import Estate

SOURCES = 6


@pytest.fixture
def desk(committed_db: str) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as one:
        yield one


def slow(desk: Packets, seconds: float) -> None:
    """Every reading takes that long."""
    at_once: Callable[[str, Operation], Reading] = partial(Estate.read, desk.sources)

    def read(connector: str, operation: Operation) -> Reading:
        time.sleep(seconds)
        return at_once(connector, operation)

    desk.sources.read = read  # type: ignore[method-assign]


def in_thread(pool: ThreadPoolExecutor, act: Callable[[], object]) -> Future[object]:
    def one() -> object:
        try:
            return act()
        finally:
            connection.close()

    return pool.submit(one)


def swept(desk: Packets, done: Callable[[], bool]) -> None:
    """What workers do meanwhile: have a go at whatever is due."""
    while not done():
        for claim in leases.claim_revisions(9):
            assembling.advance(revision_id=claim.id, by=desk.worker, lease=claim.lease)
        time.sleep(0.01)


def leased(seconds: float) -> AbstractContextManager[object]:
    return settings.use(replace(settings.current(), assembly_lease=timedelta(seconds=seconds)))


def test_a_slow_source_is_read_by_one_process(desk: Packets) -> None:
    asked = desk.ask()
    slow(desk, 0.1)
    with leased(0.5), ThreadPoolExecutor(1) as pool:
        building = in_thread(pool, partial(assembling.build, revision_id=asked.id, by=desk.worker))
        while not desk.sources.asked:
            time.sleep(0.01)
        swept(desk, building.done)
    assert isinstance(building.result(), assembling.Built)
    assert set(Counter(desk.sources.asked).values()) == {2}  # once to assemble, once to see that nothing moved
    assert len(desk.sources.asked) == 2 * SOURCES


def test_what_a_dead_process_claimed_is_built_once_its_lease_is_over(desk: Packets) -> None:
    asked = desk.ask()
    with leased(0.3):
        assert claims.take(asked.id) is not None
        assert assembling.build(revision_id=asked.id, by=desk.worker) is None
        swept(desk, lambda: not Revision.objects.filter(state="assembling").exists())
    assert desk.newest.state == "in_review"


def test_assembling_at_the_command_line_beside_workers(
    desk: Packets, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow(desk, 0.02)
    given, over = tmp_path / "given.json", Event()
    given.write_text(json.dumps(desk.inputs()))
    who = ["--as", "dee@example.com", "--json"]
    with ThreadPoolExecutor(2) as pool:
        workers = [in_thread(pool, partial(swept, desk, over.is_set)) for _ in range(2)]
        try:
            codes = [run(["packets", "assemble", "outage-escalation", str(given), *who])]
            codes += [run(["packets", "reassemble", desk.packet.ref, "--reason", "Late.", *who]) for _ in range(4)]
        finally:
            over.set()
    assert [worker.result() for worker in workers] == [None, None]
    assert codes == [0] * 5
    assert capsys.readouterr().out.count('"in_review"') == 5
    assert set(Counter(desk.sources.asked).values()) == {10}
