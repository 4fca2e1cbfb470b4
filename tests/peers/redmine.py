"""A real Redmine 5, thrown away after the tests: an application, a database, a port and accounts of its own.

Where Redmine is not installed the tests are skipped with the command that installs it; with CI=true in the environment
they fail instead.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.peers.request_tracker import Failed, _free_port

HERE = Path(__file__).parent
APPLICATION = Path("/usr/share/redmine/bin/rails")
TEMPLATE = Path("/var/lib/dbconfig-common/sqlite3/redmine/instances/default/redmine_default")
PUMA = Path("/usr/bin/puma")
INSTALL = "sudo apt-get update && sudo tests/peers/redmine-install"
START_SECONDS, STOP_SECONDS = 120.0, 10.0


@dataclass(slots=True)
class Redmine:
    """``accounts``: tokens by name, and the ids of field, tracker and statuses."""

    base_url: str
    accounts: dict[str, str]


def why_absent() -> str | None:
    """Why no Redmine can be started here, with the command that helps; None when it can."""
    if not (APPLICATION.exists() and TEMPLATE.exists() and PUMA.exists()):
        return f"Redmine is not installed. Install it with: {INSTALL}"
    if os.geteuid() != 0:
        return "Redmine runs as www-data here, so its tests must be started as root"
    return None


@contextmanager
def running_redmine() -> Iterator[Redmine]:
    """A Redmine for the length of a ``with`` block. Raises Failed with the end of its log."""
    folder = Path(tempfile.mkdtemp(prefix="handrail-redmine-", dir="/var/tmp"))
    folder.chmod(0o755)
    port = _free_port()
    with (folder / "out").open("wb") as log:
        process = subprocess.Popen(
            [str(HERE / "redmine-serve"), str(folder), str(port)], stdout=log, stderr=log, start_new_session=True
        )
    found = Redmine(f"http://127.0.0.1:{port}", {})
    try:
        _wait_until_up(found, process, folder)
        found.accounts |= dict(line.split() for line in (folder / "accounts").read_text().splitlines())
        yield found
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_up(redmine: Redmine, process: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urlopen(redmine.base_url + "/login", timeout=10):
                return
        except HTTPError:
            return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.3)
    raise Failed(f"Redmine did not start:\n{(folder / 'out').read_text(errors='replace')[-2000:]}")
