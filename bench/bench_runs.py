"""Durable runs a second, how soon an idle worker picks a run up, and the database's own floor for the same rows.

    python -m bench.bench_runs [--runs 1000] [--workers 2] [--concurrency 4] [--idle 100]

Prints figures and ratios of one session on one machine. It passes and fails on nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import floor
from handrail.conf import database

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as directory:
        url = os.environ.get("DATABASE_URL") or database.embedded(Path(directory) / "postgres")
        os.environ |= {"DATABASE_URL": url, "HANDRAIL_STATE_DIR": directory, "HANDRAIL_CONFIG": config(directory)}
        from handrail.conf.start import start

        start()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        measure(given)


def measure(given: argparse.Namespace) -> None:
    from tests.factories.installation import Installation

    from handrail.runbooks.models import OperationRun

    estate = Installation().runs
    with workers(given.workers, given.concurrency):
        warm = [estate.start(f"WARM-{n}", f"warm{n}") for n in range(20)]
        wait_ended(len(warm))
        idle = []
        for number in range(given.idle):
            run = estate.start(f"IDLE-{number}", f"idle{number}")
            committed = time.time()
            wait_ended(len(warm) + number + 1)
            claimed = run.checkpoints.get(kind="claimed").at.timestamp()
            idle.append((claimed - committed) * 1000)
            time.sleep(0.05)
    statements, commits = cost()
    before, written_before = OperationRun.objects.exclude(finished_at=None).count(), written()
    for number in range(given.runs):
        estate.start(f"LOAD-{number}", f"load{number}")
    with workers(given.workers, given.concurrency):
        wait_ended(before + 1)
        started, done = time.perf_counter(), OperationRun.objects.exclude(finished_at=None).count()
        wait_ended(before + given.runs, pause=0.1)
        seconds = time.perf_counter() - started
    rate = (before + given.runs - done) / seconds
    wal, dead = ((now - then) / given.runs for now, then in zip(written(), written_before, strict=True))
    queued = given.runs / floor.with_queue(given.runs, connections=4)
    alone = given.runs / floor.ledger_alone(given.runs, connections=4)
    idle.sort()
    print(f"runs a second, {given.workers} workers of {given.concurrency} threads: {rate:8.1f}")
    print(
        f"floor with a queue's rows and transactions:      {queued:8.1f} a second; Handrail {rate / queued:5.2f} of it"
    )
    print(f"floor of run and ledger in four commits:         {alone:8.1f} a second; Handrail {rate / alone:5.2f} of it")
    print(f"statements and commits of a run, start included: {statements:8d} {commits:8d}")
    print(f"WAL bytes, and dead tuples, of a run:            {wal:8.0f} {dead:8.1f}")
    print(f"idle pick-up after commit, p50:                  {statistics.median(idle):8.1f} ms")
    print(f"idle pick-up after commit, p99:                  {idle[int(len(idle) * 0.99) - 1]:8.1f} ms")


def cost() -> tuple[int, int]:
    """The statements and commits of a run that succeeds at once, as ``tests/integration/worker/test_costs.py`` counts
    them."""
    from tests.factories.installation import Installation
    from tests.factories.switches import SwitchBoard, connected
    from tests.factories.wire import Cost, straight

    estate, board, counted = Installation(workspace="cost").runs, SwitchBoard(), Cost()
    board.add("s1", owner=estate.tenant.key)
    with connected(board):
        for key in ("WARM", "COUNTED"):
            straight(estate, key, counted, Cost())
    return counted.figures


def written() -> tuple[float, float]:
    """The bytes of WAL, and the row versions that were replaced or deleted, since the server was made."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
        (wal,) = cursor.fetchone()
        cursor.execute("SELECT sum(n_tup_upd + n_tup_del) FROM pg_stat_user_tables")
        (dead,) = cursor.fetchone()
    return float(wal), float(dead)


@contextmanager
def workers(count: int, concurrency: int) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.worker_process", str(concurrency)]
    started = [subprocess.Popen(command, cwd=ROOT) for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def wait_ended(count: int, *, pause: float = 0.005) -> None:
    from handrail.runbooks.models import OperationRun

    while OperationRun.objects.exclude(finished_at=None).count() < count:
        threading.Event().wait(pause)


def config(directory: str) -> str:
    path = Path(directory) / "handrail.toml"
    path.write_text("# nothing outside is configured: the workers bring their own\n")
    return str(path)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--idle", type=int, default=100)
    return parser.parse_args()


if __name__ == "__main__":
    main()
