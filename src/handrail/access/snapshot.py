"""One moment for everything that an answer is made of.

A page of several statements would otherwise show what never was: a state from before somebody's commit beside votes
from after it. Inside ``snapshot()`` all statements see the database as it was at the first of them, and none may write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from psycopg import IsolationLevel


@contextmanager
def snapshot() -> Iterator[None]:
    """One REPEATABLE READ READ ONLY transaction, for a ``with`` block or, as a decorator, a function that only reads.

    Inside a transaction it changes nothing: another snapshot goes on, and an action sees what it has written itself.
    The transaction's own ``BEGIN`` carries the level, so nothing of it stays on a connection that a pool hands on.
    """
    if connection.in_atomic_block:
        yield
        return
    connection.close_if_health_check_failed()  # later, the new connection would not be of this level
    connection.ensure_connection()
    opened = connection.connection
    before = opened.isolation_level, opened.read_only
    opened.isolation_level, opened.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        with transaction.atomic():
            yield
    finally:
        if not opened.closed:
            opened.isolation_level, opened.read_only = before
