"""A real, certified OpenID provider (npm oidc-provider), thrown away after the tests.

Use it with ``with running_openid_provider(redirect) as provider``. Where it is not installed, ``require`` skips the
tests with the command that installs it; with CI=true in the environment they fail instead.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urljoin
from urllib.request import urlopen

import httpx2

HERE = Path(__file__).parent
PLACE = HERE.parents[1] / "var" / "peers" / "oidc-provider"
INSTALL = "sudo apt-get update && sudo tests/peers/oidc-provider-install"
CLIENT, SECRET = "handrail", "secret of handrail: 100 %"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
MOST_STEPS = 12


class Failed(RuntimeError):
    """The provider did not come up, or led somewhere unexpected."""


@dataclass(slots=True)
class OpenIdProvider:
    url: str
    process: subprocess.Popen[bytes]
    visited: list[str] = field(default_factory=list)

    def log_in(self, start: str, person: str, *, until: str) -> str:
        """As a browser: from ``start`` through the provider's pages, as ``person``. The address of ours, beginning with
        ``until``, to which the provider leads back."""
        with httpx2.Client(follow_redirects=False, timeout=20) as browser:
            answer = browser.get(start)
            for _ in range(MOST_STEPS):
                self.visited.append(str(answer.url))
                if answer.is_redirect:
                    there = urljoin(str(answer.url), answer.headers["Location"])
                    if there.startswith(until):
                        return there
                    answer = browser.get(there)
                    continue
                form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
                if answer.status_code != 200 or form is None:
                    raise Failed(f"{answer.status_code} at {answer.url}: {answer.text[:500]}")
                prompt = "login" if 'name="login"' in answer.text else "consent"
                fields = {"prompt": prompt, "login": person, "password": "any"}
                answer = browser.post(urljoin(str(answer.url), form[1]), data=fields)
        raise Failed(f"no way back after {MOST_STEPS} steps: {self.visited[-3:]}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_SECONDS)


def why_absent() -> str | None:
    """Why no provider can be started here, with the command that helps; None when it can."""
    if shutil.which("node") is None or not (PLACE / "node_modules" / "oidc-provider").is_dir():
        return f"The OpenID provider is not installed. Install it with: {INSTALL}"
    return None


@contextmanager
def running_openid_provider(redirect: str, **environment: str) -> Iterator[OpenIdProvider]:
    """A provider with one client, whose redirect address is ``redirect``. ``environment``: see ``provider.mjs``."""
    shutil.copy(HERE / "oidc-provider" / "provider.mjs", PLACE)
    port = _free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            ["node", str(PLACE / "provider.mjs"), str(port), redirect],
            cwd=PLACE,
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )
        provider = OpenIdProvider(f"http://127.0.0.1:{port}", process)
        try:
            if not _is_up(provider):
                log.seek(0)
                raise Failed(f"The OpenID provider did not start:\n{log.read().decode(errors='replace')[-2000:]}")
            yield provider
        finally:
            provider.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_up(provider: OpenIdProvider) -> bool:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and provider.process.poll() is None:
        try:
            with urlopen(provider.url + "/.well-known/openid-configuration", timeout=5):
                return True
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    return False
