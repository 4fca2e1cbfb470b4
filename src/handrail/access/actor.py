"""Who acts, what they may do, and for which tenants. Made once a request, never kept longer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from handrail.access import decisions
from handrail.access.capabilities import Capability, needed
from handrail.access.decisions import Proof
from handrail.access.proofs import Proven
from handrail.kernel.errors import Denied
from handrail.kernel.scope import RowScope

WHOLE_WORKSPACE = "This concerns the whole workspace. You need to be entitled to every tenant of it."


class ActorKind(StrEnum):
    PERSON = "person"
    WORKER = "worker"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Actor:
    """``tenant_ids`` None means every tenant of the workspace. ``workspace_id`` 0 means no workspace at all.

    ``proof``: how the person has shown who they are; a process never has. ``proven``: when, in a session.
    ``token`` is the reference of the token that acts, and ``withheld`` what its scope leaves out of the member's
    capabilities.
    ``origin``: what else is known about where an act comes from; every audit event of the actor holds it.
    """

    kind: ActorKind
    name: str
    workspace_id: int
    capabilities: frozenset[Capability]
    tenant_ids: frozenset[int] | None
    user_id: int | None = None
    roles: frozenset[str] = frozenset()
    proof: Proof = Proof.NONE
    token: str = ""
    withheld: frozenset[Capability] = frozenset()
    origin: Mapping[str, str] = field(default_factory=dict)
    proven: Proven | None = field(default=None, compare=False)

    def may(self, capability: Capability) -> bool:
        return capability in self.capabilities

    @property
    def scope(self) -> RowScope:
        """The same for the database: what row security shows this actor."""
        return RowScope(self.workspace_id, self.tenant_ids)

    def covers(self, *, workspace_id: int, tenant_id: int) -> bool:
        """Whether a row of this workspace and tenant is in the actor's scope."""
        return workspace_id == self.workspace_id and (self.tenant_ids is None or tenant_id in self.tenant_ids)

    def needs(self, capability: Capability) -> str:
        """What the actor reads who lacks ``capability``: the roles that have it, or that the token leaves it out."""
        if capability in self.withheld:
            return f"This token's scope doesn't include {capability}. Use another token, or the pages."
        return needed(capability)

    def require(self, capability: Capability, *, tenant_id: int | None = None, recent: bool = True) -> None:
        """Raises Denied when the actor lacks ``capability``, or it is for decisions and no person has shown that this
        is theirs, and ProofNeeded when they have to show it once more (``decisions``). ``recent`` False:
        what only reads asks for no new proof. Ask only after scope has been settled."""
        if not self.may(capability):
            code = "token-scope" if capability in self.withheld else None
            raise Denied(self.needs(capability), capability=capability, tenant_id=tenant_id, code=code)
        decisions.require_person(self, capability, tenant_id=tenant_id, recent=recent)

    def may_everywhere(self, capability: Capability) -> bool:
        """Whether ``capability`` is the actor's for the whole workspace."""
        return self.may(capability) and self.tenant_ids is None

    def require_everywhere(self, capability: Capability) -> None:
        """Raises Denied unless the actor has ``capability`` and is entitled to every tenant: for acts that concern the
        whole workspace."""
        self.require(capability)
        if not self.may_everywhere(capability):
            raise Denied(WHOLE_WORKSPACE, capability=capability)


NOBODY = Actor(kind=ActorKind.PERSON, name="nobody", workspace_id=0, capabilities=frozenset(), tenant_ids=frozenset())
