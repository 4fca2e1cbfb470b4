"""Which runs people may start from an exception packet, who may, and with what they begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handrail.access.actor import Actor
from handrail.access.refusals import Refusal
from handrail.definitions.active import active_runbook, compiled_runbook
from handrail.definitions.models import Definition
from handrail.definitions.runbook.compiled import CompiledRunbook
from handrail.kernel.errors import Conflict, Fault, Invalid
from handrail.runbooks import permissions
from handrail.runbooks.delegated import IncomingTask
from handrail.runbooks.models import ExceptionPacket, FollowUp

UNNAMED = Refusal("follow-up-unnamed", "The runbook of the stopped run doesn't name this one as a follow-up.")


def named(packet: ExceptionPacket) -> Mapping[str, tuple[str, ...]]:
    """By runbook, the roles and groups that may start it from ``packet``."""
    try:
        spec = compiled_runbook(packet.run.definition, pinned=packet.run.definition_digest).spec
    except (Invalid, Conflict):
        return {}
    return {one.runbook: tuple(one.by) for one in spec.exception.follow_up}


def why_not(actor: Actor, packet: ExceptionPacket, runbook: str) -> Refusal | None:
    """Why the actor can't start ``runbook`` from ``packet``, whether or not a version of it is active."""
    if refusal := permissions.why_not_follow_up(actor, packet):
        return refusal
    by = named(packet).get(runbook)
    if by is None:
        return UNNAMED
    return _not_named(actor, runbook, by)


def _not_named(actor: Actor, runbook: str, by: tuple[str, ...]) -> Refusal | None:
    if actor.roles.isdisjoint(by):
        message = f"The runbook that stopped lets only members with {' or '.join(by)} start {runbook} from here."
        return Refusal("follow-up-not-yours", message)
    return None


def target(packet: ExceptionPacket, runbook: str) -> tuple[Definition, CompiledRunbook]:
    """The active version of ``runbook``. Raises NotFound, Invalid, Conflict."""
    definition = active_runbook(packet.workspace_id, runbook)
    return definition, compiled_runbook(definition)


def prefilled(packet: ExceptionPacket, runbook: CompiledRunbook) -> dict[str, Any]:
    """The inputs of the stopped run that ``runbook`` declares too, under the same name and of the same type; the tenant
    by the key that it has now."""
    task, types = packet.run.task, runbook.tasks.variables
    found = {name: value for name, value in task.items() if name in types and value is not None}
    found = {name: value for name, value in found.items() if runbook.tasks.takes(name, value)}
    return found | {runbook.spec.tenant.removeprefix("task."): packet.tenant.key}


def task_of(
    packet: ExceptionPacket, definition: Definition, runbook: CompiledRunbook, inputs: Mapping[str, Any], *, number: int
) -> IncomingTask:
    """The task of the packet's ``number``-th follow-up run, whose inputs are those of the stopped run and ``inputs``
    instead; None takes one away. Raises Invalid, also where it concerns another tenant than the packet."""
    merged = prefilled(packet, runbook) | dict(inputs)
    payload = {name: value for name, value in merged.items() if value is not None}
    task = IncomingTask(f"{packet.ref}.{number}", definition.name, definition.version, payload, made_here=True)
    if runbook.tenant_key(runbook.validate_task(payload)) != packet.tenant.key:
        fault = Fault(runbook.spec.tenant, f"the tenant of the exception packet, {packet.tenant.key}")
        raise Invalid("A follow-up run concerns the tenant of its exception packet.", code="task", faults=[fault])
    return task


def next_number(packet: ExceptionPacket) -> int:
    """Which follow-up run of ``packet`` the next one is."""
    last = FollowUp.objects.filter(packet=packet).order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1
