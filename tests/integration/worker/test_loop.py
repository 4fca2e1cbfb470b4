"""The loop of a worker: what it has, what it gives back, and that nothing which goes wrong keeps it from going on."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from django.db import connection
from structlog.testing import capture_logs

from handrail.access import protection
from handrail.kernel.errors import Unavailable
from handrail.runbooks import timing
from handrail.runbooks.models import OperationRun
from handrail.work import duties
from handrail.worker import service
from handrail.worker.loop import Loop
from handrail.worker.recurring import RecurringDuty
from tests.factories.installation import Installation
from tests.factories.switches import SwitchBoard, connected
from tests.integration.worker.processes import wait_until
from tests.lanes import rounds

SECONDS = 30.0


@contextmanager
def working(*loops: Loop) -> Iterator[None]:
    """Each in a thread of its own; they end with the block."""
    threads = [threading.Thread(target=loop.serve, args=(5.0,)) for loop in loops]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for loop in loops:
            loop.stop()
        for thread in threads:
            thread.join(SECONDS)
        assert not any(thread.is_alive() for thread in threads)


def loop(threads: int = 2, **known: RecurringDuty) -> Loop:
    return Loop(threads=threads, poll_seconds=0.1, duties=known)


def test_duties_are_done_by_one_of_several_workers_at_a_time(committed_db: str) -> None:
    done: list[int] = []
    duty = RecurringDuty(lambda: done.append(threading.get_ident()), every=3600)
    with working(*(loop(seal=duty) for _ in range(3))):
        wait_until(lambda: bool(done), seconds=SECONDS, what="the duty was done")
        time.sleep(0.5)
    assert len(done) == 1


def test_duty_that_fails_is_tried_again_later_and_others_go_on(committed_db: str) -> None:
    done: Counter[str] = Counter()

    def breaks() -> None:
        done["breaks"] += 1
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    def refused() -> None:
        done["refused"] += 1
        raise Unavailable("The task system does not answer.")

    known = {
        "breaks": RecurringDuty(breaks, every=0.1),
        "refused": RecurringDuty(refused, every=0.1),
        "goes": RecurringDuty(lambda: done.update(["goes"]), every=0.1),
    }
    with capture_logs() as said, working(loop(**known)):
        wait_until(lambda: done["goes"] >= 5, seconds=SECONDS, what="the third duty went on")
    assert (done["breaks"], done["refused"]) == (1, 1)
    failed = {line["duty"]: line["exc_info"] for line in said if line["event"] == "a duty failed"}
    assert failed == {"breaks": True, "refused": False}


def test_duty_whose_worker_was_killed_is_done_by_another_when_its_lease_has_run_out(committed_db: str) -> None:
    duties.ensure({"seal": 60})
    (lost,) = duties.claim(["seal"], 1)
    assert duties.claim(["seal"], 1) == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE work_duty SET due_at = now()")
    assert [claim.word for claim in duties.claim(["seal"], 1)] == ["seal"]
    duties.done(lost, every=60)  # it is not the one who has it any more
    with connection.cursor() as cursor:
        cursor.execute("SELECT failures FROM work_duty")
        assert cursor.fetchone() == (2,)


def test_shorter_interval_counts_from_now(committed_db: str) -> None:
    duties.ensure({"seal": 3600})
    (claim,) = duties.claim(["seal"], 1)
    duties.done(claim, every=3600)
    duties.ensure({"seal": 60})
    with connection.cursor() as cursor:
        cursor.execute("SELECT due_at < now() + interval '61 seconds' FROM work_duty")
        assert cursor.fetchone() == (True,)


def test_worker_has_no_more_connections_than_it_says(committed_db: str) -> None:
    board, estate = SwitchBoard(), Installation().runs
    for number in range(40):
        board.add(f"s{number}", owner=estate.tenant.key)
        estate.start(f"TASK-{number}", f"s{number}")
    most = 0
    made = service.make_loop(service.WorkerSettings(concurrency=3, sweep_seconds=0.5, pull_seconds=60))
    with connected(board), working(made):

        def ended() -> bool:
            nonlocal most
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
                )
                most = max(most, cursor.fetchone()[0])
            return not OperationRun.objects.exclude(state="completed").exists()

        wait_until(ended, seconds=SECONDS, what="all runs ended")
    assert 0 < most <= service.connections(3)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM work_worker")
        assert cursor.fetchone() == (0,)


def test_hint_that_is_lost_costs_a_poll_and_no_run(committed_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    board, estate = SwitchBoard(), Installation().runs
    board.add("s1", owner=estate.tenant.key)
    with connected(board), working(loop()):
        wait_until(lambda: _workers() == 1, seconds=SECONDS, what="the worker is there")
        monkeypatch.setattr("handrail.runbooks.actions.runs.wake", lambda _: None)
        run = estate.start()
        wait_until(lambda: _state(run) == "completed", seconds=SECONDS, what="the run completed")


def test_stopped_worker_gives_back_what_it_has_not_begun(committed_db: str) -> None:
    """One thread is busy with a run; what is claimed behind it goes back, as if nobody had claimed it."""
    estate = Installation().runs
    board = SwitchBoard()
    made = loop(threads=1)
    lane, first = made.lanes["run"], threading.Event()
    behind = [estate.start(f"TASK-{number}", f"s{number}") for number in range(3)]

    def handle(claim: object) -> None:
        first.set()
        time.sleep(0.5)

    lane._handle = handle
    lane._mean = 0.001
    lane.room = lambda: 3 if not first.is_set() else 0  # type: ignore[method-assign]
    with connected(board), working(made):
        assert first.wait(SECONDS)
    rows = OperationRun.objects.filter(pk__in=[run.pk for run in behind]).values_list("failures", flat=True)
    assert sorted(rows) == [0, 0, 1]


def test_backends_that_are_ended_all_the_while_cost_no_run(committed_db: str) -> None:
    board, estate = SwitchBoard(), Installation().runs
    runs: list[OperationRun] = []
    short = timing.use(replace(timing.get(), lease_seconds=4))  # what is lost in a worker's hands waits for so long
    with short, connected(board), working(loop(threads=3)), capture_logs() as said:
        for number in range(rounds(30, 60)):
            board.add(f"s{number}", owner=estate.tenant.key)
            runs.append(estate.start(f"TASK-{number}", f"s{number}"))
            if number % 10 == 0:
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
        wait_until(lambda: not _live(), seconds=2 * SECONDS, what="all runs ended")
    assert len(board.effects) == len(set(board.effects))
    assert not [line for line in said if line["event"].startswith(("work ended", "a run could not"))]


def test_worker_waits_while_a_migration_has_taken_the_views_away(committed_db: str) -> None:
    board, estate = SwitchBoard(), Installation().runs
    board.add("s1", owner=estate.tenant.key)
    with connected(board), working(loop()):
        wait_until(lambda: _workers() == 1, seconds=SECONDS, what="the worker is there")
        protection.withdraw_views()
        run = estate.start()
        time.sleep(0.5)
        protection.apply()
        wait_until(lambda: _state(run) == "completed", seconds=SECONDS, what="the run completed")


def test_connections_that_are_lost_once_are_one_line_in_the_log_and_no_failure(committed_db: str) -> None:
    board, estate = SwitchBoard(), Installation().runs
    started: list[OperationRun] = []

    def start(many: int) -> None:
        for _ in range(many):
            number = len(started)
            board.add(f"s{number}", owner=estate.tenant.key)
            started.append(estate.start(f"TASK-{number}", f"s{number}"))
        wait_until(lambda: not _live(), seconds=SECONDS, what="all runs ended")

    with connected(board), capture_logs() as said, working(loop(threads=3)):
        start(12)  # every thread has a connection
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        start(12)
        time.sleep(1)
    events = Counter(line["event"] for line in said)
    assert events["lost a connection to the database; trying again"] == 1
    assert events["the database answers again"] == 1
    assert set(OperationRun.objects.values_list("state", "failures")) == {("completed", 0)}


def _live() -> bool:
    return OperationRun.objects.filter(finished_at=None).exists()


def _state(run: OperationRun) -> str:
    run.refresh_from_db()
    return run.state


def _workers() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM work_worker")
        return int(cursor.fetchone()[0])
