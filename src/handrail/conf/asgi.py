"""The application that the web server runs: ``wsgi.application``, called where headers have the names they came with.

WSGI writes each ``-`` of a name as ``_``: there the ``X_Forwarded_For`` of a client looks like the
``X-Forwarded-For`` of the proxy in front, and the later of both counts. Here they differ, and a header with ``_`` in
its name is left out, as nginx, Gunicorn and Django's own servers do (https://www.rfc-editor.org/rfc/rfc9110 17.10).
"""

from __future__ import annotations

import asyncio
import contextvars
import io
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote_to_bytes

from handrail.conf import config
from handrail.conf.wsgi import application as wsgi
from handrail.worker import clocks

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# As https://asgi.readthedocs.io/en/latest/specs/www.html has them.
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
T = TypeVar("T")

# How long a client may let a thread wait for the next piece of a body, or not take one.
STALLED_SECONDS = 30.0
_UNPREFIXED = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})


class Bridge:
    """A WSGI application as an ASGI one, in at most ``threads`` threads. Requests beyond that wait in order."""

    def __init__(self, application: WSGIApplication, *, threads: int) -> None:
        self._application = application
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        client = _Client(asyncio.get_running_loop(), receive, send)
        fresh = contextvars.copy_context()  # what one request binds, the next one of this thread does not find
        await asyncio.get_running_loop().run_in_executor(self._pool, fresh.run, self._answer, scope, client)

    def _answer(self, scope: Message, client: _Client) -> None:
        begun: list[Message] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], Any]:  # noqa: ARG001
            sent = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            begun[:] = [{"type": "http.response.start", "status": int(status[:3]), "headers": sent}]
            return _no_write

        parts = self._application(environ(scope, client), start_response)
        try:
            for message in _bodies(parts):
                client.send(*begun, message)
                begun.clear()
        finally:
            getattr(parts, "close", _nothing)()


class _Client:
    """The other end of a request, for the thread that answers it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, receive: Receive, send: Send) -> None:
        self._loop, self._receive, self._send = loop, receive, send

    def receive(self) -> Message:
        return self._done(self._receive_one())

    def send(self, *messages: Message) -> None:
        self._done(self._send_all(messages))

    async def _receive_one(self) -> Message:
        async with asyncio.timeout(STALLED_SECONDS):
            return await self._receive()

    async def _send_all(self, messages: Iterable[Message]) -> None:
        async with asyncio.timeout(STALLED_SECONDS):
            for message in messages:
                await self._send(message)

    def _done(self, what: Coroutine[Any, Any, T]) -> T:
        """Raises TimeoutError, which is an OSError, when the client does nothing for too long."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()


class _Body(io.RawIOBase):
    """The body as it comes in. Raises OSError when the client has gone or stalls before its end: a form that was cut
    off must not be taken for a whole one."""

    def __init__(self, client: _Client) -> None:
        self._client, self._rest, self._more = client, memoryview(b""), True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and self._more:
            message = self._client.receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError("The client has gone.")
            self._rest, self._more = memoryview(message.get("body", b"")), message.get("more_body", False)
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def environ(scope: Message, client: _Client) -> dict[str, Any]:
    """The WSGI environment (PEP 3333) of an ASGI request. Nothing of the process's own environment is in it."""
    server, port = scope.get("server") or ("localhost", 0)
    found = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": str(server),
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": str((scope.get("client") or ("", 0))[0]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BufferedReader(_Body(client), io.DEFAULT_BUFFER_SIZE),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in headers(scope["headers"]):
        joint = ";" if name == "HTTP_COOKIE" else ","
        found[name] = f"{found[name]}{joint} {value}" if name in found else value
    return found


def headers(raw: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    """Names as WSGI has them, with values, in order; without those that another name could be taken for."""
    for name, value in raw:
        if b"_" in name:
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        yield key if key in _UNPREFIXED else f"HTTP_{key}", value.decode("latin-1")


def _bodies(parts: Iterable[bytes]) -> Iterator[Message]:
    """One message for each part, the last of them marked; one for no part."""
    before: bytes | None = None
    for part in parts:
        if before is not None:
            yield {"type": "http.response.body", "body": before, "more_body": True}
        before = part
    yield {"type": "http.response.body", "body": before or b"", "more_body": False}


def _no_write(_: bytes) -> None:
    raise NotImplementedError("Django returns what is to be sent")


def _nothing() -> None:
    """For a body that needs no closing."""


def serve() -> Bridge:
    """For the process that serves: it also compares its clock with the database's, now and then."""
    clocks.keep_reporting("web")
    return Bridge(wsgi, threads=config.load().web.threads)
