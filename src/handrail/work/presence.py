"""Which workers are at work, by the database's clock."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

# A worker that was not seen for so long is forgotten.
KEPT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Presence:
    """``alive``: workers seen lately. ``threads``: how many rows these can work on at once; ``unconnected``: of these,
    those that can't get a connection to the database. ``starved``: workers none of whose threads has one."""

    alive: int
    threads: int
    unconnected: int
    starved: int


def seen(name: str, *, threads: int, unconnected: int) -> None:
    """This worker is there, and forgets those that are gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO work_worker (name, started_at, seen_at, threads, unconnected)"
            " VALUES (%s, clock_timestamp(), clock_timestamp(), %s, %s) ON CONFLICT (name) DO UPDATE"
            " SET seen_at = excluded.seen_at, threads = excluded.threads, unconnected = excluded.unconnected",
            [name, threads, unconnected],
        )
        cursor.execute(
            "DELETE FROM work_worker WHERE seen_at < clock_timestamp() - make_interval(secs => %s)", [KEPT_SECONDS]
        )


def gone(name: str) -> None:
    """This worker has ended as it should."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM work_worker WHERE name = %s", [name])


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
