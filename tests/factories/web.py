"""An installation's pages: something in every state, as a person finds it who may see all of it."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.access.capabilities import Role
from handrail.access.models import AccessToken, Erasure, LegalHold, Membership, Passkey, Tenant, Workspace
from handrail.audit.models import AuditEvent
from handrail.definitions.models import Definition
from handrail.definitions.states import DefinitionState
from handrail.notifications.models import ChannelDelivery
from handrail.packets.models import Packet
from handrail.runbooks.models import Brake, ExceptionPacket, OperationRun, TaskUpdate
from handrail.runbooks.states import EventKind, RunState
from handrail.runbooks.wavemodels import Wave
from tests.factories import log, packet_rows, rows, wave_rows


@dataclass(frozen=True, slots=True)
class Web:
    workspace: Workspace
    tenant: Tenant
    definition: Definition
    proposal: Definition
    received: OperationRun
    invoking: OperationRun
    completed: OperationRun
    stopped: ExceptionPacket
    packet: Packet
    token: AccessToken
    member: Membership
    brake: Brake
    message: TaskUpdate
    notice: ChannelDelivery
    wave: Wave
    hold: LegalHold
    erasure: Erasure
    key: Passkey
    event: AuditEvent

    def ids(self) -> dict[str, str]:
        """A value for every kind of parameter in the URL map."""
        return {
            "tenant": self.tenant.key,
            "run": self.completed.ref,
            "exception": self.stopped.ref,
            "definition": str(self.proposal.pk),
            "packet": self.packet.ref,
            "token": self.token.ref,
            "member": str(self.member.pk),
            "brake": self.brake.ref,
            "message": self.message.ref,
            "notice": self.notice.ref,
            "lane": self.packet.lane,
            "wave": self.wave.ref,
            "event": str(self.event.pk),
            "hold": self.hold.ref,
            "erasure": self.erasure.ref,
            "key": self.key.ref,
        }


def something_of_everything(workspace: Workspace, tenant: Tenant) -> Web:
    definition = rows.definition(workspace, text=rows.runbook_text())
    wave = wave_rows.wave(definition)
    received = rows.run(tenant, definition)
    rows.entry(received, EventKind.RECEIVED)
    invoking = rows.run(tenant, definition, state=RunState.INVOKING)
    rows.checked(invoking)
    rows.entry(
        invoking, EventKind.INTENT, after=1, step="resynchronise", attempt=1, key=f"{invoking.ref}:resynchronise"
    )
    stopped = rows.exception(tenant, definition)
    member = rows.member(workspace, Role.OPERATOR)
    return Web(
        workspace,
        tenant,
        definition,
        rows.definition(workspace, version=2, state=DefinitionState.PROPOSED, text=rows.runbook_text(2)),
        received,
        invoking,
        rows.completed_run(tenant, definition, of_wave=wave),
        stopped,
        packet_rows.packet(tenant, packet_rows.profile(workspace)),
        rows.token(workspace),
        member.membership_set.get(),
        rows.brake(tenant),
        rows.task_update(stopped),
        rows.notice(tenant, stopped.ref),
        wave,
        rows.hold(tenant),
        rows.erasure(tenant),
        rows.passkey(member),
        log.event(received.ref, workspace_id=workspace.pk, tenant_id=tenant.pk),
    )
