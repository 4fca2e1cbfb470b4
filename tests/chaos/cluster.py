"""PostgreSQL servers that may be stopped, killed and promoted: over TCP, as an account that is not root."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from handrail.conf.postgres import account, programs

READY_SECONDS = 60
# Where Debian has its PostgreSQL.
DEBIAN = Path("/usr/lib/postgresql")


def own_programs() -> Path:
    """Those that come with Handrail."""
    return programs.directory_for(account.of(os.geteuid()))


def debian_programs() -> Path | None:
    """Those of Debian's newest PostgreSQL, where it is installed."""
    found = sorted(DEBIAN.glob("*/bin/pg_basebackup"), key=lambda one: int(one.parts[-3]))
    return found[-1].parent if found else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Cluster:
    """One server. ``settings`` are given to it at each start."""

    programs: Path
    directory: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        self._own(self.directory)
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"]
        self._run("initdb", f"--pgdata={self.directory / 'data'}", *options)

    def copy(self, name: str) -> Cluster:
        """A standby of this one, which streams from it under ``name``; not started yet."""
        standby = Cluster(self.programs, self.directory.with_name(name), dict(self.settings))
        self._own(standby.directory)
        source = f"host=127.0.0.1 port={self.port} user=postgres application_name={name}"
        target = str(standby.directory / "data")
        self._run("pg_basebackup", "--pgdata", target, "--write-recovery-conf", "--checkpoint=fast", "-d", source)
        return standby

    def start(self) -> None:
        """Returns when it answers."""
        given = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        options = [f"--{name}={value}" for name, value in (given | self.settings).items()]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", str(self.directory / "data"), *options],
                cwd="/", env=_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_identity(),
            )  # fmt: skip
        self._wait_until_ready()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT stops it fast, SIGQUIT immediately; SIGKILL kills its first process, and the others follow."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(READY_SECONDS)
            self.process = None

    def promote(self) -> None:
        self._run("pg_ctl", "promote", "-w", "-D", str(self.directory / "data"))

    def url(self, name: str, role: str = "postgres") -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{name}"

    def connection(self, name: str = "postgres") -> psycopg.Connection[Any]:
        """A superuser's, which commits by itself."""
        return psycopg.connect(self.url(name), autocommit=True, connect_timeout=10)

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.connection().close()
            except psycopg.OperationalError:
                assert self.process is not None
                if self.process.poll() is not None:  # shared memory of one that was killed is in use for a moment
                    time.sleep(0.2)
                    self.start()
                    return
                assert time.monotonic() < until, (self.directory / "log").read_text()[-2000:]
                time.sleep(0.02)
            else:
                return

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.programs / program, *arguments],
            cwd="/", env=_environment(), capture_output=True, text=True, check=False, **_identity(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def _own(self, directory: Path) -> None:
        directory.mkdir(mode=0o700)
        identity = _identity()
        if identity:
            shutil.chown(directory, identity["user"], identity["group"])
            directory.parent.chmod(directory.parent.stat().st_mode | 0o011)


def _identity() -> dict[str, Any]:
    return account.of(os.geteuid()).identity()


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C"}
