"""A small desk for tests, and a peer that answers with given bytes."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from threading import Event, Thread
from typing import Any

import pytest

from handrail.connectors.desk import Desk, DeskConfig, Severity, TicketDraft
from handrail.kernel.secrets import Secrets

REFERENCE = "SR-7K3M9QX2ZA"
SECTION: dict[str, Any] = {
    "name": "Example Desk",
    "base_url": "http://127.0.0.1:9",
    "auth": {"kind": "bearer", "secret": "env:TOKEN"},
    "reference_pattern": "T-[0-9]{1,6}",
    "reference_example": "T-12",
    "create": {"path": "/tickets", "body": {"title": "{subject}", "text": "{body}"}, "reference": "/key"},
    "web": {"url": "{base_url}/t/{reference}"},
    "link": {"urls": ["{base_url}/t/{reference}"]},
    "check": [{"path": "/me", "expect": "active"}],
}


def desk_section(**own: Any) -> dict[str, Any]:
    """The small desk's section, with keys of your own over it."""
    return {**SECTION, **own}


def open_desk(**own: Any) -> Desk:
    """The small desk, opened."""
    return Desk(DeskConfig.model_validate(desk_section(**own)), Secrets({"TOKEN": "s3cret"}))


@pytest.fixture
def draft() -> TicketDraft:
    return TicketDraft(REFERENCE, "Roles are missing", "Text", Severity.NORMAL, "Ana", "ana@example.com", "Acme")


Script = Sequence[bytes | float]


class Peer:
    """Accepts connections, reads each request, then plays its script: bytes are sent, numbers are pauses in seconds."""

    def __init__(self, script: Script, *, hang: bool = False, listens: bool = True) -> None:
        """``hang`` keeps the connection after the script; without ``listens`` it plays before anything was asked."""
        self._script, self._hang, self._listens = script, hang, listens
        self._stopped = Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self._threads = [Thread(target=self._accept, daemon=True)]
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Peer:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                caller, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = Thread(target=self._play, args=(caller,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _play(self, caller: socket.socket) -> None:
        with caller:
            caller.settimeout(5)
            try:
                if self._listens:
                    self.requests.append(_request(caller))
                for step in self._script:
                    if isinstance(step, bytes):
                        caller.sendall(step)
                    elif self._stopped.wait(step):
                        return
                if self._hang:
                    self._stopped.wait()
            except OSError:
                return  # the caller gave up, which is what some tests are about


def _request(caller: socket.socket) -> bytes:
    data = b""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        head, separator, body = data.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if separator and len(body) >= (int(lengths[0].partition(b":")[2]) if lengths else 0):
            return data
        chunk = caller.recv(65536)
        if not chunk:
            return data
        data += chunk
    return data


def answer(status: str, body: bytes, *, kind: str = "application/json", headers: str = "") -> bytes:
    """A whole HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body
