"""Which workers are at work, by the database's clock, and whose connection has ended.

Each process of a worker has a ``session``, a random number, and holds the advisory lock of that number on the
connection of its loop. PostgreSQL frees the lock when the connection ends, at once where the process was killed: a hint
that the worker is gone, or was cut off. The hint shortens a wait, and decides nothing.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.db import connection

# A worker that was not seen for so long is forgotten.
KEPT_SECONDS = 600.0
# Advisory locks are known by a number of 64 bits with a sign.
_SESSION_BITS = 62


@dataclass(frozen=True, slots=True)
class Presence:
    """``alive``: workers seen lately. ``threads``: how many rows these can work on at once; ``unconnected``: of these,
    those that can't get a connection to the database. ``starved``: workers none of whose threads has one."""

    alive: int
    threads: int
    unconnected: int
    starved: int


def new_session() -> int:
    """A number that no other process has, and no other advisory lock."""
    return secrets.randbits(_SESSION_BITS) + 1


def hold(session: int) -> None:
    """Takes the session's lock on this thread's connection, for as long as that lasts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [session])


def seen(name: str, session: int, *, threads: int, unconnected: int) -> bool:
    """This worker is there, and forgets those that are gone. Returns whether this thread's connection holds its lock:
    not so behind a pooler that hands out another connection of the server meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO work_worker (name, session, started_at, seen_at, threads, unconnected, holds_lock)"
            " SELECT %(name)s, %(session)s, clock_timestamp(), clock_timestamp(), %(threads)s, %(unconnected)s,"
            " EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted"
            "   AND classid::bigint << 32 | objid::bigint = %(session)s AND objsubid = 1)"
            " ON CONFLICT (name, session) DO UPDATE SET seen_at = excluded.seen_at, threads = excluded.threads,"
            " unconnected = excluded.unconnected, holds_lock = excluded.holds_lock RETURNING holds_lock",
            {"name": name, "session": session, "threads": threads, "unconnected": unconnected},
        )
        (holds_lock,) = cursor.fetchone()
        cursor.execute(
            "DELETE FROM work_worker WHERE seen_at < clock_timestamp() - make_interval(secs => %s)", [KEPT_SECONDS]
        )
    return bool(holds_lock)


def silent(session: int) -> list[int]:
    """The sessions of workers other than this one whose lock is free at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH others AS MATERIALIZED (SELECT session FROM work_worker WHERE holds_lock AND session <> %s)"
            " SELECT session FROM others WHERE pg_try_advisory_xact_lock_shared(session)",
            [session],
        )
        return [found for (found,) in cursor.fetchall()]


def forget(session: int) -> None:
    """The worker of that session is not there; one that lives says so again."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM work_worker WHERE session = %s", [session])


def within(seconds: float) -> Presence:
    """Of the workers that were seen within ``seconds``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(sum(threads), 0), coalesce(sum(unconnected), 0),"
            " count(*) FILTER (WHERE unconnected >= threads) FROM work_worker"
            " WHERE seen_at > clock_timestamp() - make_interval(secs => %s)",
            [seconds],
        )
        alive, threads, unconnected, starved = cursor.fetchone()
    return Presence(int(alive), int(threads), int(unconnected), int(starved))
