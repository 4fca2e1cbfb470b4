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
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig

from handrail.conf import config
from handrail.conf.wsgi import application as wsgi
from handrail.worker import clocks

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = structlog.get_logger("handrail.web")

# As https://asgi.readthedocs.io/en/latest/specs/www.html has them.
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# How long a client may do nothing: send no further piece of a body, or take none of an answer.
STALLED_SECONDS = 30.0
# How long a body may take in all. No thread waits for it, but a connection and a file are open.
BODY_SECONDS = 120.0
# Bodies up to here wait in memory, and in a temporary file beyond. Of answers, what is sent in one piece.
IN_MEMORY = 64 * 1024
# Answers up to here are handed to the server whole, so that no thread waits for a client that takes them slowly.
WHOLE_ANSWER = 1024 * 1024
DIGITS = 20  # more than any length has, and less than int() is slow for
_UNPREFIXED = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})


class Bridge:
    """A WSGI application as an ASGI one, in at most ``threads`` threads. Requests beyond that wait in order.

    A request gets a thread once its body is there, so clients that send slowly keep none from the others. Bodies over
    ``body_limit`` bytes, which is what Django refuses, are not read.
    """

    def __init__(self, application: WSGIApplication, *, threads: int, body_limit: int) -> None:
        self._application = application
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._body_limit = body_limit

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        client = _Client(loop, send)
        fresh = contextvars.copy_context()  # what one request binds, the next one of this thread does not find
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as held:
            try:
                whole = await _read(scope, receive, held, limit=self._body_limit)
            except OSError as error:  # a form that was cut off must not be taken for a whole one
                await client.refuse(408 if isinstance(error, TimeoutError) else 400)
                return
            body = _Body(held, whole=whole)
            await loop.run_in_executor(self._pool, fresh.run, self._answer, scope, body, client)

    def _answer(self, scope: Message, body: _Body, client: _Client) -> None:
        begun: list[Message] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], Any]:  # noqa: ARG001
            sent = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            begun[:] = [{"type": "http.response.start", "status": int(status[:3]), "headers": sent}]
            return _no_write

        parts = self._application(environ(scope, body), start_response)
        try:
            for message in _bodies(parts):
                client.send(*begun, message)
                begun.clear()
        finally:
            getattr(parts, "close", _nothing)()


async def _read(scope: Message, receive: Receive, into: IO[bytes], *, limit: int) -> bool:
    """Reads the body; False when it is over ``limit`` bytes. Raises TimeoutError when it takes too long, and
    ConnectionResetError when the client has gone, or sent something malformed."""
    if (_declared(scope) or 0) > limit:
        return False
    length, more = 0, True
    async with asyncio.timeout(BODY_SECONDS):
        while more:
            async with asyncio.timeout(STALLED_SECONDS):
                message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError("The client has gone.")
            piece, more = message.get("body", b""), message.get("more_body", False)
            length += len(piece)
            if length > limit:
                return False
            into.write(piece)
    return True


def _declared(scope: Message) -> int | None:
    """The length that the client says its body has; None without one that can be read."""
    stated = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
    return int(stated[0]) if stated and stated[0].isdigit() and len(stated[0]) < DIGITS else None


class _Client:
    """The other end of a request, for the thread that answers it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Send) -> None:
        self._loop, self._send = loop, send

    def send(self, *messages: Message) -> None:
        """Raises TimeoutError, which is an OSError, when the client does nothing for too long."""
        asyncio.run_coroutine_threadsafe(self._send_all(messages), self._loop).result()

    async def refuse(self, status: int) -> None:
        """Answers without the application, for which there is no whole request, and ends the connection."""
        log.info("refused", code="incomplete-body", status=status)
        headers = [(b"connection", b"close"), (b"content-length", b"0")]
        start = {"type": "http.response.start", "status": status, "headers": headers}
        with suppress(OSError):
            await self._send_all([start, {"type": "http.response.body", "body": b"", "more_body": False}])

    async def _send_all(self, messages: Iterable[Message]) -> None:
        async with asyncio.timeout(STALLED_SECONDS):
            for message in messages:
                await self._send(message)


class _Body(io.RawIOBase):
    """The body that was read. Raises RequestDataTooBig at its end when it goes on beyond the limit."""

    def __init__(self, held: IO[bytes], *, whole: bool) -> None:
        self._held, self.whole, self.length = held, whole, held.tell()
        held.seek(0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._held.read(len(buffer))
        if not piece and not self.whole:
            raise RequestDataTooBig("The request body is over the limit.")
        buffer[: len(piece)] = piece
        return len(piece)


def environ(scope: Message, body: _Body) -> dict[str, Any]:
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
        "wsgi.input": io.BufferedReader(body, io.DEFAULT_BUFFER_SIZE),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in headers(scope["headers"]):
        joint = ";" if name == "HTTP_COOKIE" else ","
        found[name] = f"{found[name]}{joint} {value}" if name in found else value
    # Django reads as much as this says: also of a body in chunks, and one byte more of a body that is too big.
    found["CONTENT_LENGTH"] = str(body.length if body.whole else max(_declared(scope) or 0, body.length + 1))
    return found


def headers(raw: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    """Names as WSGI has them, with values, in order; without those that another name could be taken for."""
    for name, value in raw:
        if b"_" in name:
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        yield key if key in _UNPREFIXED else f"HTTP_{key}", value.decode("latin-1")


def _bodies(parts: Iterable[bytes]) -> Iterator[Message]:
    """One message for an answer that is not big; else pieces of it, the last of them marked."""
    held = bytearray()
    goes_on = False
    for part in parts:
        held += part
        if len(held) > (IN_MEMORY if goes_on else WHOLE_ANSWER):
            goes_on = True
            for begin in range(0, len(held), IN_MEMORY):
                yield {"type": "http.response.body", "body": bytes(held[begin : begin + IN_MEMORY]), "more_body": True}
            held.clear()
    yield {"type": "http.response.body", "body": bytes(held), "more_body": False}


def _no_write(_: bytes) -> None:
    raise NotImplementedError("Django returns what is to be sent")


def _nothing() -> None:
    """For a body that needs no closing."""


def serve() -> Bridge:
    """For the process that serves: it also compares its clock with the database's, now and then."""
    clocks.keep_reporting("web")
    return Bridge(wsgi, threads=config.load().web.threads, body_limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
