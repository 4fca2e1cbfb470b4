"""A real Request Tracker 5, thrown away after the tests: a database, a port and accounts of its own.

Use it with ``from tests.peers.request_tracker import request_tracker`` (a session fixture). Where RT is not installed
the tests are skipped with the command that installs it; with CI=true in the environment they fail instead.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

HERE = Path(__file__).parent
SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
TEMPLATE = Path("/var/lib/dbconfig-common/sqlite3/request-tracker5/rtdb")
INSTALL = "sudo apt-get update && sudo tests/peers/rt5-install"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
QUEUE = "Support"


class Failed(RuntimeError):
    """RT did not come up."""


@dataclass(slots=True)
class RequestTracker:
    """A running desk. ``token`` may create tickets in the queue Support; ``onlooker_token`` may only see it.
    ``tasks_token`` may change those of the queue Remediation; ``watcher_token`` may only see them."""

    base_url: str
    token: str
    onlooker_token: str
    process: subprocess.Popen[bytes]
    tasks_token: str = ""
    watcher_token: str = ""

    def get(self, path: str, **query: str) -> Any:
        """The JSON answer to a GET as the service account."""
        url = self.base_url + path + ("?" + urlencode(query) if query else "")
        request = Request(url, headers={"Authorization": f"token {self.token}"})
        with urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def find_by_key(self, key: str) -> list[dict[str, Any]]:
        """The tickets whose custom field HandrailKey is ``key``: id, Subject, CustomFields."""
        found = self.get(
            "/REST/2.0/tickets", query=f"CF.{{HandrailKey}} = '{key}'", fields="Subject,CustomFields,Requestor"
        )
        return list(found["items"])

    def find_by_subject(self, words: str) -> list[dict[str, Any]]:
        """The tickets whose subject holds ``words``."""
        return list(self.get("/REST/2.0/tickets", query=f"Subject LIKE '{words}'", fields="Subject")["items"])

    def count(self) -> int:
        """How many tickets there are in the queue."""
        return int(self.get("/REST/2.0/tickets", query=f"Queue = '{QUEUE}'", per_page="1")["total"])

    def first_message(self, ticket: str) -> str:
        """The text with which a ticket was created."""
        history = self.get(f"/REST/2.0/ticket/{ticket}/history", fields="Type")
        created = next(item["id"] for item in history["items"] if item["Type"] == "Create")
        attachments = self.get(f"/REST/2.0/transaction/{created}/attachments", fields="Content,ContentType")
        content = next(item["Content"] for item in attachments["items"] if item["ContentType"] == "text/plain")
        return str(content)

    def page_title(self, url: str) -> str:
        """The title of a ticket's page as a person sees it, logged in as root."""
        login = Request(
            self.base_url + "/NoAuth/Login.html", data=urlencode({"user": "root", "pass": "password"}).encode()
        )
        with urlopen(login, timeout=20) as answer:
            cookie = answer.headers["Set-Cookie"].partition(";")[0]
        with urlopen(Request(url, headers={"Cookie": cookie}), timeout=20) as answer:
            page = answer.read().decode()
        return page.partition("<title>")[2].partition("</title>")[0].strip()

    def stop(self) -> None:
        """End the server and its workers."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(STOP_SECONDS)


def why_absent() -> str | None:
    """Why no Request Tracker can be started here, with the command that helps; None when it can."""
    if not (SERVER.exists() and TEMPLATE.exists()):
        return f"Request Tracker 5 is not installed. Install it with: {INSTALL}"
    if os.geteuid() != 0:
        return "Request Tracker runs as www-data here, so its tests must be started as root"
    return None


def require(why_absent: str | None, *, in_ci: bool) -> None:
    """Skip the test with the reason, or fail it where everything is meant to be installed."""
    if why_absent and in_ci:
        pytest.fail(why_absent)
    if why_absent:
        pytest.skip(why_absent)


@contextmanager
def running_request_tracker() -> Iterator[RequestTracker]:
    """A Request Tracker for the length of a ``with`` block. Raises Failed with the end of its log."""
    folder = Path(tempfile.mkdtemp(prefix="handrail-rt-", dir="/var/tmp"))
    folder.chmod(0o755)
    port = _free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(HERE / "rt5-serve"), str(folder), str(port)], stdout=log, stderr=log, start_new_session=True
        )
    desk = RequestTracker(f"http://127.0.0.1:{port}", "", "", process)
    try:
        _wait_until_up(desk, folder)
        accounts = dict(line.split() for line in (folder / "accounts").read_text().splitlines())
        desk.token, desk.onlooker_token = accounts["handrail"], accounts["onlooker"]
        desk.tasks_token, desk.watcher_token = accounts["tasks"], accounts["watcher"]
        yield desk
    finally:
        desk.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def request_tracker() -> Iterator[RequestTracker]:
    """The session's desk, shared by its tests: each looks for tickets by a key of its own."""
    require(why_absent(), in_ci=os.environ.get("CI") == "true")
    with running_request_tracker() as desk:
        yield desk


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(desk: RequestTracker, folder: Path) -> None:
    """RT answers 401 to a stranger as soon as it serves."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and desk.process.poll() is None:
        try:
            with urlopen(desk.base_url + "/NoAuth/Login.html", timeout=5):
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise Failed(f"Request Tracker did not start:\n{(folder / 'log').read_text(errors='replace')[-2000:]}")
