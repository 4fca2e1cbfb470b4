"""A witness over HTTP: one path, small bodies, threads that end."""

from __future__ import annotations

import signal
import socket
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from handrail.audit.witness import protocol
from handrail.audit.witness.deciding import PLAIN, Witness, WitnessReply
from handrail.kernel.errors import Misconfigured

# A client that sends nothing, or a byte now and then, must not hold a thread for ever; nor many of them all.
IDLE_SECONDS = 10
LONGEST_SECONDS = 60.0
MOST_AT_ONCE = 32
MOST_CONNECTIONS = 4 * MOST_AT_ONCE


class WitnessServer(ThreadingHTTPServer):
    """``serve`` runs one; its port is in ``url``."""

    daemon_threads = True
    allow_reuse_address = True
    allow_reuse_port = False

    def __init__(self, address: tuple[str, int], witness: Witness, *, longest_seconds: float = LONGEST_SECONDS) -> None:
        super().__init__(address, _WitnessHandler)
        self.witness = witness
        self.places = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._longest_seconds = longest_seconds
        self._began: dict[Any, float] = {}
        self._counting = threading.Lock()

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._counting:
            full = len(self._began) >= MOST_CONNECTIONS
            if not full:
                self._began[request] = time.monotonic()
        if full:
            super().shutdown_request(request)
            return
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._counting:
            self._began.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Cuts connections that have been open for too long, whatever they send."""
        with self._counting:
            for request, began in self._began.items():
                if time.monotonic() - began > self._longest_seconds:
                    with suppress(OSError):
                        request.shutdown(socket.SHUT_RDWR)

    def is_old(self, request: Any) -> bool:
        """Whether the connection should end with its next answer, before it is cut in the middle of one."""
        return time.monotonic() - self._began.get(request, 0.0) > self._longest_seconds / 2

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that went away says nothing about the witness."""


class _WitnessHandler(BaseHTTPRequestHandler):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "handrail-witness", ""
    timeout = IDLE_SECONDS

    def do_POST(self) -> None:
        if not self.server.places.acquire(blocking=False):
            self._send(WitnessReply(HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests at once.\n"), close=True)
            return
        try:
            self._send(*self._answer())
        finally:
            self.server.places.release()

    def _answer(self) -> tuple[WitnessReply, bool]:
        """The reply, and whether the connection ends with it: it does where a body was left unread."""
        announced = self.headers.get("content-length", "")
        if self.headers.get("transfer-encoding") or not (announced.isascii() and announced.isdecimal()):
            return WitnessReply(HTTPStatus.LENGTH_REQUIRED, "Send the body with a Content-Length.\n"), True
        if len(announced) > len(str(protocol.MAX_BYTES)) or int(announced) > protocol.MAX_BYTES:
            return WitnessReply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {protocol.MAX_BYTES} bytes.\n"), True
        body = self.rfile.read(int(announced))
        if len(body) < int(announced):
            return WitnessReply(HTTPStatus.BAD_REQUEST, "The body ended early.\n"), True
        if self.path != protocol.PATH:
            return WitnessReply(HTTPStatus.NOT_FOUND, f"Only {protocol.PATH} is here.\n"), False
        return self.server.witness.add_checkpoint(body), False

    def _send(self, reply: WitnessReply, close: bool) -> None:
        data = reply.body.encode()
        self.close_connection = self.close_connection or close or self.server.is_old(self.connection)
        self.send_response(reply.status)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Content-Type", reply.content_type or PLAIN)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged of who asks."""


def serve(witness: Witness, *, host: str, port: int) -> None:
    """Until SIGTERM or SIGINT. Prints the address, which names the port where 0 was asked for.

    Raises Misconfigured when it can't listen.
    """
    try:
        server = WitnessServer((host, port), witness)
    except OSError as error:
        raise Misconfigured(f"{host}:{port} can't be listened on: {error.strerror}.", code="witness-port") from None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"{witness.name} listens on {server.url}", flush=True)  # noqa: T201 - its output
    with server:
        server.serve_forever(poll_interval=0.2)
