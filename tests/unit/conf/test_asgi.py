"""Between web server and WSGI: names of headers, bodies that come in pieces or not at all, threads that are kept."""

from __future__ import annotations

import asyncio
import contextvars
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig

from handrail.conf import asgi

Environ = dict[str, Any]
SCOPE: dict[str, Any] = {
    "type": "http",
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "headers": [],
    "client": ("192.0.2.1", 40000),
    "server": ("127.0.0.1", 8000),
}
LIMIT = 200_000
BOUND: contextvars.ContextVar[str] = contextvars.ContextVar("BOUND", default="nothing")


def asked(
    application: Callable[..., Iterable[bytes]], *pieces: dict[str, Any], threads: int = 1, times: int = 1, **scope: Any
) -> list[dict[str, Any]]:
    """What the client is sent; it sends the pieces of a body, and then nothing more. No pieces: no body."""
    sent: list[dict[str, Any]] = []

    async def ask() -> None:
        waiting = [*pieces]

        async def receive() -> dict[str, Any]:
            if not pieces:
                return piece(b"")
            return waiting.pop(0) if waiting else await asyncio.Event().wait()  # type: ignore[return-value]

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        bridge = asgi.Bridge(application, threads=threads, body_limit=LIMIT)
        for _ in range(times):
            await bridge(SCOPE | scope, receive, send)

    asyncio.run(ask())
    return sent


def environ_of(**scope: Any) -> Environ:
    seen: list[Environ] = []

    def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen.append(environ)
        start_response("204 No Content", [])
        return []

    asked(application, **scope)
    return seen[0]


