"""The outside world, in a process of its own that knows nothing of Handrail: ``world.py LOSS SEED``.

It has switches that are turned on by calls, and a task system that is told outcomes. It loses some answers: what was
asked for has happened then, and nobody hears of it. What it did and whom it answered stands in its own account, which
``GET /account`` gives. The first line that it prints is its port.

A switch whose name begins with ``once`` takes every call for a new one; any other knows its idempotency keys.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# How long a call takes, and how long one takes of whose answer the caller gives up waiting.
CALL_SECONDS, HANG_SECONDS = 0.2, 4.0
# Of the answers that are lost, so many are lost by silence; the others by the end of the connection.
HANGING = 0.2


class World(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, loss: float, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.loss, self.dice, self.lock = loss, random.Random(seed), threading.Lock()
        self.calls: list[dict[str, Any]] = []
        self.outcomes: list[dict[str, Any]] = []
        self.keys: dict[str, set[str]] = {}
        self.on: set[str] = set()

    def call(self, switch: str, key: str) -> dict[str, Any]:
        with self.lock:
            known = self.keys.setdefault(switch, set())
            effect = switch.startswith("once") or key not in known
            known.add(key)
            self.on.add(switch)
            return self._entered(self.calls, switch=switch, key=key, effect=effect)

    def hear(self, task: str, run: str) -> dict[str, Any]:
        with self.lock:
            return self._entered(self.outcomes, task=task, run=run)

    def _entered(self, account: list[dict[str, Any]], **what: Any) -> dict[str, Any]:
        lost = self.dice.random() < self.loss
        entry = {"at": time.time(), **what, "lost": lost, "hangs": lost and self.dice.random() < HANGING}
        account.append(entry)
        return entry


class Answering(BaseHTTPRequestHandler):
    server: World
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/account":
            with self.server.lock:
                self._answer({"calls": self.server.calls, "outcomes": self.server.outcomes})
        elif self.path.startswith("/switches/"):
            switch = self.path.rsplit("/", 1)[-1]
            with self.server.lock:
                state = "on" if switch in self.server.on else "off"
            self._answer({"state": state, "fuse": "ok", "owner": "ten_one"})
        else:
            self._answer({"items": []})

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        parts = self.path.split("/")
        time.sleep(CALL_SECONDS / 2)
        if parts[1] == "tasks":
            entry = self.server.hear(parts[2], body["run"])
        else:
            entry = self.server.call(parts[2], self.headers["idempotency-key"])
        time.sleep(CALL_SECONDS / 2)
        if entry["lost"]:
            time.sleep(HANG_SECONDS if entry["hangs"] else 0)
            self.close_connection = True
            return
        # The task system shows what it keeps: the run whose outcome this is.
        self._answer({"status": "done", **({"run": body["run"]} if parts[1] == "tasks" else {})})

    def _answer(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:  # the caller was killed
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    world = World(float(sys.argv[1]), int(sys.argv[2]))
    print(world.server_address[1], flush=True)
    world.serve_forever()
