"""Three recorders on the corpus's site: Playwright's, Chromium's own events, and mitmproxy between browser and site."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Error, Page, Playwright

from tests.corpus.scenarios import DISTRUSTED, SCENARIOS, Act

CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))), None)
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--no-first-run",
)
EVENTS = (
    "Page.loadEventFired", "Page.domContentEventFired", "Page.frameStartedLoading", "Page.frameAttached",
    "Page.frameScheduledNavigation", "Page.navigatedWithinDocument", "Network.requestWillBeSent",
    "Network.requestServedFromCache", "Network.dataReceived", "Network.responseReceived",
    "Network.resourceChangedPriority", "Network.loadingFinished", "Network.loadingFailed",
    "Network.requestWillBeSentExtraInfo", "Network.responseReceivedExtraInfo",
    "Network.webSocketWillSendHandshakeRequest",
    "Network.webSocketHandshakeResponseReceived", "Network.webSocketClosed", "Network.webSocketFrameSent",
    "Network.webSocketFrameReceived", "Network.webSocketCreated",
)  # fmt: skip
_START_SECONDS, _STOP_SECONDS = 20, 20


@contextmanager
def browser(playwright: Playwright, port: int) -> Iterator[Browser]:
    rules = f"MAP *.cedar.example:443 127.0.0.1:{port}, MAP *.cedar.internal:443 127.0.0.1:{port}"
    assert CHROMIUM is not None
    one = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, f"--host-resolver-rules={rules}"])
    try:
        yield one
    finally:
        one.close()


def record(
    one: Browser, act: Act, har: Path, *, trusted: bool, proxy: int = 0, events: bool = True, **options: Any
) -> list[Any]:
    """Does ``act`` in a fresh context that Playwright records into ``har``; what Chromium reported meanwhile."""
    through = {"proxy": {"server": f"http://127.0.0.1:{proxy}"}} if proxy else {}
    context = one.new_context(ignore_https_errors=trusted, record_har_path=har, **through, **options)
    page = context.new_page()
    messages: list[Any] = []
    if events:
        _listen(context.new_cdp_session(page), messages)
    with suppress(Error):
        act(page)
    _settle(page)
    context.close()
    return messages


def _listen(session: CDPSession, messages: list[Any]) -> None:
    for event in EVENTS:
        session.on(event, lambda params, event=event: messages.append({"method": event, "params": params}))
    session.send("Page.enable")
    session.send("Network.enable")


def _settle(page: Page) -> None:
    with suppress(Error):
        page.wait_for_load_state("networkidle", timeout=3_000)
        page.wait_for_timeout(150)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def mitmproxy(program: Path, har: Path, site: int, folder: Path) -> Iterator[int]:
    """mitmproxy before the site, which writes ``har`` when it ends. Its port."""
    port = free_port()
    steer = folder / "steer.py"
    steer.write_text(
        "def server_connect(data):\n"
        "    if data.server.address[0].endswith(('.cedar.example', '.cedar.internal')):\n"
        f"        data.server.address = ('127.0.0.1', {site})\n"
    )
    command = [program, "-q", "--listen-port", str(port), "--listen-host", "127.0.0.1", "--ssl-insecure", "-s", steer]
    command += ["--set", f"hardump={har}", "--set", f"confdir={folder / 'mitm'}", "--set", "connection_strategy=lazy"]
    process = subprocess.Popen([str(part) for part in command])
    try:
        _until_open(port)
        yield port
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def _until_open(port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.05)
    raise RuntimeError("mitmproxy did not start")


def all_captures(
    playwright: Playwright, site: int, folder: Path, tools: Path | None
) -> Iterator[tuple[str, str, Path]]:
    """Name, recorder and file of each capture. ``tools``: where mitmproxy and chrome-har are, None without them."""
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    acts = {**SCENARIOS, **DISTRUSTED}
    with browser(playwright, site) as one:
        for number, (name, act) in enumerate(acts.items()):
            trusted, har = name not in DISTRUSTED, folder / f"playwright-{name}.har"
            mode = (
                {"record_har_mode": "minimal"}
                if number % 6 == 5
                else {"record_har_content": ("embed", "omit")[number % 2]}
            )
            events = record(one, act, har, trusted=trusted, **mode)
            yield name, "Playwright", har
            if tools is not None and (made := _from_events(events, folder / f"chromium-{name}.har", work, tools)):
                yield name, "Chromium (chrome-har)", made
    if tools is None:
        return
    with browser(playwright, site) as one:
        for name, act in SCENARIOS.items():
            har = folder / f"mitmproxy-{name}.har"
            with mitmproxy(tools / "env/bin/mitmdump", har, site, work) as port:
                record(one, act, work / "spare.har", trusted=True, proxy=port, events=False)
            if har.exists():
                yield name, "mitmproxy", har


def _from_events(events: list[Any], har: Path, work: Path, tools: Path) -> Path | None:
    if not events:
        return None
    listed = work / "events.json"
    listed.write_text(json.dumps(events, default=lambda raw: base64.b64encode(raw).decode()))
    done = subprocess.run(["node", tools / "node/events_to_har.js", listed], capture_output=True, check=False)
    if done.returncode or not json.loads(done.stdout or "{}").get("log", {}).get("entries"):
        return None
    har.write_bytes(done.stdout)
    return har
