"""Limits and a circuit breaker over three workers, two of them with clocks that are an hour off, and a real server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate
from pathlib import Path

import pytest
from django.db.models import Min, Q

from handrail.audit.models import AuditEvent
from handrail.runbooks.limits import store
from handrail.runbooks.limits.circuit import CircuitState
from handrail.runbooks.models import ExceptionPacket, OperationRun, PausedRun
from handrail.runbooks.states import RUN
from tests.factories import forks, rows
from tests.factories.installation import Installation
from tests.factories.metered_board import MeteredBoard, serving
from tests.factories.runs import Runs
from tests.factories.switches import RUNBOOK, SwitchBoard
from tests.integration.worker import processes
from tests.lanes import rounds

HOUR = 3600
LONG = 120.0  # seconds; what is waited for comes in a few


@contextmanager
def three_workers(
    server: MeteredBoard, database: str, directory: Path, settings: str, aheads: Sequence[int] = (HOUR, 0, -HOUR)
) -> Iterator[list[forks.Process]]:
    """Workers with ``settings``; ``aheads``: by how many seconds the clock of each is wrong."""
    config = processes.write_config(directory, server.url)
    config.write_text(config.read_text() + settings)
    env = processes.environment(config, database)
    script = Path(__file__).with_name("shifted.py")
    with ExitStack() as running:
        started = [forks.start(script, str(ahead), "0.2", env=env) for ahead in aheads]
        for process in started:
            running.callback(process.end)
        yield started


def queued(estate: Runs, board: SwitchBoard, count: int) -> None:
    for number in range(count):
        board.add(f"s{number}", owner=estate.tenant.key)
        estate.start(f"TASK-{number}", f"s{number}")


def ended() -> int:
    return OperationRun.objects.filter(state__in=RUN.terminal).count()


def circuit() -> CircuitState:
    known = store.known(["board"])
    return known["board"].state.circuit.state if known else CircuitState.CLOSED


def test_three_workers_keep_to_the_limits(committed_db: str, tmp_path: Path) -> None:
    board, estate, count = SwitchBoard(), Installation().runs, rounds(6, 60)
    queued(estate, board, count)
    limits = "\n[connectors.board.limits]\ncalls_at_once = 2\ncalls_a_second = 12\n"
    with (
        serving(board, seconds=0.1) as server,
        three_workers(server, committed_db, tmp_path, limits),
    ):
        processes.wait_until(lambda: ended() == count, seconds=LONG * count, what="every run ended")
    assert OperationRun.objects.filter(state="completed").count() == count
    assert server.most_at_once == 2
    # Turns are a twelfth of a second apart; on its way a request may come closer to the one before it.
    assert server.most_in_a_second() <= 12 + 2


def test_three_workers_keep_to_the_limits_of_a_runbook(committed_db: str, tmp_path: Path) -> None:
    board, count = SwitchBoard(), rounds(8, 60)
    estate = Installation(f"{RUNBOOK}limits: {{at_once: 2, a_minute: 1000}}\n").runs
    queued(estate, board, count)
    with serving(board, seconds=0.05) as server, three_workers(server, committed_db, tmp_path, ""):
        processes.wait_until(lambda: ended() == count, seconds=LONG * count, what="every run ended")
    assert OperationRun.objects.filter(state="completed").count() == count
    assert most_under_way() == 2


def most_under_way() -> int:
    """The most runs that were between their first intent and their end at the same time, by the database's clock."""
    runs = OperationRun.objects.annotate(begun=Min("checkpoints__at", filter=Q(checkpoints__kind="intent")))
    changes = [change for run in runs for change in ((run.begun, 1), (run.finished_at, -1))]
    counts = accumulate(by for _, by in sorted(changes))
    return max(counts)


def test_lower_limit_of_one_restarted_worker_holds_for_those_before_it(committed_db: str, tmp_path: Path) -> None:
    """Two workers go on with four calls at once, one of three was restarted with one."""
    board, estate, count = SwitchBoard(), Installation().runs, rounds(24, 150)
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    limits = "\n[connectors.board.limits]\ncalls_at_once = {}\n"
    with (
        serving(board, seconds=0.1) as server,
        three_workers(server, committed_db, old, limits.format(4), aheads=(HOUR, 0)),
    ):
        queued(estate, board, count)
        processes.wait_until(lambda: server.most_at_once == 4, seconds=LONG, what="four calls were under way")
        with three_workers(server, committed_db, new, limits.format(1), aheads=(-HOUR,)):
            processes.wait_until(lambda: len(limits_seen()) == 2, seconds=LONG, what="the new worker had looked")
            processes.wait_until(lambda: server.at_once <= 1, seconds=LONG, what="calls from before had ended")
            server.forget()
            processes.wait_until(lambda: ended() == count, seconds=LONG * count, what="every run ended")
            assert server.most_at_once == 1
            assert len(server.arrivals) > count // 3
    assert OperationRun.objects.filter(state="completed").count() == count


