"""Reading through a connector under its limits and its circuit breaker, for callers that hold no run."""

from __future__ import annotations

from handrail.connectors.operation import Operation, Performer
from handrail.connectors.outcome import Reading
from handrail.runbooks import timing
from handrail.runbooks.limits import gate
from handrail.runbooks.limits.gate import TurnWait


def read(connector: str, source: Performer, operation: Operation) -> Reading:
    """What ``source`` has, once it is the caller's turn, for which it is waited a while. Raises ReadFailed, which may
    say that the connector is at a limit, or its circuit breaker open; Misconfigured."""
    waits = timing.get()
    turn_wait = TurnWait(waits.limit_further_wait_seconds, waits.limit_further_wait_seconds)
    return gate.read(connector, source, operation, turn_wait=turn_wait)
