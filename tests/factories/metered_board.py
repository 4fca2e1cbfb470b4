"""The switch board over real HTTP, which counts who calls it at once and when, is slow, and is down for a while."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager

from tests.factories.board_server import BoardServer, _Handler
from tests.factories.http_server import running
from tests.factories.switches import SwitchBoard


class MeteredBoard(BoardServer):
    """``arrivals``: when each request came, in seconds of a steady clock; ``most_at_once``: requests at the same time.
    ``seconds``: how long each takes. ``is_down``: every answer is 503."""

    def __init__(self, board: SwitchBoard, seconds: float) -> None:
        super().__init__(board)
        self.RequestHandlerClass = _Metered
        self.seconds = seconds
        self.is_down = False
        self.arrivals: list[float] = []
        self.at_once = self.most_at_once = 0
        self.counting = threading.Lock()

    def most_in_a_second(self) -> int:
        """Of all seconds that begin with a request, the most requests in one."""
        came = sorted(self.arrivals)
        return max((bisect_left(came, at + 1.0) - place for place, at in enumerate(came)), default=0)

    def forget(self) -> None:
        """Counts from here on."""
        with self.counting:
            self.arrivals.clear()
            self.most_at_once = self.at_once


class _Metered(_Handler):
    server: MeteredBoard

    def do_GET(self) -> None:
        if self._is_up():
            super().do_GET()

    def do_PUT(self) -> None:
        if self._is_up():
            super().do_PUT()

    def _is_up(self) -> bool:
        server = self.server
        with server.counting:
            server.arrivals.append(time.monotonic())
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        time.sleep(server.seconds)
        with server.counting:
            server.at_once -= 1
        if server.is_down:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.answer_json(503, {})
        return not server.is_down


@contextmanager
def serving(board: SwitchBoard, *, seconds: float = 0.0) -> Iterator[MeteredBoard]:
    with running(MeteredBoard(board, seconds)) as server:
        yield server
