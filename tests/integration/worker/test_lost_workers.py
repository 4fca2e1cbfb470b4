"""The lock of a worker's session: its end brings a claim forward, and decides nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from handrail.connectors.outcome import ReadFailed
from handrail.kernel.clock import after, now
from handrail.runbooks import leases, timing
from handrail.runbooks.models import OperationRun
from handrail.runbooks.timing import Timing
from handrail.work import presence
from handrail.worker.lost import LostWorkers
from tests.factories import forks
from tests.factories.board_server import serving
from tests.factories.changes import kinds
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import SwitchBoard, Turn, connected
from tests.integration.worker import processes

# Longer than any test waits: what is claimed earlier was claimed because of the lock.
LEASE_SECONDS = 600.0
AT_ONCE = Timing(reconnect_seconds=0.0, lease_seconds=LEASE_SECONDS)


@pytest.fixture
def estate(committed_db: str) -> Iterator[Runs]:
    with timing.use(AT_ONCE):
        yield Installation().runs


def session_of(url: str, *, name: str = "one:1") -> tuple[int, psycopg.Connection]:
    """A worker that is there, with a connection that holds its lock."""
    session = presence.new_session()
    other = psycopg.connect(url, autocommit=True)
    other.execute("SELECT pg_advisory_lock(%s)", [session])
    presence.seen(name, session, threads=1, unconnected=0)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE work_worker SET holds_lock = true WHERE session = %s", [session])
    return session, other


def ended(other: psycopg.Connection) -> None:
    """Waits until the server has noticed that the connection is gone."""
    pid = other.info.backend_pid
    other.close()
    processes.wait_until(lambda: not _is_there(pid), seconds=30, what="the server noticed it")


def _is_there(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [pid])
        return bool(cursor.fetchone()[0])


def has_lease(run: OperationRun) -> bool:
    run.refresh_from_db()
    assert run.due_at is not None
    return run.due_at > now()


@pytest.mark.requirement("R2-07")
def test_run_of_a_worker_whose_connection_has_ended_is_due_before_its_lease_ends(
    committed_db: str, estate: Runs
) -> None:
    run = estate.start()
    session, other = session_of(committed_db)
    leases.claim_runs(1, held_by=session)
    looking = LostWorkers(presence.new_session())
    assert looking.look() == 0
    assert has_lease(run)
    ended(other)
    assert looking.look() == 1
    assert not has_lease(run)
    assert run.failures == 1  # as after any lease whose worker ended without a word
    assert presence.within(60).alive == 0


def test_worker_that_connects_again_within_the_grace_keeps_its_runs(committed_db: str, estate: Runs) -> None:
    run = estate.start()
    session, other = session_of(committed_db)
    leases.claim_runs(1, held_by=session)
    with timing.use(Timing(reconnect_seconds=60.0, lease_seconds=LEASE_SECONDS)):
        looking = LostWorkers(presence.new_session())
        ended(other)
        assert looking.look() == 0
        with psycopg.connect(committed_db, autocommit=True) as again:
            again.execute("SELECT pg_advisory_lock(%s)", [session])
            assert looking.look() == 0
            assert looking._since == {}
    assert has_lease(run)


def test_worker_that_was_cut_off_itself_gives_the_others_their_time(committed_db: str, estate: Runs) -> None:
    _, other = session_of(committed_db)
    with timing.use(Timing(reconnect_seconds=60.0)):
        looking = LostWorkers(presence.new_session())
        ended(other)
        looking.look()
        assert looking._since
        looking.begin_again()
    assert not looking._since


def test_run_behind_an_intent_is_left_alone_until_the_intents_deadline(committed_db: str, estate: Runs) -> None:
    """Its writer may be in the middle of the call, and connect again to write what came of it."""
    board = SwitchBoard()
    board.add("s1", owner=estate.tenant.key)
    session, other = session_of(committed_db)
    seen: list[tuple[int, bool]] = []

    def looks(_: SwitchBoard, __: str) -> None:
        ended(other)
        freed = LostWorkers(presence.new_session()).look()
        seen.append((freed, has_lease(OperationRun.objects.get())))

    board.script = [Turn(also=looks)]
    with connected(board):
        run = estate.start()
        OperationRun.objects.filter(pk=run.pk).update(held_by=session)
        assert estate.advance(run).state == "completed"
    assert (seen, len(board.calls)) == ([(0, True)], 1)


class Died(BaseException):
    """The end of a worker: nothing after it runs."""


def test_run_behind_an_intent_that_is_over_is_freed(committed_db: str, estate: Runs) -> None:
    """Who claimed it to find out what became of the call is gone as well."""
    board = SwitchBoard()
    board.add("s1", owner=estate.tenant.key)
    session, other = session_of(committed_db)

    def dies(_: SwitchBoard, __: str) -> None:
        raise Died

    board.script = [Turn(also=dies)]
    with connected(board), timing.use(Timing(intent_margin_seconds=-1, result_margin_seconds=-3)):
        run = estate.start()
        with pytest.raises(Died):
            estate.advance(run)
    OperationRun.objects.filter(pk=run.pk).update(held_by=session, due_at=after(20))
    ended(other)
    with timing.use(Timing(reconnect_seconds=0)):
        assert LostWorkers(presence.new_session()).look() == 1
    assert not has_lease(run)


def test_run_that_waits_belongs_to_nobody(committed_db: str, estate: Runs) -> None:
    """What was given back until later is not due because the worker that gave it back has ended."""
    board = SwitchBoard()
    board.add("s1", owner=estate.tenant.key)
    busy = ReadFailed("board: status 429", status=429, retryable=True, retry_after_seconds=60)
    board.read_failures = [busy] * 6
    session, other = session_of(committed_db)
    with connected(board):
        run = estate.start()
        OperationRun.objects.filter(pk=run.pk).update(held_by=session)
        estate.advance(run)
    assert (run.held_by, run.state) == (None, "checking")
    ended(other)
    assert LostWorkers(presence.new_session()).look() == 0
    assert has_lease(run)


def test_two_workers_of_one_name_are_two(committed_db: str, estate: Runs) -> None:
    """As in two containers that are made alike: the host's name and the process's number are the same."""
    first, second = estate.start("TASK-1", "s1"), estate.start("TASK-2", "s2")
    (gone, closed), (alive, other) = session_of(committed_db), session_of(committed_db)
    for run, session in ((first, gone), (second, alive)):
        OperationRun.objects.filter(pk=run.pk).update(due_at=after(LEASE_SECONDS), held_by=session)
    assert presence.within(60).alive == 2
    ended(closed)
    assert LostWorkers(presence.new_session()).look() == 1
    assert (has_lease(first), has_lease(second)) == (False, True)
    other.close()


def test_lock_that_the_connection_does_not_hold_is_not_gone_by(committed_db: str, estate: Runs) -> None:
    """As behind a pooler that changes sessions: the lock stays with a session of the server that others are given."""
    session = presence.new_session()
    assert not presence.seen("one:1", session, threads=1, unconnected=0)
    presence.hold(session)
    assert presence.seen("one:1", session, threads=1, unconnected=0)
    connection.close()
    assert not presence.seen("one:1", session, threads=1, unconnected=0)
    assert LostWorkers(presence.new_session()).look() == 0


@contextmanager
def two_workers(url: str, directory: Path, board: SwitchBoard) -> Iterator[tuple[forks.Process, OperationRun]]:
    """Two workers, and a run that the first one has, which reads for as long as the board's lock is held."""
    estate = Installation().runs
    board.add("s1", owner=estate.tenant.key)
    with serving(board) as server:
        config = processes.write_config(directory, server.url, deadline_seconds=60)
        config.write_text(config.read_text().replace("lease_seconds = 1\n", f"lease_seconds = {LEASE_SECONDS:g}\n"))
        env = processes.environment(config, url)
        with processes.worker(env) as first:
            run = estate.start()
            processes.wait_until(lambda: _holder(run) is not None, seconds=60, what="the first worker has the run")
            with processes.worker(env):
                processes.wait_until(lambda: presence.within(60).alive == 2, seconds=60, what="both are there")
                yield first, run


