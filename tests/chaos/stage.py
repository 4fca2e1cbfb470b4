"""What a fault acts on: the servers, the workers, the tasks that come in; and what it notes of what it did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.chaos.cluster import Cluster
from tests.chaos.tasks import Triggers
from tests.factories import forks

ROOT = Path(__file__).resolve().parents[2]
WORKERS, CONCURRENCY = 3, 4
LEASE_SECONDS, DEADLINE_SECONDS, INTENT_MARGIN_SECONDS = 5.0, 2.0, 2.0
CONFIG = f"""
[worker]
lease_seconds = {LEASE_SECONDS}
[timing]
intent_margin_seconds = {INTENT_MARGIN_SECONDS}
[tasks]
connector = "board"
workspace = "acme"
[connectors.board]
kind = "rest"
base_url = "http://127.0.0.1:PORT"
deadline_seconds = {DEADLINE_SECONDS}
"""


@dataclass(frozen=True)
class Kill:
    """A worker that was killed, and when. So may its first words be: ``pid`` is also in its name in the ledger."""

    at: float
    pid: int


@dataclass(frozen=True)
class Outage:
    """From when to when the database did not answer; ``mere``: only connections were lost."""

    began: float
    ended: float
    mere: bool = False


@dataclass
class Stage:
    """``database``: the name of this pass's. ``cluster``: the server that takes writes. ``whole``: not a small pass."""

    cluster: Cluster
    database: str
    directory: Path
    env: dict[str, str]
    triggers: Triggers
    world_port: int
    standby: Cluster | None = None
    whole: bool = True
    workers: list[forks.Process] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def worker(self, *more: str) -> forks.Process:
        script = Path(__file__).with_name("worker.py")
        return forks.start(script, str(CONCURRENCY), *more, env=self.env)

    def add_worker(self) -> None:
        self.workers.append(self.worker())

    def kill(self, process: forks.Process) -> None:
        self.kills.append(Kill(time.time(), process.pid))
        process.kill()

    @contextmanager
    def outage(self, *, mere: bool = False) -> Iterator[None]:
        began = time.time()
        yield
        self.outages.append(Outage(began, time.time(), mere))

    def going(self) -> bool:
        """Whether tasks still come in: as long the fault goes on."""
        return self.triggers.going()

    def end(self) -> None:
        for process in self.workers:
            process.end()
        self.workers.clear()

    def unfinished(self) -> int:
        """How many runs have not ended, or were not told yet."""
        with self.cluster.connection(self.database) as db:
            row = db.execute(
                "SELECT (SELECT count(*) FROM runbooks_operationrun WHERE finished_at IS NULL)"
                " + (SELECT count(*) FROM runbooks_report WHERE delivered_at IS NULL)"
            ).fetchone()
        assert row is not None
        return int(row[0])

    def wait_until_ended(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if not self.unfinished():
                    return True
            except psycopg.OperationalError:
                pass
            time.sleep(0.2)
        return False

    def account(self) -> dict[str, list[dict[str, Any]]]:
        """What the outside world has on its own books."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.world_port}/account", timeout=30) as answer:
            found: dict[str, list[dict[str, Any]]] = json.load(answer)
        return found

    def verified(self) -> tuple[bool, str]:
        """What ``handrail audit verify`` says, and whether it is that the log is whole."""
        done = subprocess.run(
            [sys.executable, "-m", "handrail", "audit", "verify"],
            env=self.env, cwd=self.directory, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode == 0, (done.stdout + done.stderr).strip()


@contextmanager
def world(directory: Path, loss: float, seed: int) -> Iterator[int]:
    """The outside world's port."""
    script = Path(__file__).with_name("world.py")
    with (directory / "world.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-S", script, str(loss), str(seed)], stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(30)


def environment(directory: Path, world_port: int, url: str, owner_url: str) -> dict[str, str]:
    """Of a process that serves."""
    config = directory / "handrail.toml"
    config.write_text(CONFIG.replace("PORT", str(world_port)))
    return {
        **os.environ,
        "HANDRAIL_CONFIG": str(config),
        "HANDRAIL_STATE_DIR": str(directory),
        "DATABASE_URL": url,
        "DATABASE_OWNER_URL": owner_url,
        "DJANGO_SETTINGS_MODULE": "handrail.conf.settings",
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
    }
