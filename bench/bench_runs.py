"""Durable runs a second, how soon an idle worker picks a run up, and the database's own floors for the same rows.

    python -m bench.bench_runs [--runs 1000] [--workers 2] [--concurrency 4] [--idle 100] [--base COMMIT [--rounds 3]]

Prints figures and ratios of one session on one machine. It passes and fails on nothing. With ``--base`` an earlier
commit is measured too, by turns, with its own program; ``BASE=COMMIT make bench`` says the same.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from bench import base, floor
from bench.installation import installation, processes, processor_seconds

CONFIG = "# nothing outside is configured: the workers bring their own\n"
FIGURES: Mapping[str, str] = {
    "runs a second": r"^runs a second.*: +([\d.]+)",
    "idle pick-up p50, ms": r"^idle pick-up after commit, p50: +([\d.]+)",
    "idle pick-up p99, ms": r"^idle pick-up after commit, p99: +([\d.]+)",
}


def main() -> None:
    given = arguments()
    if given.base:
        by_turns(given)
        return
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as directory, installation(directory, CONFIG) as env:
        measure(given, env)


def by_turns(given: argparse.Namespace) -> None:
    """The earlier commit and this one after each other, so that both meet the machine in the same mood."""
    trees = {f"at {given.base}": base.worktree(given.base), "today": base.ROOT}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    for number in range(given.rounds):
        for name, tree in trees.items():
            print(f"-- round {number + 1}, {name}", flush=True)
            found[name].append(_figures_of(tree, given))
    before, today = found.values()
    print(f"-- {given.rounds} rounds by turns: median {' and '.join(trees)}, and today's share of the earlier one")
    for figure in FIGURES:
        pairs = [(earlier[figure], now[figure]) for earlier, now in zip(before, today, strict=True)]
        each = ", ".join(f"{now / earlier:.2f}" for earlier, now in pairs)
        then, now = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"{figure:26} {then:8.1f} {now:8.1f}   {now / then:5.2f}   (by round: {each})")


def _figures_of(tree: Path, given: argparse.Namespace) -> dict[str, float]:
    """Runs that tree's own program, prints what it prints, and reads the figures off that."""
    command = [base.python(tree), "-m", "bench.bench_runs"]
    for name in ("runs", "workers", "concurrency", "idle"):
        command += [f"--{name}", str(getattr(given, name))]
    env = base.environment(tree)
    env.pop("BASE", None)
    done = subprocess.run(command, cwd=tree, env=env, check=True, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    return {name: float(re.findall(text, done.stdout, re.MULTILINE)[0]) for name, text in FIGURES.items()}


def measure(given: argparse.Namespace, env: dict[str, str]) -> None:
    from tests.factories.installation import Installation

    from handrail.runbooks.models import OperationRun

    estate, program = Installation().runs, ("bench.worker_process", str(given.concurrency))
    with processes(*program, count=given.workers, env=env):
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
    with processes(*program, count=given.workers, env=env) as workers:
        wait_ended(before + 1)
        started, done = time.perf_counter(), OperationRun.objects.exclude(finished_at=None).count()
        used = processor(workers)
        wait_ended(before + given.runs, pause=0.1)
        seconds = time.perf_counter() - started
        used = [(now - then) / (before + given.runs - done) for now, then in zip(processor(workers), used, strict=True)]
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
    print(f"processor of a run, workers and their backends:  {used[0] * 1000:8.1f} {used[1] * 1000:8.1f} ms")
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


def processor(workers: list[int]) -> list[float]:
    """The seconds of processor time that the workers, and the processes of the server for them, have used until now."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        backends = [pid for (pid,) in cursor.fetchall()]
    return [sum(map(processor_seconds, pids)) for pids in (workers, backends)]


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


def wait_ended(count: int, *, pause: float = 0.005) -> None:
    from handrail.runbooks.models import OperationRun

    while OperationRun.objects.exclude(finished_at=None).count() < count:
        threading.Event().wait(pause)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--idle", type=int, default=100)
    parser.add_argument("--base", default=os.environ.get("BASE", ""))
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
