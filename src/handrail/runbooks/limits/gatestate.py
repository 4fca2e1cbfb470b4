"""What is known of a connector's calls, over all workers, and who may call next: pure, for ``gate`` to write down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from handrail.connectors.config import CallLimits, PassageSettings
from handrail.runbooks.limits.circuit import CallVerdict, Circuit, CircuitState


class WaitCause(StrEnum):
    """Why a call has to wait."""

    BREAKER = "breaker"  # the circuit breaker is open, or its one trial is under way
    ASKED = "asked"  # the service asked for a pause
    AT_ONCE = "calls-at-once"
    RATE = "calls-a-second"
    RUNS_AT_ONCE = "runs-at-once"  # of the runbook itself
    RUNS_A_MINUTE = "runs-a-minute"

    @property
    def is_trouble(self) -> bool:
        """Whether the service itself is the cause, and not a limit that was configured."""
        return self in (WaitCause.BREAKER, WaitCause.ASKED)


@dataclass(frozen=True, slots=True)
class Admitted:
    """The call may be made at ``at``. ``trial``: it is the one that the circuit breaker lets through. ``limits``: those
    that let it through."""

    at: float
    trial: bool = False
    limits: CallLimits = field(default_factory=CallLimits)


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The call may not be made. ``until``: when asking again may help; None where nobody can say."""

    cause: WaitCause
    until: float | None = None


@dataclass(frozen=True, slots=True)
class GateState:
    """``held``: until when each call that is under way has its slot, by the call's id. ``turn_at``: when the next call
    would be due if all came evenly (GCRA, the virtual scheduling of ITU-T I.371). ``limits_seen``: the limits that
    callers have, each as one word, and until when they hold for others too: while workers with other limits are
    restarted one after the other, the strictest of all hold for all."""

    held: Mapping[str, float] = field(default_factory=dict)
    turn_at: float = 0.0
    circuit: Circuit = field(default_factory=Circuit)
    limits_seen: Mapping[str, float] = field(default_factory=dict)

    def admit(
        self, call: str, settings: PassageSettings, now: float, *, seconds: float, turn_wait: float
    ) -> tuple[GateState, Admitted | TurnedAway]:
        """Lets ``call`` through, which keeps its slot for at most ``seconds`` from its turn on; or turns it away, and
        nothing changes but ``limits_seen``. ``turn_wait``: how long the call would wait for its turn."""
        circuit, noted = self.circuit, replace(self, limits_seen=self._limits_seen(settings.limits, now))
        limits = noted.in_force(settings.limits, now)
        if settings.breaker is not None and (until := circuit.refuses_until(now)) is not None:
            asked = circuit.asked_until > now
            return noted, TurnedAway(WaitCause.ASKED if asked else WaitCause.BREAKER, until)
        held = {one: until for one, until in self.held.items() if until > now}
        if limits.calls_at_once is not None and len(held) >= limits.calls_at_once:
            return noted, TurnedAway(WaitCause.AT_ONCE)
        turn_at, at = self._next_turn(limits, now)
        if at - now > turn_wait:
            return noted, TurnedAway(WaitCause.RATE, at - turn_wait)
        if limits.calls_at_once is not None:
            held[call] = at + seconds
        trial = False
        if settings.breaker is not None:
            circuit = circuit.let(call, now, call_until=at + seconds)
            trial = circuit.state is CircuitState.HALF_OPEN
        return replace(noted, held=held, turn_at=turn_at, circuit=circuit), Admitted(at, trial, limits)

    def go_on(self, call: str, settings: PassageSettings, now: float, *, seconds: float) -> tuple[GateState, Admitted]:
        """The next request of ``call``, which is under way: it always gets its turn, and keeps its slot until then."""
        turn_at, at = self._next_turn(self.in_force(settings.limits, now), now)
        held = dict(self.held)
        if call in held:
            held[call] = at + seconds
        circuit = self.circuit
        if circuit.trial == call:
            circuit = replace(circuit, trial_until=at + seconds)
        return replace(self, held=held, turn_at=turn_at, circuit=circuit), Admitted(at)

    def ended(
        self,
        call: str,
        verdict: CallVerdict,
        settings: PassageSettings,
        now: float,
        *,
        why: str = "",
        asked_seconds: float | None = None,
    ) -> GateState:
        """After ``call`` has ended: its slot is free."""
        held = {one: until for one, until in self.held.items() if one != call and until > now}
        circuit = self.circuit
        if settings.breaker is not None:
            circuit = circuit.heard(call, verdict, now, settings.breaker, why=why, asked_seconds=asked_seconds)
        return replace(self, held=held, circuit=circuit)

    def in_force(self, own: CallLimits, now: float) -> CallLimits:
        """The strictest of a process's ``own`` limits and those that were seen: of each number the lowest."""
        every = [own, *(found for word, until in self.limits_seen.items() if until > now and (found := _limits(word)))]
        at_once = [one.calls_at_once for one in every if one.calls_at_once is not None]
        paced = [(one.calls_a_second, one.burst_size) for one in every if one.calls_a_second is not None]
        return CallLimits(
            calls_at_once=min(at_once, default=None),
            calls_a_second=min((rate for rate, _ in paced), default=None),
            burst=min((burst for _, burst in paced), default=None),
        )

    def _limits_seen(self, limits: CallLimits, now: float) -> Mapping[str, float]:
        """What holds by now, with the caller's own ``limits``; said again only once a part of its time is over."""
        seen = {known: until for known, until in self.limits_seen.items() if until > now}
        if seen.get(_word(limits), 0.0) < now + SEEN_SECONDS - AGAIN_SECONDS and limits != _NONE:
            seen[_word(limits)] = now + SEEN_SECONDS
        return seen

    def _next_turn(self, limits: CallLimits, now: float) -> tuple[float, float]:
        """``turn_at`` after one more call, and when that call may be made."""
        if limits.calls_a_second is None:
            return self.turn_at, now
        apart = 1.0 / limits.calls_a_second
        # Where limits were lower before a restart, turns far ahead are not waited for.
        due = min(max(self.turn_at, now), now + limits.burst_size * apart + MOST_TURNS_AHEAD * apart)
        return due + apart, max(now, due - (limits.burst_size - 1) * apart)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> GateState:
        """What ``to_json`` gave. What an earlier or later version wrote besides is left out."""
        kept = found.get("circuit", {})
        known = {name: kept[name] for name in Circuit.__dataclass_fields__ if name in kept}
        if "state" in known:
            known["state"] = CircuitState(known["state"])
        known["recent"] = {int(at): (calls, failures) for at, (calls, failures) in known.get("recent", {}).items()}
        seen = {word: until for word, until in found.get("limits_seen", {}).items() if _limits(word) is not None}
        return cls(dict(found.get("held", {})), found.get("turn_at", 0.0), Circuit(**known), seen)


def _word(limits: CallLimits) -> str:
    return json.dumps([limits.calls_at_once, limits.calls_a_second, limits.burst])


@lru_cache(maxsize=256)
def _limits(word: str) -> CallLimits | None:
    """What ``_word`` gave; None for what another version wrote, and this one can't read."""
    try:
        at_once, a_second, burst = json.loads(word)
        return CallLimits(calls_at_once=at_once, calls_a_second=a_second, burst=burst)
    except (TypeError, ValueError):
        return None


_NONE = CallLimits()
# So long after a process has looked its limits hold for others; it says so again after this part of it.
SEEN_SECONDS = 60.0
AGAIN_SECONDS = 15.0
# So many calls may wait for their turns at once; each has a thread of a worker that waits.
MOST_TURNS_AHEAD = 1000
