"""One line in the log when the database goes, one when it is back: however many threads notice."""

from __future__ import annotations

import threading
import time

import structlog

log = structlog.get_logger("handrail.worker")


class Outage:
    """``times``: how many there were. A thread with a connection from before one looks whether it still serves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: float | None = None
        self.times = 0

    def noticed(self, error: Exception) -> None:
        """A connection was lost, or could not be made."""
        with self._lock:
            if self._since is not None:
                return
            self._since = time.monotonic()
            self.times += 1
        log.warning("lost a connection to the database; trying again", error=type(error).__name__)

    def over(self) -> None:
        """The database answers, and nobody waits for a connection."""
        with self._lock:
            if self._since is None:
                return
            seconds, self._since = time.monotonic() - self._since, None
        log.info("the database answers again", after_seconds=round(seconds, 2))
