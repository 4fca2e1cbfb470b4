"""A folder on another machine, and processes that share it: each stands before every request until it is let go on.

A created name is there before its content is. Whoever is killed does nothing any more; whoever is slow does it later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class Killed(BaseException):
    """The process is no more."""


@dataclass
class Folder:
    """``arrived``: what ever came into incoming/. ``consume``: the receiver takes what is there."""

    files: dict[str, bytes] = field(default_factory=dict)
    arrived: list[tuple[str, bytes]] = field(default_factory=list)

    def move(self, source: str, target: str) -> bool:
        if source not in self.files:
            return False
        assert target not in self.files, target
        self.files[target] = self.files.pop(source)
        if target.startswith("incoming/"):
            self.arrived.append((target, self.files[target]))
        return True

    def consume(self) -> None:
        for path in [path for path in self.files if path.startswith("incoming/")]:
            self.files["consumed/" + path.partition("/")[2]] = self.files.pop(path)


class Stepped:
    """The folder as one process sees it."""

    def __init__(self, folder: Folder, pause: Callable[[], None] = lambda: None) -> None:
        self._folder = folder
        self._pause = pause

    def prepare(self, folder: str) -> None:
        """It is there."""

    def exists(self, path: str) -> bool:
        self._pause()
        return path in self._folder.files

    def read(self, path: str, limit: int) -> bytes | None:
        self._pause()
        found = self._folder.files.get(path)
        return None if found is None else found[:limit]

    def create(self, path: str, data: bytes) -> bool:
        self._pause()
        if path in self._folder.files:
            return False
        self._folder.files[path] = b""
        for part in (data[: len(data) // 2], data):
            self._pause()
            self._folder.files[path] = part
        return True

    def move(self, source: str, target: str) -> bool:
        self._pause()
        return self._folder.move(source, target)

    def names(self, folder: str) -> list[str]:
        self._pause()
        start = folder + "/"
        return [path.removeprefix(start) for path in self._folder.files if path.startswith(start)]

    def remove(self, path: str) -> None:
        self._pause()
        self._folder.files.pop(path, None)


class Process:
    """One call in a thread of its own, which does one request whenever ``step`` is called."""

    def __init__(self, call: Callable[[Callable[[], None]], Any]) -> None:
        self._turn, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._killed = False
        self.ended = False
        self.result: Any = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()
        self._stopped.acquire()

    def step(self) -> None:
        if not self.ended:
            self._turn.release()
            self._stopped.acquire()

    def kill(self) -> None:
        if not self.ended:
            self._killed = True
            self.step()

    def _pause(self) -> None:
        self._stopped.release()
        self._turn.acquire()
        if self._killed:
            raise Killed

    def _run(self, call: Callable[[Callable[[], None]], Any]) -> None:
        try:
            self._pause()
            self.result = call(self._pause)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.error = error
        finally:
            self.ended = True
            self._stopped.release()
