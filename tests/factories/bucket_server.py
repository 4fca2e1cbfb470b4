"""An S3 of a few verbs on a real socket: path-style GET, HEAD and PUT, with conditional puts and metadata."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from tests.factories.http_server import running

TAKEN = b"<Error><Code>PreconditionFailed</Code></Error>"
MISSING = b"<Error><Code>NoSuchKey</Code></Error>"
DENIED = b"<Error><Code>AccessDenied</Code></Error>"


class BucketServer(ThreadingHTTPServer):
    """``objects`` by path; ``denied`` makes it refuse everything, as for a wrong key;
    ``missing``: there is no bucket, and HEAD says of every object what it says of a missing one.

    ``holds``: a package is kept from landing until it is set; ``held`` says that one waits. ``trickles``: answers come
    a few bytes at a time, for longer than anybody waits. ``authorizations``: what requests were signed with.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.metadata: dict[str, dict[str, str]] = {}
        self.denied = False
        self.missing = False
        self.holds: threading.Event | None = None
        self.held = threading.Event()
        self.trickles = False
        self.authorizations: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: BucketServer
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            size, _, rest = body.partition(b"\r\n")
            body = rest[: int(size.partition(b";")[0], 16)]
        if self.server.holds is not None and self.path.endswith(".zip"):
            self.server.held.set()
            self.server.holds.wait(30)
        if self.server.denied:
            self._answer(403, DENIED)
        elif self.headers.get("If-None-Match") == "*" and self.path in self.server.objects:
            self._answer(412, TAKEN)
        else:
            self.server.objects[self.path] = body
            self.server.metadata[self.path] = {
                name: value for name, value in self.headers.items() if name.lower().startswith("x-amz-meta-")
            }
            self._answer(200, b"")

    def do_GET(self) -> None:
        place, _, asked = self.path.partition("?")
        if "list-type=2" in asked:
            self._list(f"{place}/", parse_qs(asked)["prefix"][0])
            return
        body = self.server.objects.get(self.path)
        if self.server.denied:
            self._answer(403, DENIED)
        elif body is None:
            self._answer(404, MISSING)
        else:
            self._answer(200, body, self.server.metadata.get(self.path, {}))

    def _list(self, bucket: str, prefix: str) -> None:
        keys = sorted(path.removeprefix(bucket) for path in self.server.objects if path.startswith(bucket + prefix))
        entries = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
        self._answer(200, f"<ListBucketResult>{entries}</ListBucketResult>".encode())

    def do_HEAD(self) -> None:
        if "/" in self.path.strip("/") or self.server.denied:
            self.do_GET()
        else:  # of the bucket itself
            self._answer(404 if self.server.missing else 200, b"")

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.server.authorizations.append(self.headers.get("Authorization", ""))
        self.send_response(status)
        while self.server.trickles:
            self.send_header("x-slow", "1")
            self.flush_headers()
            time.sleep(0.2)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serving() -> Iterator[BucketServer]:
    with running(BucketServer()) as server:
        yield server
