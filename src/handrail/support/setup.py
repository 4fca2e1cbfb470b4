"""What ``conf`` tells this slice about the installation: where its pages are, and how much may wait for the desk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore

AT_ONCE, REPEATS = 9, 3


@dataclass(frozen=True, slots=True)
class Setup:
    """``tenant_page`` and ``run_page``: addresses with ``{key}`` where the tenant's key or the run's reference goes, or
    None when the installation has no public address. ``at_once``: so many desk calls in one process; ``repeats``: so
    many repeated submissions that wait for the answer to the first. A desk that hangs must not take every thread of the
    web server with it, by either way."""

    tenant_page: str | None = None
    run_page: str | None = None
    at_once: int = AT_ONCE
    repeats: int = REPEATS
    slots: BoundedSemaphore = field(init=False, repr=False, compare=False)
    seats: BoundedSemaphore = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slots", BoundedSemaphore(self.at_once))
        object.__setattr__(self, "seats", BoundedSemaphore(self.repeats))


_current: list[Setup] = [Setup()]


def configure(setup: Setup) -> None:
    """Called once a process by ``conf``."""
    _current[0] = setup


def current() -> Setup:
    return _current[0]


@contextmanager
def use(setup: Setup) -> Iterator[None]:
    """``setup`` in place of the configured one, for a test."""
    before = _current[0]
    _current[0] = setup
    try:
        yield
    finally:
        _current[0] = before