def reading(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answers with what it could read."""
    try:
        text = environ["wsgi.input"].read()
    except (OSError, RequestDataTooBig) as error:
        text = type(error).__name__.encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text]


def piece(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize("name", [b"x_forwarded_for", b"x-forwarded_for", b"x_forwarded-for", b"_x-forwarded-for"])
@pytest.mark.parametrize("first", [True, False])
def test_header_with_an_underscore_is_taken_for_no_other(name: bytes, *, first: bool) -> None:
    forged, true = (name, b"203.0.113.66"), (b"x-forwarded-for", b"192.0.2.7")
    assert environ_of(headers=[forged, true] if first else [true, forged])["HTTP_X_FORWARDED_FOR"] == "192.0.2.7"
    alone = environ_of(headers=[forged])
    assert not [key for key in alone if "FORWARDED" in key]


@pytest.mark.parametrize("name", [b"content_length", b"content_type", b"http_host", b"remote_addr", b"path_info"])
def test_no_header_replaces_what_the_server_says(name: bytes) -> None:
    found = environ_of(headers=[(name, b"forged"), (name.replace(b"_", b"-"), b"7")])
    assert "forged" not in found.values()
    assert (found["REMOTE_ADDR"], found["PATH_INFO"]) == ("192.0.2.1", "/")


def test_environment_of_the_process_is_not_in_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_X_FORWARDED_FOR", "203.0.113.66")
    assert "HTTP_X_FORWARDED_FOR" not in environ_of()


def test_header_that_comes_twice_is_joined_as_its_kind_is() -> None:
    found = environ_of(
        headers=[(b"cookie", b"a=1"), (b"accept", b"x"), (b"cookie", b"b=2"), (b"accept", b"y"), (b"host", b"h")]
    )
    assert (found["HTTP_COOKIE"], found["HTTP_ACCEPT"], found["HTTP_HOST"]) == ("a=1; b=2", "x, y", "h")


@pytest.mark.parametrize(
    ("raw", "path"),
    [(b"/a%2Fb", "/a/b"), (b"/%FF%00", "/\xff\x00"), (b"/%C3%A4", "/\xc3\xa4"), (b"//x/../y", "//x/../y")],
)
def test_path_keeps_its_bytes(raw: bytes, path: str) -> None:
    assert environ_of(raw_path=raw, path="other")["PATH_INFO"] == path


def test_body_in_pieces_is_read_whole() -> None:
    sent = asked(reading, piece(b"one ", more=True), piece(b"", more=True), piece(b"x" * 100_000))
    assert sent[1]["body"] == b"one " + b"x" * 100_000


def unreachable(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    raise AssertionError("no whole request")


def test_body_that_is_cut_off_is_not_taken_for_whole() -> None:
    start, _ = asked(unreachable, piece(b"summary=half", more=True), {"type": "http.disconnect"})
    assert start["status"] == 400


def test_client_that_stalls_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "STALLED_SECONDS", 0.05)
    start, end = asked(unreachable, piece(b"half", more=True))
    assert (start["status"], (b"connection", b"close") in start["headers"], end["more_body"]) == (408, True, False)


class Parts:
    def __init__(self, *parts: bytes) -> None:
        self.parts, self.closed = parts, 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.parts)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("parts", [(), (b"one",), (b"one", b"two", b"three"), (b"x" * asgi.WHOLE_ANSWER,)])
def test_answer_that_is_not_big_is_handed_over_whole_and_closed(parts: tuple[bytes, ...]) -> None:
    """So that no thread waits for a client that takes it slowly."""
    body = Parts(*parts)

    def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("404 Not Found", [("X-Kind", "none")])
        return body

    start, only = asked(application)
    assert start == {"type": "http.response.start", "status": 404, "headers": [(b"x-kind", b"none")]}
    assert only == {"type": "http.response.body", "body": b"".join(parts), "more_body": False}
    assert body.closed == 1


@pytest.mark.parametrize("sizes", [(asgi.WHOLE_ANSWER + 1,), (1000,) * 3000, (1, 3_000_000, 5)])
def test_big_answer_arrives_in_pieces_in_order_the_last_one_marked(sizes: tuple[int, ...]) -> None:
    parts = [bytes([number % 251]) * size for number, size in enumerate(sizes)]

    def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return parts

    _, *rest = asked(application)
    assert b"".join(message["body"] for message in rest) == b"".join(parts)
    assert [message["more_body"] for message in rest] == [True] * (len(rest) - 1) + [False]
    assert max(len(message["body"]) for message in rest) <= asgi.IN_MEMORY


def test_clients_that_stall_keep_no_thread_from_others() -> None:
    """As many as there are threads, and more."""

    async def ask() -> list[bytes]:
        answered: list[bytes] = []
        bridge = asgi.Bridge(reading, threads=2, body_limit=LIMIT)

        async def half() -> dict[str, Any]:
            half_sent.append(piece(b"half", more=True))
            return half_sent[-1] if len(half_sent) <= len(stalled) else await asyncio.Event().wait()  # type: ignore[return-value]

        async def whole() -> dict[str, Any]:
            return piece(b"whole")

        async def send(message: dict[str, Any]) -> None:
            answered.append(message.get("body", b""))

        half_sent: list[dict[str, Any]] = []
        stalled: list[asyncio.Task[None]] = []
        stalled += [asyncio.create_task(bridge(SCOPE, half, send)) for _ in range(9)]
        await asyncio.sleep(0)
        await asyncio.wait_for(bridge(SCOPE, whole, send), timeout=asgi.STALLED_SECONDS / 2)
        for task in stalled:
            task.cancel()
        return answered

    assert asyncio.run(ask()) == [b"", b"whole"]


def test_client_that_sends_a_byte_now_and_then_is_not_waited_for_without_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.1)

    async def ask() -> list[int | None]:
        answered: list[int | None] = []

        async def drip() -> dict[str, Any]:
            await asyncio.sleep(0.01)
            return piece(b"x", more=True)

        async def send(message: dict[str, Any]) -> None:
            answered.append(message.get("status"))

        await asgi.Bridge(unreachable, threads=1, body_limit=LIMIT)(SCOPE, drip, send)
        return answered

    assert asyncio.run(ask()) == [408, None]


@pytest.mark.parametrize("declared", [True, False])
def test_body_over_the_limit_is_not_read(*, declared: bool) -> None:
    headers = [(b"content-length", str(LIMIT + 1).encode())] if declared else [(b"transfer-encoding", b"chunked")]
    sent = asked(reading, *[piece(b"x" * 1000, more=True)] * 500, headers=headers)
    assert sent[1]["body"] == b"RequestDataTooBig"


def test_length_of_a_body_in_chunks_is_known() -> None:
    """Django reads as much as it says."""

    def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ["CONTENT_LENGTH"].encode()]

    sent = asked(application, piece(b"12", more=True), piece(b"345"), headers=[(b"transfer-encoding", b"chunked")])
    assert sent[1]["body"] == b"5"


def test_what_a_request_binds_is_not_there_for_the_next() -> None:
    def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        found = BOUND.get()
        BOUND.set("something")
        return [found.encode()]

    sent = asked(application, threads=1, times=2)
    assert [message["body"] for message in sent if "body" in message] == [b"nothing", b"nothing"]


def test_failure_of_the_application_reaches_the_server() -> None:
    def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        raise LookupError("of the application")

    with pytest.raises(LookupError):
        asked(application)


def test_input_is_buffered_for_lines() -> None:
    def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        body: io.BufferedReader = environ["wsgi.input"]
        return [b"|".join([body.readline(), body.readline(3), body.read()])]

    sent = asked(application, piece(b"fir", more=True), piece(b"st\nsecond\nrest"))
    assert sent[1]["body"] == b"first\n|sec|ond\nrest"
