"""Closing a connector's circuit breaker by hand."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.proofs import require_recent
from handrail.access.refusals import reason_of
from handrail.connectors import registry
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Conflict, Fault, Invalid
from handrail.runbooks import brakes
from handrail.runbooks.actions.runs import hasten
from handrail.runbooks.limits import store
from handrail.runbooks.limits.gatestate import GateState


def close(*, target: str, reason: str, by: Actor) -> int:
    """Closes the circuit breaker of the connector ``target``, and forgets a pause that the service asked for: the runs
    that wait for it go on. Returns how many of the workspace do; those of others look again within a minute.

    Raises Denied, ProofNeeded, Invalid (no reason, no such connector, or it has no circuit breaker), Conflict
    ``breaker-closed``.
    """
    by.require_everywhere(Capability.RUN_PAUSE)
    require_recent(by)
    settings = registry.passage(target)
    if settings is None or settings.breaker is None:
        guarded = [name for name, one in registry.passages().items() if one.breaker is not None]
        known = ", ".join(sorted(guarded)) or "none has one"
        raise Invalid("This connector has no circuit breaker.", faults=[Fault("target", f"one of: {known}")])
    said = reason_of(reason)
    _, was_open = store.change(target, _closed, by=by, reason=digest_bytes(said.encode()))
    if not was_open:
        raise Conflict("This circuit breaker is closed already.", code="breaker-closed")
    with transaction.atomic():
        woken = brakes.wake(connector=target)
        hasten(woken)
    return len(woken)


def _closed(state: GateState, now: float) -> tuple[GateState, bool]:
    circuit = state.circuit
    if not circuit.stands_open(now):
        return state, False
    return replace(state, circuit=circuit.closed(now)), True
