"""The one of a thing that a process works with: ``conf`` sets it once at the start, everything else asks for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from handrail.kernel.errors import Misconfigured

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _Place(Generic[T]):
    value: T | None


class Configured(Generic[T]):
    """Holds one ``T``, or none. Shared by every thread on purpose: a worker's threads must see what ``conf`` set,
    which a context variable would not give them.

    ``missing`` and ``code``: the message and stable code of the error when there is none.
    """

    def __init__(self, default: T | None = None, *, missing: str = "", code: str = "misconfigured") -> None:
        self._places: tuple[_Place[T], ...] = (_Place(default),)
        self._changing = threading.Lock()
        self._missing = missing or "This process was not configured: call conf.start first."
        self._code = code

    def set(self, value: T | None) -> None:
        """From now on ``value`` is the one, until the end of the innermost ``use``. Called once a process, by
        ``conf``."""
        self._places[-1].value = value

    def find(self) -> T | None:
        """The one, or None."""
        return self._places[-1].value

    def get(self) -> T:
        """The one. Raises Misconfigured, saying what to add, when there is none."""
        if (value := self.find()) is None:
            raise Misconfigured(self._missing, code=self._code)
        return value

    @contextmanager
    def use(self, value: T | None) -> Iterator[T | None]:
        """``value`` in place of the configured one for the length of a ``with`` block, in every thread. Blocks of
        several threads may end in any order: each takes away what it has brought."""
        mine = _Place(value)
        with self._changing:
            self._places = (*self._places, mine)
        try:
            yield value
        finally:
            with self._changing:
                self._places = tuple(place for place in self._places if place is not mine)
