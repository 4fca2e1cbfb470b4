"""Workers as processes of their own, on the test's database and a configuration that points at its outside world."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import databases
from tests.factories import forks

ROOT = Path(__file__).resolve().parents[3]
LEASE_SECONDS, SWEEP_SECONDS = 1, 0.5
# A tenth of the production values, as far as a busy machine's clock allows.
TIMING = """
        [timing]
        lease_margin_seconds = 0.2
        result_margin_seconds = 0.1
        intent_margin_seconds = 0.3
        read_pause_seconds = 0.02
        reconcile_interval_seconds = 0.2
        unexpected_error_wait_seconds = 0.5
        report_wait_seconds = 0.2
        reconnect_seconds = 0.1
"""
# Far more than a few expired leases in a row take, on however busy a machine.
TAKEN_OVER_SECONDS = 40 * (LEASE_SECONDS + SWEEP_SECONDS)


def write_config(directory: Path, url: str, *, deadline_seconds: float = 1.0) -> Path:
    path = directory / "handrail.toml"
    path.write_text(
        f"""
        [worker]
        lease_seconds = {LEASE_SECONDS}
        {TIMING}
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
    """Of a process that serves: its role is the serving one, whatever role ``database`` names."""
    forks.share_keys(config.parent)
    return {
        **os.environ,
        "HANDRAIL_CONFIG": str(config),
        "HANDRAIL_STATE_DIR": str(config.parent),
        "DATABASE_URL": databases.as_serving(database),
        "DJANGO_SETTINGS_MODULE": "handrail.conf.settings",
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
    }


def kill_at(when: str, point: str, env: dict[str, str], *, times: int) -> None:
    """Has so many workers, all at once, die by SIGKILL just before or after ``point``; fails when one does not."""
    script = Path(__file__).with_name("victim.py")
    victims = [forks.start(script, when, point, env=env) for _ in range(times)]
    try:
        assert [victim.wait(90) for victim in victims] == [-signal.SIGKILL] * times
    finally:
        for victim in victims:
            victim.kill()


@contextmanager
def worker(env: dict[str, str], *, concurrency: int = 4) -> Iterator[forks.Process]:
    script = Path(__file__).with_name("serving.py")
    process = forks.start(script, str(concurrency), str(SWEEP_SECONDS), env=env)
    try:
        yield process
    finally:
        process.end()


def wait_until(true: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Polls until ``true``; fails the test after ``seconds``, a bound far above what is expected."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)
