"""The row of each connector: read, and written back if nobody else has written it since."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from django.db import OperationalError, connection, transaction
from psycopg.errors import SerializationFailure
from psycopg.types.json import Jsonb

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel import scope
from handrail.runbooks.limits.circuit import Circuit, CircuitState
from handrail.runbooks.limits.gatestate import GateState

log = structlog.get_logger("handrail.limits")
T = TypeVar("T")
Decide = Callable[[GateState, float], tuple[GateState, T]]

# In whose name it is written that a breaker opened or closed by itself.
ACTOR = "circuit-breaker"

# A transaction of ours that says nothing for so long is one whose process has stopped, or whose network is gone.
STALLED_AFTER = "5s"

_READ = """
SELECT extract(epoch FROM clock_timestamp())::float8, version, state FROM runbooks_connectorgate WHERE connector = %s"""
_ADD = """
INSERT INTO runbooks_connectorgate (connector, version, state, refused) VALUES (%s, 0, '{}', 0)
ON CONFLICT DO NOTHING"""
_REPLACE = """
UPDATE runbooks_connectorgate SET version = version + 1, state = %s WHERE connector = %s AND version = %s
RETURNING version"""
_REFUSED = "UPDATE runbooks_connectorgate SET refused = refused + 1 WHERE connector = %s"


@dataclass(frozen=True, slots=True)
class Known:
    """``at``: seconds since the epoch, when it was read. ``refused``: how many calls had to wait elsewhere."""

    at: float
    version: int
    state: GateState
    refused: int = 0


def change(connector: str, decide: Decide[T], *, by: Actor | None = None, reason: str = "") -> tuple[float, T]:
    """What ``decide`` says of the connector's state and the time, once the state that it gives is written; and that
    time. It is asked again where somebody else was first.

    That a breaker opened or closed is recorded once: ``by`` a person, with their reason's digest, or by itself.
    """
    tries = 0
    while True:
        known = _read(connector)
        state, answer = decide(known.state, known.at)
        if state == known.state or _is_first(connector, known, state, by, reason):
            return known.at, answer
        tries += 1
        time.sleep(random.uniform(0.0, min(0.001 * tries, 0.02)))  # noqa: S311 - only so that not all try at once


def _is_first(connector: str, before: Known, state: GateState, by: Actor | None, reason: str) -> bool:
    """Whether the state is written, and nobody was first. Where transactions are REPEATABLE READ or stricter, the
    database says so by an error."""
    try:
        return _replace(connector, before, state, by, reason)
    except OperationalError as error:
        if _met_another(error):
            return False
        raise


def _met_another(error: OperationalError) -> bool:
    """Whether the statement may be made again: another transaction changed the row first."""
    return isinstance(error.__cause__, SerializationFailure) and not connection.in_atomic_block


def known(connectors: list[str]) -> dict[str, Known]:
    """What is known of those connectors, by name; nothing of those that nobody called yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT connector, extract(epoch FROM clock_timestamp())::float8, version, state, refused"
            " FROM runbooks_connectorgate WHERE connector = ANY(%s)",
            [connectors],
        )
        rows = cursor.fetchall()
    return {
        name: Known(at, version, GateState.from_json(json.loads(state)), refused)
        for name, at, version, state, refused in rows
    }


def count_refused(connector: str) -> None:
    """Counts a call that was turned away."""
    while True:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_REFUSED, [connector])
        except OperationalError as error:
            if not _met_another(error):
                raise
        else:
            return


def _read(connector: str) -> Known:
    while (found := _found(connector)) is None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_ADD, [connector])
        except OperationalError as error:  # somebody else has just added it
            if not _met_another(error):
                raise
    at, version, state = found
    return Known(at, version, GateState.from_json(json.loads(state)))


def _found(connector: str) -> tuple[float, int, str] | None:
    with connection.cursor() as cursor:
        cursor.execute(_READ, [connector])
        found: tuple[float, int, str] | None = cursor.fetchone()
        return found


def _replace(connector: str, before: Known, state: GateState, by: Actor | None, reason: str) -> bool:
    event = _event(before.state.circuit, state.circuit) if by is None else EventName.BREAKER_CLOSED
    if event is None:
        return _written(connector, before.version, state)
    with transaction.atomic():
        _not_for_long()
        if not _written(connector, before.version, state):
            return False
        _audit(event, connector, state.circuit, by, reason)
    log.warning(event.value, connector=connector, why=state.circuit.why, openings=state.circuit.openings)
    return True


def _not_for_long() -> None:
    """The transaction ends if this process stops in the middle of it: all callers wait for the row that it writes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, true)", [STALLED_AFTER])


def _written(connector: str, version: int, state: GateState) -> bool:
    changed: list[Any] = [Jsonb(state.to_json()), connector, version]
    with connection.cursor() as cursor:
        cursor.execute(_REPLACE, changed)
        return cursor.fetchone() is not None


def _event(before: Circuit, after: Circuit) -> EventName | None:
    """What is worth an event: that it opened, and that it closed; not each trial in between."""
    was, now = before.state, after.state
    if was is CircuitState.CLOSED and now is CircuitState.OPEN:
        return EventName.BREAKER_OPENED
    if was is not CircuitState.CLOSED and now is CircuitState.CLOSED:
        return EventName.BREAKER_CLOSED
    return None


def _audit(event: EventName, connector: str, circuit: Circuit, by: Actor | None, reason: str) -> None:
    """In the workspace of the run that noticed it: connectors belong to the installation."""
    within = scope.current()
    record(
        event,
        by=by or access.worker(ACTOR, within.workspace_id if within else 0),
        subject_kind="connector",
        subject=connector,
        why=circuit.why,
        openings=circuit.openings,
        reason=reason or None,
    )
