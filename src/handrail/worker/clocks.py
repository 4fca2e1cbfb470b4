"""How far the clocks of an installation's processes are from the database's. Each says so in its log and keeps it where
all see it, so that ``handrail check`` and the metrics show every machine.

Leases, deadlines, expiries and audit times are written by one process and read by another. So those that serve go by
the database's clock, as they last saw it: one whose machine is an hour off harms nothing.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.core.cache import cache
from django.db import Error, connection, transaction
from django.db.backends.utils import CursorWrapper

from handrail.kernel.clock import RemoteClock, followed, own, steady
from handrail.kernel.hostile import clean_text
from handrail.worker.identity import worker_name

log = structlog.get_logger("handrail.worker")

TOLERANCE_SECONDS = 2.0
EVERY_SECONDS, KEPT_SECONDS = 60.0, 300.0
# Of several looks the quickest counts: its middle is the least uncertain.
LOOKS = 3
MOST, NAME_LIMIT, READING_LENGTH = 500, 200, 3
KEY = "clocks"
# Any constant will do, so long as nothing else in this database takes the same advisory lock.
LOCK = 0x436C6F636B73
_reported: list[float] = []


@dataclass(frozen=True, slots=True)
class ClockReading:
    """``seconds``: how far the process's clock is ahead of the database's; negative behind it."""

    process: str
    kind: str
    seconds: float

    @property
    def apart(self) -> bool:
        return abs(self.seconds) > TOLERANCE_SECONDS


@dataclass(frozen=True, slots=True)
class ClockComparison:
    """``seconds``: how far this machine's clock is ahead of the database's, ``there``."""

    seconds: float
    there: RemoteClock


def report(kind: str, *, follow: bool = False) -> ClockReading:
    """Measures this process's clock, keeps the reading for all to see, and warns in the log where it is apart. With
    ``follow`` the process goes by the database's clock from then on."""
    compared = _compared()
    at, seconds = compared.there.seen, compared.seconds
    if follow:
        followed.set(compared.there)
    reading = ClockReading(worker_name(), kind, seconds)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        kept = _recent(at) | {reading.process: (kind, seconds, at.timestamp())}
        # For ever: a process whose clock is hours ahead would find it expired. Old readings go by the database's clock.
        cache.set(KEY, dict(list(kept.items())[-MOST:]), None)
    if reading.apart:
        log.warning("this machine's clock is apart from the database's", seconds=round(seconds, 2), kind=kind)
    return reading


def follow() -> None:
    """This process goes by the database's clock from now on. One look is enough for one that ends soon."""
    with connection.cursor() as cursor:
        followed.set(_look(cursor)[2])


def report_now_and_then(kind: str) -> None:
    """As ``report``, but at most once a minute, however often it is called; and follows the database's clock."""
    at = time.monotonic()
    if not _reported or at - _reported[0] >= EVERY_SECONDS:
        _reported[:] = [at]
        report(kind, follow=True)


def keep_reporting(kind: str) -> None:
    """In a thread of its own, until the process ends, which goes by the database's clock meanwhile. While the database
    is away there is nothing to compare with."""
    threading.Thread(target=_forever, args=(kind,), name="clock", daemon=True).start()


def readings() -> list[ClockReading]:
    """Of every process that reported within five minutes, those farthest apart first."""
    at = _compared().there.seen
    found = [ClockReading(process, kind, seconds) for process, (kind, seconds, _) in _recent(at).items()]
    return sorted(found, key=lambda one: -abs(one.seconds))


def _forever(kind: str) -> None:
    while True:
        try:
            report(kind, follow=True)
        except Error as error:
            log.info("the clock was not compared: the database is away", error=type(error).__name__)
        finally:
            connection.close()
        time.sleep(EVERY_SECONDS)


def _compared() -> ClockComparison:
    with connection.cursor() as cursor:
        _, seconds, clock = min((_look(cursor) for _ in range(LOOKS)), key=lambda look: look[0])
    return ClockComparison(seconds, clock)


def _look(cursor: CursorWrapper) -> tuple[float, float, RemoteClock]:
    """How long it took; how far this machine's clock is ahead; and the database's clock."""
    asked, before = steady(), own()
    cursor.execute("SELECT clock_timestamp()")
    (there,) = cursor.fetchone()
    took = steady() - asked
    return took, (before - there).total_seconds() + took / 2, RemoteClock(there, asked)


def _recent(at: datetime) -> dict[str, tuple[str, float, float]]:
    since, until = at.timestamp() - KEPT_SECONDS, at.timestamp() + KEPT_SECONDS
    return {process: kept for process, kept in _kept() if since < kept[2] < until}


def _kept() -> Iterator[tuple[str, tuple[str, float, float]]]:
    """What is readable of it: every process can write into the shared cache, and one of another version does."""
    kept = cache.get(KEY)
    for process, reading in kept.items() if isinstance(kept, dict) else ():
        if not isinstance(process, str) or not isinstance(reading, list) or len(reading) != READING_LENGTH:
            continue
        kind, *figures = reading
        if isinstance(kind, str) and all(isinstance(one, float) and math.isfinite(one) for one in figures):
            yield clean_text(process, limit=NAME_LIMIT), (clean_text(kind, limit=NAME_LIMIT), *figures)
