"""The declared reads of a stopped run, made once more for a person, and kept beside what its exception packet holds.

As any read, they go through the gates of their connectors and their circuit breakers; none is begun after the time that
a stop has for the same, and no transaction is open meanwhile. Of what they say only what the packet may carry is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import refuse
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.definitions.active import compiled_runbook
from handrail.definitions.runbook.compiled import CompiledRunbook
from handrail.kernel.clock import now, steady
from handrail.kernel.errors import Conflict, Invalid, Misconfigured
from handrail.runbooks import brakes, permissions, timing
from handrail.runbooks.engine import ledger, position, redecision
from handrail.runbooks.engine.outside import Unreadable, read_all
from handrail.runbooks.engine.position import Position, Row
from handrail.runbooks.limits.gate import TurnWait
from handrail.runbooks.models import ExceptionPacket, OperationRun, Rereading
from handrail.runbooks.queries import rereadings
from handrail.runbooks.queries.rereadings import Reread
from handrail.runbooks.states import BrakeKind, EventKind

# Of one packet. More would be a watch, and that is not what this is for.
REREADINGS_LIMIT = 100
NO_TIME = "There was no time left to read it."
PAUSED = "Its connector is paused by a person."


@dataclass(slots=True)
class _Found:
    """``values`` by read; ``unread`` by read, why not."""

    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)


def read_again(*, ref: str, by: Actor) -> Reread:
    """Makes the declared reads of the stopped run once more, and keeps what they say with its packet.

    Returns it beside what the packet holds: who may read again need not be able to open the packet itself.

    Raises NotFound, Denied, Conflict: ``exception-resolved``, ``tenant-closed``, ``reading-limit``,
    ``definition-unreadable``. A read that can't be made is named, and keeps none of the others from being made.
    """
    packet = guards.get_scoped(by, _packets(), Capability.EXCEPTION_TAKE, ref=ref)
    _refuse(packet, by)
    runbook = _runbook(packet.run)
    rows = ledger.rows_of(packet.run)
    where = position.read(rows)
    found = _read(packet.run, runbook, where)
    _write(packet, by, runbook, found, _known(packet, rows))
    written = rereadings.latest(packet)
    assert written is not None  # it was just written
    return written


def _known(packet: ExceptionPacket, rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """By read, what the run read last: after its stop or before its first call; else what the packet's evidence has."""
    stopped: dict[str, Any] = next((row.detail.get("after", {}) for row in rows if row.kind is EventKind.EXCEPTION), {})
    shown = {item["source"]: item.get("values", {}) for item in packet.evidence if "source" in item}
    return shown | redecision.at_start(rows) | stopped


def _packets() -> Any:
    return ExceptionPacket.objects.select_related("tenant", "run__definition")


def _refuse(packet: ExceptionPacket, by: Actor) -> None:
    refuse(permissions.why_not_read_again(by, packet))
    if Rereading.objects.filter(packet=packet).count() >= REREADINGS_LIMIT:
        message = f"The sources of {packet.ref} were read {REREADINGS_LIMIT} times, the limit."
        raise Conflict(message, code="reading-limit")


def _runbook(run: OperationRun) -> CompiledRunbook:
    try:
        return compiled_runbook(run.definition, pinned=run.definition_digest)
    except (Invalid, Conflict) as error:
        message = f"The runbook version that the run followed can't be read, so nothing is read again. {error.message}"
        raise Conflict(message, code="definition-unreadable") from None


def _read(run: OperationRun, runbook: CompiledRunbook, where: Position) -> _Found:
    """Every read that can be made at the point where the run stopped, each seeing those before it."""
    found, waits = _Found(), timing.get()
    written = runbook.spec.read_budget
    budget = waits.read_budget_seconds if written is None else written
    ends_at = steady() + min(budget, waits.survey_seconds)
    paused = {brake.target for brake in brakes.read(run).brakes if brake.kind is BrakeKind.CONNECTOR}
    for name, read in runbook.reads.items():
        if read.after is not None and read.after not in where.answers:
            continue  # it needs the answer of a step that the run never came to
        left = ends_at - steady()
        if read.connector in paused:
            found.unread[name] = PAUSED
        elif left <= 0 and (found.values or found.unread):
            found.unread[name] = NO_TIME
        else:
            seconds = max(left, waits.limit_wait_seconds)
            scope = _scope(run, runbook, where) | found.values
            try:
                made = read_all(runbook, [name], scope, waits, turn_wait=TurnWait(seconds, seconds))
            except (Unreadable, Misconfigured) as error:
                found.unread[name] = error.message
            else:
                found.values |= made.values
                found.evidence += made.evidence
    return found


def _scope(run: OperationRun, runbook: CompiledRunbook, where: Position) -> dict[str, Any]:
    """What placeholders may name where the run stopped."""
    run_itself = {"runbook": runbook.identity, "task": run.task, "steps": where.answers}
    return run_itself | where.before | {"before": where.before}


@transaction.atomic
def _write(
    packet: ExceptionPacket, by: Actor, runbook: CompiledRunbook, found: _Found, known: dict[str, dict[str, Any]]
) -> None:
    """Keeps what was ``found``, unless the packet was resolved meanwhile. ``known``: what the run read last."""
    locked = ExceptionPacket.objects.select_for_update(of=("self",)).select_related("tenant").get(pk=packet.pk)
    _refuse(locked, by)
    allowed = frozenset(runbook.spec.exception.copy_)
    flat = {f"{read}.{name}": value for read, values in found.values.items() for name, value in values.items()}
    before = {f"{read}.{name}": value for read, values in known.items() for name, value in values.items()}
    differing = [
        name
        for name, value in flat.items()
        if name in before and (type(value) is not type(before[name]) or value != before[name])
    ]
    Rereading.objects.create(
        workspace_id=packet.workspace_id,
        tenant_id=packet.tenant_id,
        packet=packet,
        at=now(),
        by=by.name,
        values={name: value for name, value in flat.items() if name in allowed},
        withheld=sorted(name for name in flat if name not in allowed),
        differing=differing,
        evidence=[{key: value for key, value in one.items() if key != "values"} for one in found.evidence],
        unread=found.unread,
    )
    record(
        EventName.EXCEPTION_READ_AGAIN,
        by=by,
        tenant_id=packet.tenant_id,
        subject_kind="exception",
        subject=packet.ref,
        outcome=EventOutcome.DONE if found.values else EventOutcome.FAILED,
        read=len(found.values),
        unread=len(found.unread),
    )