def limits_seen() -> dict[str, float]:
    """The limits that the workers have said they have."""
    known = store.known(["board"])
    return dict(known["board"].state.limits_seen) if known else {}


@pytest.mark.requirement("R2-06")
def test_outage_makes_runs_wait_and_no_packet(committed_db: str, tmp_path: Path) -> None:
    board, estate, count = SwitchBoard(), Installation().runs, rounds(20, 300)
    breaker = (
        "\n[connectors.board.breaker]\nfailures = 4\nwindow_seconds = 60\nopen_seconds = 0.5\nmost_open_seconds = 1.0\n"
    )
    with (
        serving(board, seconds=0.05) as server,
        three_workers(server, committed_db, tmp_path, breaker),
    ):
        queued(estate, board, count)
        processes.wait_until(lambda: ended() >= 2, seconds=LONG, what="some runs ended")
        server.is_down = True
        processes.wait_until(lambda: circuit() is not CircuitState.CLOSED, seconds=LONG, what="the breaker opened")
        processes.wait_until(lambda: server.at_once == 0, seconds=LONG, what="calls from before had ended")
        server.forget()
        before = ended()
        processes.wait_until(lambda: len(server.arrivals) >= 4, seconds=LONG, what="the service was tried")
        assert server.most_at_once == 1
        assert ended() == before
        assert PausedRun.objects.filter(connector="board", cause="breaker").exists()
        server.is_down = False
        processes.wait_until(lambda: ended() == count, seconds=LONG * count, what="every run ended")
        processes.wait_until(lambda: circuit() is CircuitState.CLOSED, seconds=LONG, what="the breaker closed")
    assert not ExceptionPacket.objects.exists()
    assert OperationRun.objects.filter(state="completed").count() == count
    assert len(board.effects) == len(set(board.effects)) == count
    events = AuditEvent.objects.filter(event__startswith="breaker.").order_by("pk").values_list("event", flat=True)
    assert list(events)[:2] == ["breaker.opened", "breaker.closed"]
    assert len(events) < count


@pytest.mark.requirement("R2-20")
def test_slot_of_a_killed_worker_comes_back(committed_db: str, tmp_path: Path) -> None:
    board, estate = SwitchBoard(), Installation().runs
    queued(estate, board, 3)
    limits = "\n[connectors.board.limits]\ncalls_at_once = 1\n"
    with (
        serving(board, seconds=0.8) as server,
        three_workers(server, committed_db, tmp_path, limits) as workers,
    ):
        processes.wait_until(lambda: server.at_once == 1, seconds=LONG, what="a call was under way")
        for process in workers[:2]:
            process.kill()
        server.seconds = 0.0
        processes.wait_until(lambda: ended() == 3, seconds=LONG, what="every run ended")
    assert server.most_at_once <= 2  # the call of the killed worker, whose slot has ended, is none of the server's
    assert OperationRun.objects.filter(state="completed").count() == 3


@pytest.mark.parametrize("many", [rounds(12, 48)])
def test_two_tenants_share_a_limit_and_both_get_through(committed_db: str, tmp_path: Path, many: int) -> None:
    board, installation = SwitchBoard(), Installation()
    estate = installation.runs
    other = rows.tenant(estate.workspace, key="ten_two")
    queued(estate, board, many)
    few = many // 6
    small = Runs(estate.workspace, other, estate.definition, estate.worker)
    for number in range(few):
        board.add(f"t{number}", owner=other.key)
        small.start(f"OTHER-{number}", f"t{number}")
    limits = "\n[connectors.board.limits]\ncalls_at_once = 1\n"
    with (
        serving(board, seconds=0.05) as server,
        three_workers(server, committed_db, tmp_path, limits),
    ):
        processes.wait_until(lambda: ended() == many + few, seconds=LONG, what="every run ended")
    assert server.most_at_once == 1
    assert OperationRun.objects.filter(state="completed").count() == many + few
