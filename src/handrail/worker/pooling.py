"""Whether the way to the database gives each transaction another session, as a pooler in transaction mode does.

A worker waits for notifications (LISTEN) and migrations take locks of a session: with such a pooler
notifications never arrive, and locks stay with a session that somebody else is given. Web processes do without both.
"""

from __future__ import annotations

from contextlib import suppress

import psycopg
from django.db import connection

from handrail.kernel.errors import Misconfigured

ROUNDS = 5
MESSAGE = "The database is reached through a pooler that changes sessions between transactions; workers can't work so."
FIX = (
    "Give workers and migrate a URL of the server itself, or session pooling. "
    "Web processes may keep this one: docs/guides/run-in-production.md#a-connection-pooler."
)


OWNER_MESSAGE = (
    "Migrations can't run through a pooler that changes sessions between transactions: their lock would stay behind in "
    "another client's session."
)
OWNER_FIX = (
    "Nothing was changed. Set [database] owner_url (DATABASE_OWNER_URL) to the server itself, or to session pooling: "
    "docs/guides/run-in-production.md#a-connection-pooler."
)


def refuse(*, owner: bool = False) -> None:
    """Raises Misconfigured behind such a pooler; ``owner``: the connection is the one that migrates. A database that
    does not answer is waited for as ever."""
    with suppress(psycopg.Error):
        if by_transaction():
            message = f"{OWNER_MESSAGE} {OWNER_FIX}" if owner else f"{MESSAGE} {FIX}"
            raise Misconfigured(message, code="transaction-pooling")


def by_transaction() -> bool:
    """Compares the server's processes behind two open connections: each has its own, unless a pooler shares them out.

    Raises psycopg.Error when the database does not answer.
    """
    known = connection.get_connection_params()
    parameters = {key: value for key, value in known.items() if key not in {"context", "cursor_factory"}}
    parameters["prepare_threshold"] = None
    with (
        psycopg.connect(**parameters, autocommit=True) as one,
        psycopg.connect(**parameters, autocommit=True) as other,
    ):
        seen = [{_process(session) for _ in range(ROUNDS)} for session in (one, other)]
    return len(seen[0]) > 1 or len(seen[1]) > 1 or seen[0] == seen[1]


def _process(session: psycopg.Connection[tuple[int]]) -> int:
    row = session.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return row[0]
