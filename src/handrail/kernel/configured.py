"""The one of a thing that a process works with: ``conf`` sets it once at the start, everything else asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from handrail.kernel.errors import Misconfigured

T = TypeVar("T")


class Configured(Generic[T]):
    """Holds one ``T``, or none. Shared by every thread on purpose: a worker's threads must see what ``conf`` set,
    which a context variable would not give them.

    ``missing`` and ``code``: the message and stable code of the error when there is none.
    """

    def __init__(self, default: T | None = None, *, missing: str = "", code: str = "misconfigured") -> None:
        self._value = default
        self._missing = missing or "This process was not configured: call conf.start first."
        self._code = code

    def set(self, value: T | None) -> None:
        """From now on ``value`` is the one. Called once a process, by ``conf``."""
        self._value = value

    def find(self) -> T | None:
        """The one, or None."""
        return self._value

    def get(self) -> T:
        """The one. Raises Misconfigured, saying what to add, when there is none."""
        if self._value is None:
            raise Misconfigured(self._missing, code=self._code)
        return self._value

    @contextmanager
    def use(self, value: T | None) -> Iterator[T | None]:
        """``value`` in place of the configured one for the length of a ``with`` block, in every thread; for tests."""
        before = self._value
        self._value = value
        try:
            yield value
        finally:
            self._value = before
