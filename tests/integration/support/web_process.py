"""``handrail web`` as a process of its own, and a browser's worth of HTTP before it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from handrail.access.models import User
from tests import databases
from tests.factories import clocks, forks
from tests.factories.rows import PASSWORD

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 120
PATIENCE_SECONDS = 60
CONFIG = """
[web]
port = {port}
https = {https}
trusted_proxies = {proxies}

[desk]
name = "Example Desk"
base_url = "{desk}"
budget_seconds = {budget}
reference_pattern = "T-[0-9]+"
reference_example = "T-12"
create = {{ path = "/tickets", body = {{ title = "{{subject}}" }}, reference = "/key" }}
check = [{{ path = "/me" }}]
"""


@dataclass(frozen=True, slots=True)
class Web:
    """One installation: its address, and the environment in which its processes are started."""

    base: str
    environment: dict[str, str]

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        """The server, from when it answers, in a group of its own; all of the group is killed at the end."""
        command = [sys.executable, "-m", "handrail", "web"]
        process = subprocess.Popen(command, env=self.environment, cwd=ROOT, start_new_session=True)
        try:
            end = time.monotonic() + START_SECONDS
            while not self._answers():
                assert process.poll() is None, "handrail web ended"
                assert time.monotonic() < end, "handrail web did not start"
                time.sleep(0.1)
            yield process
        finally:
            kill(process)

    def _answers(self) -> bool:
        try:
            return httpx2.get(f"{self.base}/healthz", trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False


def installation(
    *,
    database: str,
    directory: Path,
    desk: str = "http://127.0.0.1:9",
    budget_seconds: float = 3.0,
    https: bool = False,
    proxies: int = 0,
    more: str = "",
    seconds_ahead: float = 0,
) -> Web:
    """``more``: for the configuration. ``seconds_ahead``: by how much the machine's clock is wrong."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = directory / "handrail.toml"
    text = CONFIG.format(port=port, desk=desk, budget=budget_seconds, https=str(https).lower(), proxies=proxies)
    config.write_text(text + more)
    forks.share_keys(directory)
    environment = {
        **os.environ,
        "HANDRAIL_CONFIG": str(config),
        "HANDRAIL_STATE_DIR": str(directory),
        "DATABASE_URL": databases.as_serving(database),
        "DJANGO_SETTINGS_MODULE": "handrail.conf.settings",
    }
    if seconds_ahead:
        environment |= {"SECONDS_AHEAD": str(seconds_ahead), "PYTHONPATH": str(Path(clocks.__file__).parent)}
    return Web(f"http://127.0.0.1:{port}", environment)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Without warning, with every process that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)


def log_in(base: str, email: str) -> httpx2.Cookies:
    """The cookies of a session. The server takes no hash as quick as the tests' own, so the password gets another."""
    encoded = PBKDF2PasswordHasher().encode(PASSWORD, "salt", iterations=1)
    assert User.objects.filter(email=email).update(password=encoded) == 1
    with httpx2.Client(base_url=base, timeout=PATIENCE_SECONDS, follow_redirects=True, trust_env=False) as client:
        token = _value("csrfmiddlewaretoken", client.get("/accounts/login/").text)
        given = {"login": email, "password": PASSWORD, "csrfmiddlewaretoken": token}
        assert client.post("/accounts/login/", data=given).url.path == "/admin"
        return client.cookies


def tab(base: str, cookies: httpx2.Cookies) -> httpx2.Client:
    """A browser's tab that is logged in and follows nothing by itself."""
    return httpx2.Client(base_url=base, cookies=cookies, timeout=PATIENCE_SECONDS, trust_env=False)


def form(client: httpx2.Client, path: str) -> dict[str, str]:
    """The form of ``path`` as opened now, filled in."""
    body = client.get(f"{path}?support=open").text
    return {name: _value(name, body) for name in ("submission_key", "csrfmiddlewaretoken")} | {
        "summary": "Roles are missing",
        "severity": "high",
        "mode": "create_external_ticket",
        "attachment": "redacted_context",
    }


def _value(name: str, body: str) -> str:
    found = re.search(f'name="{name}" value="([^"]+)"', body)
    assert found, f"no {name} on the page"
    return found[1]
