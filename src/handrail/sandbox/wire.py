"""Requests and replies of the practice estate, and the ways in which a reply can go wrong on its way.

A ``Reply`` carries its own sender: most are sent whole; a fault replaces the sender, never the service.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from handrail.kernel.clock import now

Headers = Mapping[str, str]
_CHUNK = 64 * 1024


class BadRequest(ValueError):
    """The request can't be understood; the message says which part and what was expected."""


@dataclass(frozen=True, slots=True)
class Request:
    """``headers`` have lower-case names; ``params`` are the parts of the path that the route names."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Headers
    body: bytes
    params: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises BadRequest."""
        try:
            value = json.loads(self.body or b"{}")
        except (ValueError, RecursionError):
            raise BadRequest("the body is not JSON") from None
        if not isinstance(value, dict):
            raise BadRequest("the body must be a JSON object")
        return value


class Channel:
    """The connection of one request. ``stopping`` is set when the server goes down, and ends every wait."""

    def __init__(self, connection: socket.socket, stopping: threading.Event) -> None:
        self._connection = connection
        self._stopping = stopping

    def write(self, data: bytes) -> None:
        self._connection.sendall(data)

    def wait(self, seconds: float) -> bool:
        """Whether the server is still up after ``seconds``."""
        return not self._stopping.wait(seconds)

    def reset(self) -> None:
        """Ends the connection with RST, so that the caller sees a lost connection, not an empty answer."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()


Sender = Callable[[Channel, "Reply"], bool]  # sends, and says whether the connection may be used again


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=dict)
    sender: Sender | None = None

    def head(self, length: int | None = None) -> bytes:
        """Status line and headers; ``length`` stands in for the body's own."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        size = len(self.body) if length is None else length
        lines = [f"HTTP/1.1 {self.status} {phrase}", f"date: {now():%a, %d %b %Y %H:%M:%S GMT}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.status != HTTPStatus.NO_CONTENT:
            lines.append(f"content-length: {size}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def send(self, channel: Channel) -> bool:
        return (self.sender or whole)(channel, self)

    def by(self, sender: Sender) -> Reply:
        """The same answer, sent otherwise."""
        return replace(self, sender=sender)


def json_reply(status: int, value: Any, **headers: str) -> Reply:
    """A JSON answer. Keyword names become header names: ``retry_after="1"`` is ``retry-after: 1``."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"content-type": "application/json"} | named)


def html_reply(status: int, text: str, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, text.encode(), {"content-type": "text/html; charset=utf-8"} | named)


def problem(status: int, code: str, message: str) -> Reply:
    return json_reply(status, {"error": code, "message": message})


def whole(channel: Channel, reply: Reply) -> bool:
    channel.write(reply.head() + reply.body)
    return True


def cut(channel: Channel, _reply: Reply) -> bool:
    channel.reset()
    return False


def stalled(seconds: float) -> Sender:
    """Nothing is sent for ``seconds``; then everything."""

    def send(channel: Channel, reply: Reply) -> bool:
        return channel.wait(seconds) and whole(channel, reply)

    return send


def dripped(part: str, *, every_seconds: float) -> Sender:
    """``part`` ("headers" or "body") leaves one byte at a time."""

    def send(channel: Channel, reply: Reply) -> bool:
        at_once, slowly = (b"", reply.head() + reply.body) if part == "headers" else (reply.head(), reply.body)
        channel.write(at_once)
        for byte in slowly:
            if not channel.wait(every_seconds):
                return False
            channel.write(bytes([byte]))
        return True

    return send


def huge(total_bytes: int) -> Sender:
    """A JSON string of ``total_bytes``, made as it is sent, so that it costs this process nothing."""

    def send(channel: Channel, reply: Reply) -> bool:
        channel.write(reply.head(total_bytes) + b'"')
        left = total_bytes - 2
        while left > 0:
            size = min(left, _CHUNK)
            channel.write(b"x" * size)
            left -= size
        channel.write(b'"')
        return True

    return send


def truncated(reply: Reply) -> Reply:
    """The first half of the body, announced as if it were the whole."""
    return replace(reply, body=reply.body[: max(1, len(reply.body) // 2)])
