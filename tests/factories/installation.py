"""One installation to test on: a workspace with a tenant, and for each slice what its tests need.

``Installation()`` has an approved runbook; its other parts are made when they are first asked for:

    runs       tasks, and runs of the runbook: ``.runs.start()``, ``.runs.advance(run)``
    packets    a packet profile, those who sign, the sources and the vendor's lane: ``.packets.assemble()``
    support    a stopped run, an operator, an auditor, an administrator: ``.support.submit()``
    web        a run, an exception, a definition and a packet in every state: ``.web.ids()``
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from functools import cached_property

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.access.models import Membership, Tenant, User, Workspace
from handrail.definitions.models import Definition
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.kernel.clock import now
from handrail.runbooks.states import RunState
from tests.factories import rows
from tests.factories.compiled import compiled
from tests.factories.packets import SIGNERS, Packets, Sources, Vendor
from tests.factories.runs import Runs
from tests.factories.support import Support
from tests.factories.switches import RUNBOOK
from tests.factories.web import Web, something_of_everything
from tests.unit.definitions.profile_samples import PROFILE, TABLES

_number = itertools.count(1)


class Installation:
    """``runbook``: approved at once, unless it is None. ``digest`` is that of another text, for a runbook that is not
    what was approved. ``profile``: of the packets."""

    def __init__(
        self,
        runbook: str | None = RUNBOOK,
        *,
        workspace: str = "acme",
        name: str = "",
        tenant: str = "ten_one",
        customer: str = "One Ltd",
        digest: str = "",
        profile: str = PROFILE,
    ) -> None:
        at = now()
        self.workspace = Workspace.objects.create(slug=workspace, name=name or workspace.title(), created_at=at)
        self.tenant = Tenant.objects.create(workspace=self.workspace, key=tenant, name=customer, created_at=at)
        self.worker: Actor = access.worker("worker-1", self.workspace.pk)
        self.profile = profile
        self.runbook = define(self.workspace, runbook, DefinitionKind.RUNBOOK, digest=digest) if runbook else None

    @classmethod
    def named(cls, name: str, runbook: str | None = None) -> Installation:
        """One of several beside each other."""
        number = next(_number)
        slug, key = f"{name.lower()}-{number}", f"ten_{name.lower()}_{number}"
        return cls(runbook, workspace=slug, name=name, tenant=key, customer=f"{name} customer")

    @cached_property
    def runs(self) -> Runs:
        assert self.runbook is not None, "this installation was made without a runbook"
        return Runs(self.workspace, self.tenant, self.runbook, self.worker)

    @cached_property
    def packets(self) -> Packets:
        """Ada and Cy own escalations, Ben signs for privacy, Cy could too; Dee assembles."""
        define(self.workspace, self.profile, DefinitionKind.PACKET)
        for table in TABLES:
            define(self.workspace, table, DefinitionKind.TABLE)
        people = {name: member(self.workspace, name, roles) for name, roles in SIGNERS.items()}
        people["dee"] = member(self.workspace, "dee", ["operator", "escalation-owner"])
        people["eve"] = member(self.workspace, "eve", ["senior-support", "identity-owner"])
        sources = Sources(now())
        sources.case["updated_at"] = (now() - timedelta(minutes=10)).isoformat()
        return Packets(self.workspace, self.tenant, sources, Vendor(), self.worker, people)

    @cached_property
    def support(self) -> Support:
        """A run that is being invoked, and a member of each kind that matters to requests."""
        assert self.runbook is not None, "this installation was made without a runbook"
        task = {"tenant_id": self.tenant.key, "switch_id": "canary-switch", "note": "canary-payload"}
        run = rows.run(self.tenant, self.runbook, state=RunState.INVOKING, task=task, subject="canary-subject")
        rows.checked(run)
        roles = (Role.OPERATOR, Role.AUDITOR, Role.WORKSPACE_ADMINISTRATOR)
        return Support(self.tenant, run, *(access.actor_for(rows.member(self.workspace, role)) for role in roles))

    @cached_property
    def web(self) -> Web:
        return something_of_everything(self.workspace, self.tenant)


def define(of: Workspace, text: str, kind: DefinitionKind, *, digest: str = "") -> Definition:
    """An approved definition."""
    definition, at = compiled(kind, text), now()
    return Definition.objects.create(
        workspace=of,
        kind=kind,
        name=definition.name,
        version=definition.version,
        title=definition.title,
        owner=definition.owner,
        text=text,
        digest=digest or definition.digest,
        state=DefinitionState.ACTIVE,
        proposed_at=at,
        proposed_by="author@example.com",
        decided_at=at,
        decided_by="owner@example.com",
    )


def member(of: Workspace, name: str, roles: list[str]) -> User:
    user = User.objects.create_user(f"{name}@example.com", first_name=name.title())
    Membership.objects.create(workspace=of, user=user, roles=roles, all_tenants=True, created_at=now())
    return user
