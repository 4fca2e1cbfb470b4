"""A circuit breaker, as a pure state machine: open after failures, then one call, then closed or open for longer.

All instants are seconds since the epoch by the database's clock, which the caller gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from handrail.connectors.config import BreakerSettings

# Into so many pieces a window is cut, to forget what is older than it piece by piece.
PIECES = 10


class CircuitState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CallVerdict(StrEnum):
    """What a call said of the service: it works, or it does not; or nothing, since it was never made."""

    WORKS = "works"
    FAILS = "fails"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Circuit:
    """``since``: when it came to this state. ``until``: while open, when it lets one call through. ``trial`` is the id
    of that call, and ``trial_until`` when it is given up. ``openings``: how often in a row it opened. ``asked_until``:
    the service asked for a pause until then. ``recent``: calls and failures, by piece of the window. ``why``: the last
    failure, in a word of ours."""

    state: CircuitState = CircuitState.CLOSED
    since: float = 0.0
    until: float = 0.0
    openings: int = 0
    trial: str = ""
    trial_until: float = 0.0
    asked_until: float = 0.0
    recent: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    why: str = ""

    def refuses_until(self, now: float) -> float | None:
        """Until when no call is let through that begins now; None where one is."""
        if self.asked_until > now:
            return self.asked_until
        if self.state is CircuitState.OPEN and self.until > now:
            return self.until
        if self.state is CircuitState.HALF_OPEN and self.trial and self.trial_until > now:
            return self.trial_until
        return None

    def let(self, call: str, now: float, *, call_until: float) -> Circuit:
        """With ``call`` let through: the one trial, unless it is closed. Only where ``refuses_until`` is None."""
        if self.state is CircuitState.CLOSED:
            return self
        since = now if self.state is CircuitState.OPEN else self.since
        return replace(self, state=CircuitState.HALF_OPEN, since=since, trial=call, trial_until=call_until)

    def heard(
        self,
        call: str,
        verdict: CallVerdict,
        now: float,
        settings: BreakerSettings,
        *,
        why: str = "",
        asked_seconds: float | None = None,
    ) -> Circuit:
        """After ``call`` has ended. ``asked_seconds``: the pause that the service asked for. Calls that began before it
        opened change nothing while it is open."""
        asked_until = max(self.asked_until, now + asked_seconds) if asked_seconds else self.asked_until
        asked = replace(self, asked_until=asked_until)
        if self.state is CircuitState.HALF_OPEN and self.trial == call:
            return asked._tried(verdict, now, settings, why)
        if self.state is not CircuitState.CLOSED or verdict is CallVerdict.NOTHING:
            return asked
        return asked._counted(verdict, now, settings, why)

    def stands_open(self, now: float) -> bool:
        """Whether calls wait for it, or would but for one: there is something to close."""
        return self.state is not CircuitState.CLOSED or self.asked_until > now

    def closed(self, now: float) -> Circuit:
        """Closed by hand: as if nothing had failed."""
        return Circuit(since=now)

    def _tried(self, verdict: CallVerdict, now: float, settings: BreakerSettings, why: str) -> Circuit:
        if verdict is CallVerdict.WORKS:
            return replace(self, state=CircuitState.CLOSED, since=now, until=now, trial="", recent={})
        if verdict is CallVerdict.NOTHING:
            return replace(self, trial="", trial_until=now)
        return self._opened(now, settings, why, openings=self.openings + 1)

    def _counted(self, verdict: CallVerdict, now: float, settings: BreakerSettings, why: str) -> Circuit:
        failed = verdict is CallVerdict.FAILS
        if not failed and settings.share is None:
            return self
        piece = int(now * PIECES / settings.window_seconds)
        recent = {at: counted for at, counted in self.recent.items() if piece - PIECES < at <= piece}
        calls, failures = recent.get(piece, (0, 0))
        recent[piece] = (calls + 1, failures + failed)
        counted = replace(self, recent=recent)
        if not failed or not _is_too_much(recent, settings):
            return counted
        # Closed not long ago, so it is the same trouble.
        again = self.openings > 0 and now - self.since < settings.window_seconds
        return counted._opened(now, settings, why, openings=self.openings + 1 if again else 1)

    def _opened(self, now: float, settings: BreakerSettings, why: str, *, openings: int) -> Circuit:
        longer = settings.open_seconds * 2.0 ** min(openings - 1, 32)
        until = now + min(longer, settings.most_open_seconds)
        return replace(
            self,
            state=CircuitState.OPEN,
            since=self.since if self.state is CircuitState.HALF_OPEN else now,
            until=until,
            openings=openings,
            trial="",
            recent={},
            why=why,
        )


def _is_too_much(recent: Mapping[int, tuple[int, int]], settings: BreakerSettings) -> bool:
    calls = sum(calls for calls, _ in recent.values())
    failures = sum(failures for _, failures in recent.values())
    return failures >= settings.failures and (settings.share is None or failures >= settings.share * calls)
