"""Whose rows the database shows: row security's side of an actor, for the length of a ``with`` block.

A face enters the scope of its actor once it knows who acts; the database backend (``conf.scoped_postgresql``) tells the
database with the first statement of every transaction. Outside any scope the serving role sees no row that belongs to
a workspace. This is the second line: the guarded getters of ``access`` are the first, and do not rely on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum


class Duty(StrEnum):
    """What has to look over all workspaces. No table shows it a row; there are views for it."""

    AUDIT = "audit"  # the log is one for all workspaces: sealing and verifying read what leaves are made of


@dataclass(frozen=True, slots=True)
class RowScope:
    """``workspace_id`` 0 is none. ``tenant_ids`` None means every tenant of the workspace."""

    workspace_id: int = 0
    tenant_ids: frozenset[int] | None = frozenset()
    duty: Duty | None = None


NOTHING = RowScope()
_current: ContextVar[RowScope | None] = ContextVar("handrail_scope", default=None)


def current() -> RowScope | None:
    """What statements of this thread may see now; None outside any scope."""
    return _current.get()


def change(scope: RowScope) -> None:
    """From here on ``scope``: for a process that acts as one actor, or inside an ``entered`` block, until it ends."""
    _current.set(scope)


@contextmanager
def entered(scope: RowScope | None) -> Iterator[None]:
    """``scope`` in place of the current one for the length of a ``with`` block."""
    before = _current.get()
    _current.set(scope)
    try:
        yield
    finally:
        _current.set(before)


@contextmanager
def duty(duty: Duty) -> Iterator[None]:
    """The current scope, and besides it the views for ``duty``, for the length of a ``with`` block."""
    with entered(replace(_current.get() or NOTHING, duty=duty)):
        yield
