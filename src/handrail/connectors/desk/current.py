"""The desk of this process. ``conf`` sets it once; ``None`` means that no external desk is configured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from handrail.connectors.desk.adapter import Desk


class _Current:
    """A class attribute rather than a context variable: worker threads must see it too."""

    desk: Desk | None = None


def configure(desk: Desk | None) -> None:
    """Make ``desk`` the one that ``configured`` gives."""
    _Current.desk = desk


def configured() -> Desk | None:
    """The one configured desk, or None."""
    return _Current.desk


@contextmanager
def use(desk: Desk | None) -> Iterator[Desk | None]:
    """``desk`` for the length of a ``with`` block, in every thread; for tests."""
    before = _Current.desk
    _Current.desk = desk
    try:
        yield desk
    finally:
        _Current.desk = before
