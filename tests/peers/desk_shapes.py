"""A desk that knows one recorded shape: it checks each request strictly, and answers as that desk's documentation says.

The shapes are data, ``shapes/<preset>.yaml``, each with the page that documents it; only Request Tracker's was
recorded. ``{base}`` in them is this server's address. A stranger gets the documented 401. What else does not fit the
shape is answered with 418. Both are kept in ``complaints`` for the test to show.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema_rs
from ruamel.yaml import YAML

SHAPES = Path(__file__).parent / "shapes"
REFERENCE = "SR-7K3M9QX2ZA"
SECRET = "s3cret"
UNAUTHORIZED, MISFIT = 401, 418


def shape_names() -> list[str]:
    return sorted(path.stem for path in SHAPES.glob("*.yaml"))


@dataclass(slots=True)
class ShapeServer:
    """The running server. Set ``forced`` to one of the shape's errors to have it answered to every creation.

    ``token_seconds`` and ``create_seconds``: how long it thinks before it answers such a call.
    """

    shape: Mapping[str, Any]
    base: str = ""
    forced: Mapping[str, Any] | None = None
    complaints: list[str] = field(default_factory=list)
    created: list[Any] = field(default_factory=list)
    tokens: int = 0
    token_seconds: float = 0.0
    create_seconds: float = 0.0

    @property
    def stranger(self) -> Mapping[str, Any]:
        """The answer to wrong credentials."""
        return next(error for error in self.shape["errors"] if error["status"] == UNAUTHORIZED)

    @property
    def base_url(self) -> str:
        return self.base + str(self.shape.get("base_path", ""))

    def fill(self, value: Any) -> Any:
        """``value`` with ``{base}`` filled in."""
        return json.loads(json.dumps(value).replace("{base}", self.base))


@contextmanager
def serving(name: str) -> Iterator[ShapeServer]:
    """The desk of one shape, on a free loopback port."""
    state = ShapeServer(YAML(typ="safe").load(SHAPES / f"{name}.yaml"))

    class Bound(_Handler):
        desk = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    state.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    desk: ShapeServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        token = self.desk.shape.get("token")
        if token and self._path == token["path"]:
            self._token(token, body)
            return
        time.sleep(self.desk.create_seconds)
        if complaint := self._misfit_of_caller():
            self._complain(complaint, self.desk.stranger)
            return
        if complaint := self._misfit_of_creation(body):
            self._complain(complaint)
            return
        answer = self.desk.forced or self.desk.shape["success"]
        if not self.desk.forced:
            self.desk.created.append(json.loads(body))
        self._answer(answer)

    def do_GET(self) -> None:
        lookup, checks = self.desk.shape["lookup"], self.desk.shape["check"]
        if complaint := self._misfit_of_caller():
            self._complain(complaint, self.desk.stranger)
        elif self._path == lookup["path"] and self._query == lookup["query"]:
            self._answer({"status": 200, "body": lookup["body"]})
        elif self._path in checks:
            self._answer({"status": 200, "body": checks[self._path]})
        else:
            self._complain(f"GET {self.path} is not known")

    @property
    def _path(self) -> str:
        return urlsplit(self.path).path

    @property
    def _query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query))

    def _misfit_of_creation(self, body: bytes) -> str | None:
        create = self.desk.shape["create"]
        if (self.command, self._path, self._query) != (create["method"], create["path"], create.get("query", {})):
            return f"{self.command} {self.path} is not how a ticket is created"
        if self.headers["Content-Type"] != "application/json":
            return f"Content-Type is {self.headers['Content-Type']}"
        for name, value in create.get("headers", {}).items():
            if self.headers[name] != value:
                return f"{name} is {self.headers[name]!r}, not {value!r}"
        wrong = [f"{list(e.instance_path)}: {e.message}" for e in _errors(create["body"], json.loads(body))]
        return "; ".join(wrong) or None

    def _misfit_of_caller(self) -> str | None:
        for name, value in self.desk.shape["auth"].items():
            if self.headers[name] != value:
                return f"{name} is {self.headers[name]!r}, not {value!r}"
        return None

    def _token(self, token: Mapping[str, Any], body: bytes) -> None:
        self.desk.tokens += 1
        time.sleep(self.desk.token_seconds)
        form = dict(parse_qsl(body.decode()))
        if self._query != token["query"] or form != token["form"]:
            self._answer({"status": 400, "body": {"error": "invalid_client"}})
        else:
            self._answer({"status": 200, "body": token["body"]})

    def _complain(self, complaint: str, answer: Mapping[str, Any] | None = None) -> None:
        self.desk.complaints.append(complaint)
        self._answer(answer or {"status": MISFIT, "body": {"complaint": complaint}})

    def _answer(self, answer: Mapping[str, Any]) -> None:
        is_json = "body" in answer
        content = json.dumps(self.desk.fill(answer["body"])) if is_json else answer["text"]
        self.send_response(answer["status"])
        self.send_header("Content-Type", "application/json; charset=utf-8" if is_json else "text/html")
        self.send_header("Content-Length", str(len(content.encode())))
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, self.desk.fill(value))
        with suppress(ConnectionError):  # a caller whose time was up has hung up
            self.end_headers()
            self.wfile.write(content.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Silent: pytest shows the complaints."""


def _errors(schema: Any, value: Any) -> Iterator[Any]:
    return iter(jsonschema_rs.validator_for(schema).iter_errors(value))
