"""Workers as processes of their own, on the test's database and a configuration that points at its outside world."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LEASE_SECONDS, SWEEP_SECONDS = 2, 0.5
# Far more than a few expired leases in a row take, on however busy a machine.
TAKEN_OVER_SECONDS = 40 * (LEASE_SECONDS + SWEEP_SECONDS)
WORKER = (
    "from handrail.conf.start import start; start();"
    "from handrail.worker.service import WorkerSettings, serve;"
    f"serve(WorkerSettings(concurrency={{concurrency}}, sweep_seconds={SWEEP_SECONDS},"
    "pull_seconds=3600))"
)


def write_config(directory: Path, url: str, *, deadline_seconds: float = 1.0) -> Path:
    path = directory / "handrail.toml"
    path.write_text(
        f"""
        [worker]
        lease_seconds = {LEASE_SECONDS}
        [tasks]
        connector = "board"
        workspace = "acme"
        [connectors.board]
        kind = "rest"
        base_url = "{url}"
        deadline_seconds = {deadline_seconds}
        """
    )
    return path


def environment(config: Path, database: str) -> dict[str, str]:
    return {
        **os.environ,
        "HANDRAIL_CONFIG": str(config),
        "HANDRAIL_STATE_DIR": str(config.parent),
        "DATABASE_URL": database,
        "DJANGO_SETTINGS_MODULE": "handrail.conf.settings",
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
    }


def kill_at(when: str, point: str, env: dict[str, str], *, times: int) -> None:
    """Has so many workers, all at once, die by SIGKILL just before or after ``point``; fails when one does not."""
    command = [sys.executable, str(Path(__file__).with_name("victim.py")), when, point]
    victims = [subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) for _ in range(times)]
    try:
        assert [victim.wait(timeout=90) for victim in victims] == [-signal.SIGKILL] * times
    finally:
        for victim in victims:
            victim.kill()
            victim.wait()


@contextmanager
def worker(env: dict[str, str], *, concurrency: int = 4) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER.format(concurrency=concurrency)], env=env, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def wait_until(true: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Polls until ``true``; fails the test after ``seconds``, a bound far above what is expected."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)
