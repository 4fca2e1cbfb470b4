"""The practice estate as a local server: one port, one thread a connection, control of the socket for the faults."""

from __future__ import annotations

import hmac
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qsl, unquote, urlsplit

from handrail.kernel.errors import Invalid, Misconfigured
from handrail.sandbox import wire
from handrail.sandbox.estate import PRACTICE_TOKENS, Estate
from handrail.sandbox.wire import BadRequest, Channel, Reply, Request

MAX_BODY_BYTES = 64 * 1024 * 1024
# How long an idle connection is kept; a client that never speaks must not hold a thread for ever.
IDLE_SECONDS = 60


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    allow_reuse_address = True
    allow_reuse_port = False  # a second estate must not take half of the first one's requests

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Handler)
        self.stopping = threading.Event()
        self.estate: Estate

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that went away is what the faults are for; nothing is printed."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS

    def _answer(self) -> None:
        channel = Channel(self.connection, self.server.stopping)
        if not self._reply().send(channel):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 — the base class looks for these

    def _reply(self) -> Reply:
        announced = self.headers.get("content-length", "0")
        if self.headers.get("transfer-encoding") or not announced.isdigit():
            self.close_connection = True
            return wire.problem(411, "length-required", "Send the body with a Content-Length.")
        if int(announced) > MAX_BODY_BYTES:
            self.close_connection = True
            return wire.problem(413, "too-large", f"At most {MAX_BODY_BYTES} bytes.")
        url = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=url.path,
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(announced)),
        )
        return _dispatch(self.server.estate, request)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged: paths and headers may hold planted secrets."""


def _dispatch(estate: Estate, request: Request) -> Reply:
    found, known = estate.router.find(request.method, request.path)
    if found is None:
        return wire.problem(405 if known else 404, "not-found", f"Nothing at {request.method} {unquote(request.path)}.")
    service = found.route.service
    if service and not _authorised(request, estate.tokens[service]):
        return wire.json_reply(401, {"error": "unauthorised"}, www_authenticate="Bearer")
    estate.effects.called(service or "open")
    try:
        return found.route.handler(
            Request(request.method, request.path, request.query, request.headers, request.body, found.params)
        )
    except BadRequest as error:
        return wire.problem(400, "bad-request", f"{error}.")


def _authorised(request: Request, token: str) -> bool:
    given = request.headers.get("authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())


class Sandbox:
    """A running practice estate; as a context manager it ends with the block. ``port`` 0 takes any free one.

    Raises Invalid when ``host`` is not a loopback address, Misconfigured when the port is taken or a token is missing.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tokens: Mapping[str, str] = PRACTICE_TOKENS,
        ledger_path: Path | None = None,
    ) -> None:
        missing = sorted(set(PRACTICE_TOKENS) - set(tokens))
        if missing:
            raise Misconfigured(f"The practice estate needs a token for {', '.join(missing)}.", code="sandbox-token")
        try:
            loopback = ip_address(host).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise Invalid(f"The practice estate listens on loopback only, not on {host}. Use 127.0.0.1.")
        try:
            self._server = _Server((host, port))
        except OSError as error:
            raise Misconfigured(
                f"Port {port} of {host} can't be used: {error.strerror}.", code="sandbox-port"
            ) from None
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self._server.estate = self.estate = Estate(url=self.url, tokens=tokens, ledger_path=ledger_path)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Sandbox:
        self._thread.start()
        self.estate.reset()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(
    host: str = "127.0.0.1",
    port: int = 8900,
    *,
    tokens: Mapping[str, str] = PRACTICE_TOKENS,
    ledger_path: Path | None = None,
    ready: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Serves until Ctrl-C, SIGTERM or ``stop``. ``ready`` is called with the URL once requests are answered.

    ``tokens`` has one bearer token for each name in ``PRACTICE_TOKENS``. Raises what ``Sandbox`` raises.
    """
    ended = stop or threading.Event()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with Sandbox(host, port, tokens=tokens, ledger_path=ledger_path) as sandbox, suppress(KeyboardInterrupt):
        if ready is not None:
            ready(sandbox.url)
        ended.wait()
