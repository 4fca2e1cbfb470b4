"""Something of every kind that can be looked for, and the text that it is found by."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.access.models import Tenant, Workspace
from handrail.definitions.models import Definition
from handrail.kernel.canonical import digest
from handrail.kernel.clock import now
from handrail.kernel.ids import Prefix, new_ref
from handrail.packets.models import Packet
from handrail.runbooks.models import ExceptionPacket, OperationRun, TaskRefusal
from handrail.runbooks.states import EventKind
from handrail.support.models import SupportRequest
from handrail.support.states import HandoffMode, PrimaryContext
from tests.factories import packet_rows, rows


@dataclass(frozen=True, slots=True)
class References:
    tenant: Tenant
    definition: Definition
    profile: Definition
    run: OperationRun
    exception: ExceptionPacket
    packet: Packet
    of_tenant: SupportRequest
    of_run: SupportRequest
    refused: TaskRefusal

    def texts(self) -> dict[str, str]:
        """What each is found by, by a name of its kind."""
        return {
            "run": self.run.ref,
            "task": self.run.task_key,
            "exception": self.exception.ref,
            "packet": self.packet.ref,
            "case": self.packet.subject,
            "request of tenant": self.of_tenant.ref,
            "request of run": self.of_run.ref,
            "ticket": str(self.of_run.external_ticket_reference),
            "refused task": self.refused.task_key,
            "tenant key": self.tenant.key,
            "tenant name": self.tenant.name,
        }


def everything(workspace: Workspace, *, name: str = "Zweigstelle Nord", mark: str = "A") -> References:
    """``mark`` is in every text that is chosen here, and keeps those of two workspaces apart."""
    tenant, definition = rows.tenant(workspace, name=f"{name} {mark}"), rows.definition(workspace)
    profile = packet_rows.profile(workspace)
    run = rows.made_run(tenant, definition)
    run.task_key = f"CHG-{mark}-4711"
    run.save(force_insert=True)
    rows.entry(run, EventKind.RECEIVED)
    return References(
        tenant,
        definition,
        profile,
        run,
        rows.exception(tenant, definition),
        packet_rows.packet(tenant, profile, subject=f"birch {mark} / CASE-{mark}-88 / eu"),
        request(tenant),
        request(tenant, run, ticket=f"T-{mark}-1200"),
        TaskRefusal.objects.create(
            workspace=workspace,
            task_key=f"CHG-{mark}-BAD",
            task_digest=digest({"mark": mark}),
            at=now(),
            code="task-malformed",
            message="The task has no payload.",
        ),
    )


def request(tenant: Tenant, run: OperationRun | None = None, *, ticket: str | None = None) -> SupportRequest:
    """A request about the tenant, or raised from the run; linked to the external ``ticket`` where one is given."""
    ref = new_ref(Prefix.SUPPORT_REQUEST)
    return SupportRequest.objects.create(
        ref=ref,
        workspace_id=tenant.workspace_id,
        tenant=tenant,
        run=run,
        initiator="ann@example.com",
        primary_context=PrimaryContext.OPERATION_RUN if run else PrimaryContext.TENANT,
        attachment_mode="redacted_context",
        severity="normal",
        summary="canary-summary",
        contact_name="Ann",
        contact_email="ann@example.com",
        context_envelope={},
        submission_key=f"key-{ref}",
        content_digest=digest({"ref": ref}),
        created_at=now(),
        updated_at=now(),
        external_handoff_mode=HandoffMode.LINK if ticket else HandoffMode.INTERNAL_ONLY,
        external_ticket_reference=ticket,
    )
