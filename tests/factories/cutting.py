"""A way to a peer that breaks once, at any piece of what goes over it: cut, or held until nobody waits any more."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

# SO_LINGER with no time: the other end gets a reset, not an end.
_RESET = struct.pack("ii", 1, 0)


@dataclass
class BreakingWay:
    """``pieces``: what went over it so far, in both directions. ``cut_at``: the piece that doesn't arrive any more;
    ``held_at``: the piece that comes ``held_seconds`` late."""

    target: tuple[str, int]
    port: int = 0
    pieces: int = 0
    cut_at: int = 0
    held_at: int = 0
    held_seconds: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def again(self, *, cut_at: int = 0, held_at: int = 0, held_seconds: float = 0.0) -> None:
        with self.lock:
            self.pieces, self.cut_at, self.held_at, self.held_seconds = 0, cut_at, held_at, held_seconds

    def carry(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self.target, timeout=10)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        over = threading.Event()
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=self._copy, args=(one, other, over), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, over: threading.Event) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                with self.lock:
                    self.pieces += 1
                    number = self.pieces
                if number == self.cut_at:
                    over.set()
                    for one in (source, sink):
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                        with suppress(OSError):
                            one.shutdown(socket.SHUT_RD)  # else whoever reads there keeps it open
                        one.close()
                    return
                if number == self.held_at:
                    time.sleep(self.held_seconds)
                sink.sendall(data)
            if not over.is_set():
                sink.shutdown(socket.SHUT_WR)


@contextmanager
def breaking_way(target: tuple[str, int]) -> Iterator[BreakingWay]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        way = BreakingWay(target, listening.getsockname()[1])

        def serve() -> None:
            with suppress(OSError):
                while True:
                    way.carry(listening.accept()[0])

        threading.Thread(target=serve, daemon=True).start()
        yield way
        listening.shutdown(socket.SHUT_RDWR)
