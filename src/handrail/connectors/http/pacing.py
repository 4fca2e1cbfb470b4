"""Several requests that are one call to the caller, such as the pages of a list: each may have to wait its turn.

The service is not to blame for that wait, so it does not count against the call's deadline (``working``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic


@dataclass(slots=True)
class _Turns:
    wait: Callable[[], None]
    requests: int = 0
    waited: float = 0.0


_current: ContextVar[_Turns | None] = ContextVar("handrail_pace", default=None)


@contextmanager
def paced(wait: Callable[[], None]) -> Iterator[None]:
    """In this block, ``wait`` is called before each request of this thread but the first, and returns at its turn."""
    token = _current.set(_Turns(wait))
    try:
        yield
    finally:
        _current.reset(token)


def next_request() -> None:
    """Waits until the next request may be sent."""
    pace = _current.get()
    if pace is None:
        return
    if pace.requests:
        began = monotonic()
        pace.wait()
        pace.waited += monotonic() - began
    pace.requests += 1


def working() -> float:
    """Seconds since some moment in the past, but those that were waited for turns."""
    pace = _current.get()
    return monotonic() - (pace.waited if pace else 0.0)
