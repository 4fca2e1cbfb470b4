"""The switch board over real HTTP, with a task system beside it, for workers in processes of their own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer
from handrail.connectors.rest import Call, Get
from tests.factories.http_server import JsonHandler, running
from tests.factories.switches import BoardConnector, SwitchBoard


class BoardServer(ThreadingHTTPServer):
    """``outcomes`` counts what the task system was told, by run, and ``states`` says as which; ``refusals`` are what it
    answers first instead."""

    daemon_threads = True

    def __init__(self, board: SwitchBoard) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.connector = BoardConnector(board)
        self.outcomes: Counter[str] = Counter()
        self.states: dict[str, str] = {}
        self.refusals: list[Answer] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(JsonHandler):
    server: BoardServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer_json(200, self._ask(Get(path=self.path)))

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers["idempotency-key"]
        if self.path.startswith("/tasks/"):
            if self.server.refusals:
                self.answer_json(self.server.refusals.pop().status or 500, {})
                return
            self.server.states[body["run"]] = body["state"]
            self.server.outcomes[body["run"]] = 1  # keyed by run, as an idempotent target does
            self.answer_json(200, {"run": body["run"]})
            return
        answer = self.server.connector.call(Call(method="PUT", path=self.path, json_body=body, idempotency_key=key))
        if answer.failure is not None:  # the caller is left without an answer
            self.close_connection = True
            return
        self.answer_json(answer.status or 500, answer.body)

    def _ask(self, operation: Operation) -> Any:
        return self.server.connector.read(operation).value


@contextmanager
def serving(board: SwitchBoard) -> Iterator[BoardServer]:
    with running(BoardServer(board)) as server:
        yield server
