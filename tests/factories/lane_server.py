"""A vendor's HTTP intake that counts what reaches it."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer

from handrail.kernel.canonical import digest_bytes
from tests.factories.http_server import JsonHandler, running


@dataclass
class Intake:
    """``puts``: how often each manifest was sent; ``states``: how it stands here.

    ``forgets``: it keeps no memory of a withdrawal before the delivery, as a receiver should.
    ``says``: the status that a taken package is answered with, where it is not 200.
    """

    url: str = ""
    forgets: bool = False
    says: int | None = None
    puts: Counter[str] = field(default_factory=Counter)
    states: dict[str, str] = field(default_factory=dict)
    packages: dict[str, bytes] = field(default_factory=dict)
    replies: dict[str, list[bytes]] = field(default_factory=dict)
    recalls: dict[str, dict[str, bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, digest: str, package: bytes) -> None:
        with self.lock:
            self.puts[digest] += 1
            if self.states.setdefault(digest, "delivered") != "withdrawn":
                self.packages.setdefault(digest, package)

    def consume(self) -> None:
        with self.lock:
            for digest, state in self.states.items():
                self.states[digest] = "consumed" if state == "delivered" else state

    def withdraw(self, digest: str) -> None:
        with self.lock:
            if self.states.get(digest, "absent" if self.forgets else "delivered") == "delivered":
                self.states[digest] = "withdrawn"

    def told(self, digest: str) -> dict[str, str]:
        told = {"manifest_digest": digest, "state": self.states[digest]}
        if digest in self.packages:
            told |= {"receipt": "RCPT-1", "package_digest": digest_bytes(self.packages[digest])}
        return told


@contextmanager
def serving() -> Iterator[Intake]:
    intake = Intake()

    class Handler(JsonHandler):
        def do_PUT(self) -> None:
            if "/recalls/" in self.path:
                intake.recalls.setdefault(self.digest, {})[self.path.rpartition("/")[2]] = self.body()
                self.answer_json(intake.says or 200, {})
                return
            intake.take(self.digest, self.body())
            self.answer(intake.says)

        def do_GET(self) -> None:
            if self.path.endswith("/replies"):
                items = [base64.b64encode(one).decode() for one in intake.replies.get(self.digest, [])]
                self.answer_json(intake.says or 200, {"items": items})
                return
            self.answer()

        def do_POST(self) -> None:
            self.body()
            intake.withdraw(self.digest)
            self.answer()

        @property
        def digest(self) -> str:
            return self.path.split("/deliveries/")[1].split("/")[0]

        def body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("content-length") or 0))

        def answer(self, status: int | None = None) -> None:
            known = self.digest in intake.states
            value = intake.told(self.digest) if known else {"title": "not found"}
            self.answer_json(status or (200 if known else 404), value)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    intake.url = f"http://127.0.0.1:{server.server_port}"
    with running(server):
        yield intake
