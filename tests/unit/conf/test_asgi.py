"""Between web server and WSGI: names of headers, bodies that come in pieces or not at all, threads that are kept."""

from __future__ import annotations

import asyncio
import contextvars
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

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
BOUND: contextvars.ContextVar[str] = contextvars.ContextVar("BOUND", default="nothing")


def asked(
    application: Callable[..., Iterable[bytes]], *pieces: dict[str, Any], threads: int = 1, times: int = 1, **scope: Any
) -> list[dict[str, Any]]:
    """What the client is sent; it sends the pieces of a body, and then nothing more."""
    sent: list[dict[str, Any]] = []

    async def ask() -> None:
        waiting = [*pieces]

        async def receive() -> dict[str, Any]:
            return waiting.pop(0) if waiting else await asyncio.Event().wait()  # type: ignore[return-value]

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        bridge = asgi.Bridge(application, threads=threads)
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
    except OSError as error:
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


def test_body_that_is_cut_off_is_not_taken_for_whole() -> None:
    sent = asked(reading, piece(b"summary=half", more=True), {"type": "http.disconnect"})
    assert sent[1]["body"] == b"ConnectionResetError"


def test_client_that_stalls_gives_the_thread_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "STALLED_SECONDS", 0.05)
    sent = asked(reading, piece(b"half", more=True), threads=1, times=2)  # the second request needs that thread
    assert [message["body"] for message in sent if message["type"] == "http.response.body"] == [b"TimeoutError"] * 2


class Parts:
    def __init__(self, *parts: bytes) -> None:
        self.parts, self.closed = parts, 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.parts)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("parts", [(), (b"one",), (b"one", b"two", b"three")])
def test_parts_of_an_answer_arrive_in_order_the_last_one_marked_and_are_closed(parts: tuple[bytes, ...]) -> None:
    body = Parts(*parts)

    def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("404 Not Found", [("X-Kind", "none")])
        return body

    start, *rest = asked(application)
    assert start == {"type": "http.response.start", "status": 404, "headers": [(b"x-kind", b"none")]}
    assert [message["body"] for message in rest] == [*parts] or (parts, rest[0]["body"]) == ((), b"")
    assert [message["more_body"] for message in rest] == [True] * (len(rest) - 1) + [False]
    assert body.closed == 1


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
        return [body.readline(), body.readline(3), body.read()]

    sent = asked(application, piece(b"fir", more=True), piece(b"st\nsecond\nrest"))
    assert [message["body"] for message in sent[1:]] == [b"first\n", b"sec", b"ond\nrest"]