def _holder(run: OperationRun) -> int | None:
    run.refresh_from_db()
    return run.held_by


@pytest.mark.requirement("R2-07")
def test_killed_workers_run_is_picked_up_before_its_lease_ends(committed_db: str, tmp_path: Path) -> None:
    board = SwitchBoard()
    with ExitStack() as stack:
        stack.enter_context(board.lock)
        first, run = stack.enter_context(two_workers(committed_db, tmp_path, board))
        held = _holder(run)
        first.kill()
        processes.wait_until(lambda: _holder(run) not in (held, None), seconds=60, what="the other one has it")
        board.lock.release()
        try:
            ended_as = "the run completed"
            processes.wait_until(lambda: run.finished_at is not None or _holder(run) == 0, seconds=60, what=ended_as)
        finally:
            board.lock.acquire()
    assert (run.state, len(board.calls)) == ("completed", 1)
    assert "unknown" not in kinds(run)


def test_frozen_worker_keeps_its_lock_and_its_run(committed_db: str, tmp_path: Path) -> None:
    board = SwitchBoard()
    with board.lock, two_workers(committed_db, tmp_path, board) as (first, run):
        held = _holder(run)
        first.send_signal(signal.SIGSTOP)
        time.sleep(10 * processes.SWEEP_SECONDS)  # the other one looks that often, and the grace is far shorter
        assert (_holder(run), has_lease(run)) == (held, True)
        first.kill()
