"""Runs over real HTTP against the practice estate, about ten calls each: runs a second, and processor time a call.

    python -m bench.bench_http [--runs 200] [--workers 2] [--concurrency 8] [--base COMMIT]

Prints figures of one session on one machine. It passes and fails on nothing. Each run is an entitlement resync of a
customer of its own, that goes well. Calls are counted by the estate, that has a process of its own; processor time is
that of the workers. With ``--base`` an earlier commit is measured first, by this program too: it only uses names that
both have.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent
# Of a second: a worker that only polls uses less.
IDLE_SHARE = 0.15
ESTATE = """
import sys
from dataclasses import replace
from handrail.sandbox import scenarios
happy = next(one for one in scenarios.SCENARIOS if one.name == "happy")
made = tuple(replace(happy, name=f"happy-{n}", tenant=f"ten_bench{n}") for n in range(int(sys.argv[2])))
scenarios.SCENARIOS = made
from handrail.sandbox.server import serve
serve(port=int(sys.argv[1]))
"""


Workers = tuple[subprocess.Popen[bytes], ...]


def main() -> None:
    given = arguments()
    if given.base:
        from bench import base

        trees = [(f"at {given.base}", base.worktree(given.base)), ("today", ROOT)]
        for name, tree in trees:
            print(f"-- {name}", flush=True)
            command = [base.python(tree), str(Path(__file__)), "--base", ""]
            for option in ("runs", "workers", "concurrency"):
                command += [f"--{option}", str(getattr(given, option))]
            subprocess.run(command, cwd=tree, env=base.environment(tree), check=True)
        return
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as directory:
        measure(given, Path(directory))


def measure(given: argparse.Namespace, directory: Path) -> None:
    workspace: Any = _either("handrail.cli.demo.workspace", "handrail.cli.demo.place")
    with workspace.prepare(directory) as place:
        port = place.sandbox_port
        text = place.configuration.read_text(encoding="utf-8")
        text = text.replace("concurrency = 6", f"concurrency = {given.concurrency}")
        place.configuration.write_text(text, encoding="utf-8")
        os.environ |= {"HANDRAIL_CONFIG": str(place.configuration), "HANDRAIL_STATE_DIR": str(directory)}
        env = dict(os.environ)
        started: list[subprocess.Popen[bytes]] = []
        try:
            from handrail.conf.start import start

            start()
            from handrail.cli import migrations

            migrations.apply()
            fixtures: Any = _either("handrail.cli.demo.fixtures", "handrail.cli.demo.cast")
            names = [f"ten_bench{n}" for n in range(given.runs)]
            operator = _called(fixtures, "create", "found")(names, "amber-birch-cobalt-dune-100")
            _called(fixtures, "approve_runbooks", "put_in_force")()
            command = [sys.executable, "-m", "handrail", "worker"]
            for _ in range(given.workers):
                started.append(subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            workers = tuple(started)
            _wait_idle(workers)
            started.append(subprocess.Popen([sys.executable, "-c", ESTATE, str(port), str(given.runs)], env=env))
            _calls(port)  # waits until it is there; until now there were no tasks to pull
            _report(given, port, workers, operator)
        finally:
            for process in started:
                if process.poll() is None:
                    process.terminate()
                process.wait()


def _report(given: argparse.Namespace, port: int, workers: Workers, operator: Any) -> None:
    from handrail.runbooks.actions import pulling

    began, used, calls = time.perf_counter(), sum(_processor(worker.pid) for worker in workers), _calls(port)
    pulling.pull(by=operator)
    _wait_reported(given.runs)
    seconds, done = time.perf_counter() - began, given.runs
    used = sum(_processor(worker.pid) for worker in workers) - used
    made = _calls(port) - calls
    print(f"runs by state and reason: {_ends()}")
    print(f"runs a second over HTTP, {given.workers} workers of {given.concurrency} threads: {done / seconds:8.1f}")
    print(f"calls a run, reports and pulls of tasks included:      {made / done:8.1f}")
    print(f"processor time of the workers, a call:                 {used / made * 1000:8.2f} ms")
    print(f"processor time of the workers, a run:                  {used / done * 1000:8.2f} ms")


def _either(*names: str) -> Any:
    """The first of these modules that there is: today's, or that of an earlier commit."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise SystemExit(f"this commit has none of {names}")


def _called(module: Any, *names: str) -> Any:
    return next(getattr(module, name) for name in names if hasattr(module, name))


def _reported() -> int:
    from django.db import connection

    from handrail.runbooks.models import Report

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {Report._meta.db_table} WHERE delivered_at IS NOT NULL")
        return int(cursor.fetchone()[0])


def _ends() -> str:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, reason, count(*) FROM runbooks_operationrun r"
            " LEFT JOIN runbooks_exceptionpacket p ON p.run_id = r.id GROUP BY 1, 2"
        )
        return ", ".join(f"{count} {state} {reason or ''}".strip() for state, reason, count in cursor.fetchall())


def _wait_reported(count: int) -> None:
    until = time.monotonic() + 600
    while _reported() < count:
        if time.monotonic() > until:
            raise SystemExit(f"only {_reported()} runs were reported")
        time.sleep(0.1)


def _wait_idle(workers: Workers) -> None:
    """Until the workers have started: they use no more processor time for a second."""
    used = -1.0
    while (now := sum(_processor(worker.pid) for worker in workers)) - used > IDLE_SHARE:
        used = now
        time.sleep(1)


def _processor(pid: int) -> float:
    """Seconds of processor time that a process has used until now."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def _calls(port: int) -> int:
    """How many requests the estate's services have had."""
    asked = Request(f"http://127.0.0.1:{port}/counts", headers={"authorization": "Bearer practice-control"})
    for _ in range(200):
        try:
            with urlopen(asked, timeout=10) as answer:
                counts: dict[str, int] = json.load(answer)
        except OSError:
            time.sleep(0.05)
        else:
            return sum(count for service, count in counts.items() if service != "control")
    raise SystemExit("the practice estate did not start")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--base", default=os.environ.get("BASE", ""))
    return parser.parse_args()


if __name__ == "__main__":
    main()
