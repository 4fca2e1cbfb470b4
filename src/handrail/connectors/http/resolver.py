"""Name look-ups that can be walked away from.

``getaddrinfo`` has no timeout and cannot be interrupted. It runs in a thread of its own, and the caller waits no longer
than its deadline. Look-ups of one name at the same time share a thread, so that one name whose server is silent holds
one slot, however many callers ask for it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MAX_LOOKUPS = 64

Address = tuple[socket.AddressFamily, Any]  # the family, and what socket.connect takes
Lookup = Callable[[str, int], list[Address]]


class LookupFailed(Exception):
    """There is no such name, the name server said so, or too many look-ups hang already."""


class LookupSlow(Exception):
    """No word from the name server in time."""


def system_lookup(host: str, port: int) -> list[Address]:
    """What the system's resolver says. Raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


@dataclass(slots=True)
class _Pending:
    done: threading.Event = field(default_factory=threading.Event)
    addresses: list[Address] = field(default_factory=list)


class Resolver:
    """Looks names up within a time limit, with at most ``MAX_LOOKUPS`` names being asked for at once."""

    def __init__(self, lookup: Lookup = system_lookup) -> None:
        self._lookup = lookup
        self._lock = threading.Lock()
        self._pending: dict[tuple[str, int], _Pending] = {}

    def resolve(self, host: str, port: int, within_seconds: float) -> list[Address]:
        """At least one address. Raises LookupFailed or LookupSlow."""
        pending = self._join(host, port)
        if not pending.done.wait(within_seconds):
            raise LookupSlow
        if not pending.addresses:
            raise LookupFailed
        return pending.addresses

    def _join(self, host: str, port: int) -> _Pending:
        key = (host, port)
        with self._lock:
            pending = self._pending.get(key)
            if pending is not None:
                return pending
            if len(self._pending) >= MAX_LOOKUPS:
                raise LookupFailed
            pending = self._pending[key] = _Pending()
        # A daemon: a silent name server must not keep the process from ending.
        try:
            threading.Thread(target=self._run, args=(key, pending), name=f"lookup-{host}", daemon=True).start()
        except RuntimeError:  # no thread to be had: later callers must not wait for one that never began
            self._finish(key, pending)
        return pending

    def _run(self, key: tuple[str, int], pending: _Pending) -> None:
        try:
            pending.addresses = self._lookup(*key)
        except (OSError, UnicodeError):
            pending.addresses = []
        finally:
            self._finish(key, pending)

    def _finish(self, key: tuple[str, int], pending: _Pending) -> None:
        with self._lock:
            del self._pending[key]
        pending.done.set()
