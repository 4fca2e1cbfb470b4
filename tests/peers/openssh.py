"""A real OpenSSH server on this machine, thrown away after the tests: keys, port and folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROGRAM = shutil.which("sshd", path="/usr/sbin:/usr/bin")
INSTALL = "sudo apt-get install openssh-server"
needs_sshd = pytest.mark.skipif(
    PROGRAM is None and not os.environ.get("CI"), reason=f"OpenSSH's server is not installed: {INSTALL}"
)
_SERVER = "internal-sftp"
# Everything else about a session is the server's own.
_LIMITED = (
    "import resource, os, sys; size = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)); "
    "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    "os.execv('/usr/lib/openssh/sftp-server', ['sftp-server'])"
)


@dataclass
class OpenSsh:
    """``folder``: what the account sees. ``key``: how it logs in. ``host_key``: as in known_hosts, without a name."""

    directory: Path
    port: int
    folder: Path
    key: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def host_key(self) -> str:
        return " ".join((self.directory / "host.pub").read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        said = subprocess.run(["ssh-keygen", "-lf", self.directory / "host.pub"], capture_output=True, check=True)
        return said.stdout.decode().split()[1]

    def section(self, **more: Any) -> dict[str, Any]:
        """What stands in handrail.toml."""
        own = {"kind": "sftp", "host": "127.0.0.1", "port": self.port, "user": _user(), "folder": str(self.folder)}
        login = {"host_keys": [self.host_key], "key": f"file:{self.key}", "deadline_seconds": 20}
        return own | login | more

    def start(self, *options: str) -> None:
        """Runs it, with ``options`` of sshd_config over its own."""
        self.stop()
        assert PROGRAM is not None, INSTALL
        system = () if any(option.startswith("Subsystem") for option in options) else (f"Subsystem=sftp {_SERVER}",)
        given = [word for option in (*options, *system) for word in ("-o", option)]
        command = [PROGRAM, "-D", "-e", "-f", str(self.directory / "config"), *given]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log)
        until = time.monotonic() + 20
        while time.monotonic() < until and self.process.poll() is None:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            time.sleep(0.05)
        raise RuntimeError((self.directory / "log").read_text())

    def with_full_disk(self, size: int) -> None:
        """No file may be longer than ``size`` bytes: what is longer fails as on a full disk."""
        program = self.directory / "limited.py"
        program.write_text(_LIMITED)
        self.start(f"Subsystem=sftp {sys.executable} {program} {size}")

    def without(self, *requests: str) -> None:
        """It doesn't know these requests."""
        self.start(f"Subsystem=sftp {_SERVER} -P {','.join(requests)}")

    def with_fault(self, request: int, how: str, *types: int) -> None:
        """The ``request``-th request of the next session meets it (``sftp_faults``)."""
        fault: dict[str, Any] = {"request": request, "how": how}
        self.fault.write_text(json.dumps(fault | ({"types": types} if types else {})))

    def with_faults(self) -> None:
        """From now on ``with_fault`` counts."""
        program = Path(__file__).with_name("sftp_faults.py")
        self.start(f"Subsystem=sftp {sys.executable} -S -E {program} {self.fault}")

    @property
    def fault(self) -> Path:
        return self.directory / "fault"

    def sessions(self) -> list[list[int]]:
        """The types of the requests of each session so far."""
        log = self.fault.with_suffix(".log")
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def new_host_key(self) -> None:
        for suffix in ("", ".pub"):
            (self.directory / f"host{suffix}").unlink()
        make_key(self.directory / "host")
        self.start()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def make_key(file: Path, *more: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", file, *more], check=True)


@contextmanager
def running_openssh() -> Iterator[OpenSsh]:
    """For as long as the block runs."""
    directory = Path(tempfile.mkdtemp(prefix="handrail-sshd-", dir="/var/tmp"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name in ("host", "user"):
        make_key(directory / name)
    (directory / "lane of a vendor").mkdir()
    (directory / "authorized").write_text((directory / "user.pub").read_text())
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {directory / 'host'}",
        f"AuthorizedKeysFile {directory / 'authorized'}",
        f"PidFile {directory / 'pid'}",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "PermitRootLogin yes",
        "MaxStartups 100",
        "PerSourcePenalties no",
    ]
    config = directory / "config"
    config.write_text("\n".join(lines) + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    assert PROGRAM is not None, INSTALL
    if subprocess.run([PROGRAM, "-t", "-f", config], check=False, capture_output=True).returncode:
        config.write_text("\n".join(lines[:-1]) + "\n")  # before OpenSSH 9.8
    server = OpenSsh(directory, port, directory / "lane of a vendor", directory / "user")
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)
