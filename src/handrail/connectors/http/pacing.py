"""Several requests that are one call to the caller, such as the pages of a list: each may have to wait its turn.

The service is not to blame for that wait. So it does not count against the call's deadline (``working``), unless others
go by when the call ends: then it does, and a call whose next turn comes too late ends with ``NoTurn``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic

NO_TURN = "the limits of the connector left its next page no turn within the call's time"


class NoTurn(Exception):
    """The turn of the next request comes after the end of its call."""


@dataclass(slots=True)
class _Turns:
    wait: Callable[[], None]
    counts: bool
    requests: int = 0
    waited: float = 0.0


_current: ContextVar[_Turns | None] = ContextVar("handrail_pace", default=None)


@contextmanager
def paced(wait: Callable[[], None], *, counts: bool = False) -> Iterator[None]:
    """In this block, ``wait`` is called before each request of this thread but the first, and returns at its turn.
    ``counts``: the wait is part of the call's time, and ``wait`` raises NoTurn where that does not suffice."""
    token = _current.set(_Turns(wait, counts))
    try:
        yield
    finally:
        _current.reset(token)


def next_request() -> float:
    """Waits until the next request may be sent; how many seconds of the call's time that took. Raises NoTurn."""
    pace, waited = _current.get(), 0.0
    if pace is None:
        return waited
    if pace.requests:
        began = monotonic()
        pace.wait()
        waited = monotonic() - began
        pace.waited += waited
    pace.requests += 1
    return waited if pace.counts else 0.0


def working() -> float:
    """Seconds since some moment in the past, but those that were waited for turns and don't count."""
    pace = _current.get()
    return monotonic() - (pace.waited if pace and not pace.counts else 0.0)
