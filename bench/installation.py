"""An installation for a bench: a directory, a server of its own, migrated; workers run as the serving role."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handrail.conf import database
from handrail.conf.roles import SERVING

ROOT = Path(__file__).resolve().parent.parent
MIGRATE = "from handrail.conf.start import start; start(); from handrail.cli import migrations; migrations.apply()"


@contextmanager
def installation(directory: str, config: str) -> Iterator[dict[str, str]]:
    """This process works as the superuser, so that it can make and see every row. Yields the environment of those that
    serve: their role is the serving one, under row security, unless ``DATABASE_URL`` says which server to use."""
    path = Path(directory) / "handrail.toml"
    path.write_text(config, encoding="utf-8")
    os.environ |= {"HANDRAIL_STATE_DIR": directory, "HANDRAIL_CONFIG": str(path)}
    given = os.environ.get("DATABASE_URL")
    subprocess.run([sys.executable, "-c", MIGRATE], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    state = Path(directory) / "postgres"
    serving = dict(os.environ) if given else {**os.environ, "DATABASE_URL": database.embedded(state, role=SERVING)}
    os.environ["DATABASE_URL"] = given or database.embedded(state)
    from handrail.conf.start import start

    start()
    yield serving


def processor_seconds(pid: int) -> float:
    """The processor time that a process has used until now."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def processes(module: str, *argv: str, count: int, env: dict[str, str]) -> Iterator[list[int]]:
    """So many of one program of the bench, until the end of the block, which they are asked for; their ids."""
    command = [sys.executable, "-m", module, *argv]
    started = [subprocess.Popen(command, cwd=ROOT, env=env) for _ in range(count)]
    try:
        yield [process.pid for process in started]
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()
