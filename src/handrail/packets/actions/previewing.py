"""A dry run: what a packet would say and what would hold it, before there is one. Nothing of it is kept."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from pydantic import JsonValue

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.definitions.active import active_profile, compiled_profile
from handrail.kernel.clock import now
from handrail.packets import drift
from handrail.packets.actions.assembling import SALT_BYTES
from handrail.packets.assembly.assemble import Inputs, assemble
from handrail.packets.assembly.results import Annex, Assembled, Hold, WithheldAnnex


@dataclass(frozen=True, slots=True)
class PreviewField:
    """One field as the packet would show it. ``held``: the codes for which it would stay inside."""

    path: str
    value: JsonValue
    held: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PreviewHold:
    """``targets``: what holds of this code would be on."""

    code: str
    targets: tuple[str, ...]
    owner: str
    clears: tuple[str, ...]
    blocking: bool
    message: str
    released_by: str


@dataclass(frozen=True, slots=True)
class PreviewAnnex:
    """``reasons``: why it would stay inside, empty where it would leave."""

    name: str
    type: str
    cleared: bool
    size: int
    description: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PacketPreview:
    """``state``: what its first revision would be, ``held`` or ``in_review``. ``holds``: by code, blocking first."""

    profile: str
    version: int
    definition_digest: str
    tenant: str
    lane: str
    tlp: str
    recipients: tuple[str, ...]
    state: str
    fields: tuple[PreviewField, ...]
    holds: tuple[PreviewHold, ...]
    annexes: tuple[PreviewAnnex, ...]


def preview(*, profile: str, inputs: Mapping[str, Any], by: Actor) -> PacketPreview:
    """What the packet of a case would be if it were assembled now. Every source is read; nothing is kept but the audit
    event that says so.

    Raises NotFound, Denied and Invalid as ``assembling.request``, and where reading fails as ``assembling.build``.
    """
    by.require(Capability.PACKET_ASSEMBLE)
    definition = active_profile(by.workspace_id, profile)
    compiled = compiled_profile(definition)
    values = compiled.validate_inputs(inputs)
    tenant = guards.get_open_tenant(by, compiled.tenant_key(values), Capability.PACKET_ASSEMBLE)
    with transaction.atomic():
        guards.hold_open(tenant.pk, key=tenant.key)
        record(
            EventName.PACKET_PREVIEWED,
            by=by,
            workspace_id=by.workspace_id,
            tenant_id=tenant.pk,
            subject_kind="profile",
            subject=profile,
            definition=definition.digest,
        )
    salt = secrets.token_bytes(SALT_BYTES)  # of no packet: nothing can be compared with what one shows
    read = drift.read_now(compiled, values, workspace_id=by.workspace_id, salt=salt)
    made = assemble(
        Inputs(
            profile=compiled,
            inputs=values,
            snapshots=read.snapshots,
            tables=read.tables,
            artifacts=read.artifacts,
            salt=salt,
            at=now(),
            drift=read.drift,
        )
    )
    return PacketPreview(
        profile=profile,
        version=definition.version,
        definition_digest=definition.digest,
        tenant=tenant.key,
        lane=made.lane,
        tlp=made.tlp,
        recipients=made.recipients,
        state="held" if made.blocking else "in_review",
        fields=_fields(made, [field.path for field in compiled.fields]),
        holds=_holds(made.holds),
        annexes=(*map(_annex, made.annexes), *map(_withheld, made.held)),
    )


def _fields(made: Assembled, paths: list[str]) -> tuple[PreviewField, ...]:
    found = []
    for path in paths:
        value: Any = made.packet["fields"]
        for part in path.split("."):
            value = value[part]
        held = tuple(value["held"]) if isinstance(value, dict) else ()
        found.append(PreviewField(path, None if held else value, held))
    return tuple(found)


def _holds(holds: tuple[Hold, ...]) -> tuple[PreviewHold, ...]:
    by_code: dict[tuple[str, bool], list[Hold]] = {}
    for hold in sorted(holds, key=lambda hold: not hold.blocking):
        by_code.setdefault((hold.code, hold.blocking), []).append(hold)
    return tuple(
        PreviewHold(
            code=code,
            targets=tuple(hold.target for hold in several),
            owner=several[0].owner,
            clears=several[0].clears,
            blocking=blocking,
            message=several[0].message,
            released_by=several[0].released_by,
        )
        for (code, blocking), several in by_code.items()
    )


def _annex(annex: Annex) -> PreviewAnnex:
    said = annex.facts.sentence() if annex.facts else ""
    return PreviewAnnex(annex.name, annex.type, cleared=True, size=annex.size, description=said, reasons=())


def _withheld(one: WithheldAnnex) -> PreviewAnnex:
    return PreviewAnnex(one.name, one.type, cleared=False, size=0, description="", reasons=one.reasons or (one.reason,))
