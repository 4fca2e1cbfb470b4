"""The one place that asks what time it is: by this machine's clock, or by another's, such as the database's."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from handrail.kernel.configured import Configured

FIRST_YEAR, LAST_YEAR = 1970, 9998


def in_utc(at: datetime) -> datetime:
    """``at``, which has a zone, in UTC. Raises ValueError outside 1970 to 9998: at the ends of the calendar zones and
    databases run out of years."""
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(f"a time of the years {FIRST_YEAR} to {LAST_YEAR}")
    return at.astimezone(UTC)


# Goes on while the machine sleeps, where the system has such a clock, and never jumps. Windows has neither.
_STEADY: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def steady() -> float:
    """Seconds since some moment in the past: for measuring how long something takes. Setting the clock, or a machine
    that sleeps in between, does not disturb it."""
    return time.monotonic() if _STEADY is None else time.clock_gettime(_STEADY)


@dataclass(frozen=True, slots=True)
class RemoteClock:
    """Another machine's clock, as it was ``seen``, carried on by this machine's steady one since ``asked``.

    ``asked`` is ``steady()`` before the question went out, so ``now`` is never behind the other clock, and ahead of it
    by no more than the question took.
    """

    seen: datetime
    asked: float

    def now(self) -> datetime:
        return self.seen + timedelta(seconds=steady() - self.asked)

    def after(self, seconds: float) -> datetime:
        """The instant ``seconds`` from now."""
        return self.now() + timedelta(seconds=seconds)


# The clock that this process goes by instead of its machine's: the database's, in a process that serves.
followed: Configured[RemoteClock] = Configured()


def now() -> datetime:
    """The present instant, timezone-aware, UTC."""
    other = followed.find()
    return own() if other is None else other.now()


def own() -> datetime:
    """What this machine's clock says, timezone-aware, UTC."""
    return datetime.now(UTC)


def after(seconds: float) -> datetime:
    """The instant ``seconds`` from now."""
    return now() + timedelta(seconds=seconds)
