"""Connectors with limits or a circuit breaker: how they stand, and which runs wait for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Count, F

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import Refusal, missing_everywhere
from handrail.connectors import registry
from handrail.connectors.config import PassageSettings
from handrail.runbooks.limits import store
from handrail.runbooks.limits.gatestate import GateState, WaitCause
from handrail.runbooks.limits.store import Known
from handrail.runbooks.models import PausedRun


@dataclass(frozen=True, slots=True)
class WaitsForConnector:
    """What a run waits for: ``cause`` as in ``limits.gatestate``, and in a sentence; ``until`` when the service is
    tried again, where that is known."""

    connector: str
    cause: str
    message: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class ConnectorPassage:
    """``calls_at_once``, ``calls_a_second`` and ``burst`` as they hold for the whole installation: the strictest, while
    its processes have different ones. ``breaker``: the
    state of its circuit breaker, None without one; ``since`` and ``until`` of that state, ``why`` the last failure and
    ``openings`` how often in a row it opened. ``asked_until``: the service asked for a pause. ``under_way``: calls that
    have a slot. ``refused``: how many had to wait so far. ``waiting``: runs in the actor's scope that wait.
    """

    connector: str
    calls_at_once: int | None
    calls_a_second: float | None
    burst: int | None
    breaker: str | None
    since: datetime | None
    until: datetime | None
    asked_until: datetime | None
    why: str
    openings: int
    under_way: int
    refused: int
    waiting: int
    why_not_close: Refusal | None


_MESSAGES = {
    WaitCause.BREAKER: "The circuit breaker of {} is open, because its calls failed.",
    WaitCause.ASKED: "{} asked for a pause.",
    WaitCause.AT_ONCE: "As many calls as may be are under way through {}.",
    WaitCause.RATE: "As many calls a second as may be go through {}.",
    WaitCause.RUNS_AT_ONCE: "As many runs of {} as may be are under way.",
    WaitCause.RUNS_A_MINUTE: "As many runs of {} as may begin in a minute have begun.",
}


def list_breakers(actor: Actor) -> list[ConnectorPassage]:
    """The connectors that have limits or a circuit breaker, by name. Raises Denied."""
    actor.require(Capability.RUN_VIEW)
    settings = registry.passages()
    known, waiting = store.known(sorted(settings)), _waiting(actor)
    return [_passage(actor, name, settings[name], known.get(name), waiting.get(name, 0)) for name in sorted(settings)]


def waits_for(note: PausedRun | None) -> WaitsForConnector | None:
    """Which connector a run waits for by its ``note``, loaded with the run; None where it waits for none."""
    if note is None or not note.connector or note.passed_at is not None:
        return None
    if note.run.finished_at is not None or note.run_updated_at != note.run.updated_at:
        return None
    message = _MESSAGES[WaitCause(note.cause)].format(note.connector)
    return WaitsForConnector(note.connector, note.cause, message, note.at, note.until)


def _waiting(actor: Actor) -> dict[str, int]:
    rows = PausedRun.objects.filter(
        workspace_id=actor.workspace_id,
        passed_at=None,
        run__finished_at=None,
        run__updated_at=F("run_updated_at"),
    ).exclude(connector="")
    if actor.tenant_ids is not None:
        rows = rows.filter(tenant_id__in=actor.tenant_ids)
    return dict(rows.order_by().values_list("connector").annotate(n=Count("pk")))


def _passage(actor: Actor, name: str, settings: PassageSettings, known: Known | None, waiting: int) -> ConnectorPassage:
    now, state = (known.at, known.state) if known else (0.0, GateState())
    circuit, limits = state.circuit, state.in_force(settings.limits, now)
    has_breaker, stands_open = settings.breaker is not None, circuit.stands_open(now)
    closed = None if stands_open else Refusal("breaker-closed", "It is closed.")
    return ConnectorPassage(
        connector=name,
        calls_at_once=limits.calls_at_once,
        calls_a_second=limits.calls_a_second,
        burst=limits.burst_size if limits.calls_a_second is not None else None,
        breaker=circuit.state.value if has_breaker else None,
        since=_instant(circuit.since) if has_breaker else None,
        until=_instant(circuit.until) if has_breaker and circuit.until > now else None,
        asked_until=_instant(circuit.asked_until) if has_breaker and circuit.asked_until > now else None,
        why=circuit.why if has_breaker and stands_open else "",
        openings=circuit.openings if has_breaker and stands_open else 0,
        under_way=sum(1 for until in state.held.values() if until > now),
        refused=known.refused if known else 0,
        waiting=waiting,
        why_not_close=missing_everywhere(actor, Capability.RUN_PAUSE) or closed,
    )


def _instant(at: float) -> datetime | None:
    return datetime.fromtimestamp(at, UTC) if at else None
