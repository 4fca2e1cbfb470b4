"""Capabilities (``subject:verb``) and the roles that bundle them. Code names the constant, never the string."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType


class Capability(StrEnum):
    TENANT_VIEW = "tenant:view"
    TENANT_MANAGE = "tenant:manage"
    TENANT_HOLD = "tenant:hold"
    TENANT_ERASE = "tenant:erase"
    MEMBER_VIEW = "member:view"
    MEMBER_MANAGE = "member:manage"

    RUN_VIEW = "run:view"
    RUN_PREVIEW = "run:preview"
    RUN_START = "run:start"
    RUN_CANCEL = "run:cancel"
    RUN_STOP = "run:stop"
    RUN_PAUSE = "run:pause"
    RUN_REVIEW = "run:review"
    WAVE_START = "wave:start"
    EXCEPTION_VIEW = "exception:view"
    EXCEPTION_TAKE = "exception:take"
    EXCEPTION_RESOLVE = "exception:resolve"

    SUPPORT_REQUEST = "support:request"

    DEFINITION_VIEW = "definition:view"
    DEFINITION_PROPOSE = "definition:propose"
    DEFINITION_DECIDE = "definition:decide"

    PACKET_VIEW = "packet:view"
    PACKET_ASSEMBLE = "packet:assemble"
    PACKET_CLEAR_HOLD = "packet:clear_hold"
    PACKET_APPROVE = "packet:approve"
    PACKET_WITHDRAW = "packet:withdraw"
    PACKET_RELEASE = "packet:release"

    AUDIT_VIEW = "audit:view"
    AUDIT_EXPORT = "audit:export"
    EVALUATION_VIEW = "evaluation:view"


class Role(StrEnum):
    OPERATOR = "operator"
    SENIOR_SUPPORT = "senior-support"
    ESCALATION_OWNER = "escalation-owner"
    PACKET_SIGNER = "packet-signer"
    GOVERNANCE_OWNER = "governance-owner"
    AUDITOR = "auditor"
    WORKSPACE_ADMINISTRATOR = "workspace-administrator"


C = Capability
_SEE = frozenset({C.TENANT_VIEW, C.RUN_VIEW, C.EXCEPTION_VIEW, C.DEFINITION_VIEW, C.PACKET_VIEW})
_OPERATE = _SEE | {C.RUN_PREVIEW, C.RUN_START, C.RUN_CANCEL, C.RUN_STOP, C.SUPPORT_REQUEST, C.PACKET_ASSEMBLE}

BUNDLES: Mapping[Role, frozenset[Capability]] = MappingProxyType(
    {
        Role.OPERATOR: _OPERATE,
        Role.SENIOR_SUPPORT: _OPERATE
        | {C.EXCEPTION_TAKE, C.EXCEPTION_RESOLVE, C.PACKET_CLEAR_HOLD, C.DEFINITION_PROPOSE, C.EVALUATION_VIEW}
        | {C.RUN_PAUSE, C.RUN_REVIEW, C.WAVE_START},
        Role.ESCALATION_OWNER: _SEE
        | {C.PACKET_CLEAR_HOLD, C.PACKET_APPROVE, C.PACKET_WITHDRAW, C.PACKET_RELEASE, C.EVALUATION_VIEW},
        Role.PACKET_SIGNER: _SEE | {C.PACKET_CLEAR_HOLD, C.PACKET_APPROVE},
        Role.GOVERNANCE_OWNER: _SEE
        | {C.DEFINITION_PROPOSE, C.DEFINITION_DECIDE, C.PACKET_CLEAR_HOLD, C.AUDIT_VIEW, C.EVALUATION_VIEW}
        | {C.RUN_PAUSE, C.RUN_REVIEW, C.TENANT_HOLD, C.TENANT_ERASE},
        Role.AUDITOR: _SEE | {C.AUDIT_VIEW, C.AUDIT_EXPORT, C.EVALUATION_VIEW, C.MEMBER_VIEW},
        Role.WORKSPACE_ADMINISTRATOR: frozenset({C.TENANT_VIEW, C.TENANT_MANAGE, C.TENANT_HOLD, C.TENANT_ERASE})
        | {C.MEMBER_VIEW, C.MEMBER_MANAGE},
    }
)


def bundled(roles: Iterable[str]) -> frozenset[Capability]:
    """The capabilities that ``roles`` give together. An unknown role gives none."""
    known = set(Role)
    return frozenset().union(*(BUNDLES[Role(role)] for role in roles if role in known))


def needed(capability: Capability) -> str:
    """What somebody without ``capability`` reads: the roles that have it, never the capability's own name."""
    return f"You need {having(capability)}. Ask a workspace administrator."


def having(capability: Capability) -> str:
    """The roles that have ``capability``, in words."""
    *others, last = [role.value for role in Role if capability in BUNDLES[role]]
    return f"one of the roles {', '.join(others)} or {last}" if others else f"the role {last}"


def withholds(role: str, capability: Capability) -> bool:
    """Whether ``role`` is one of Handrail's own and does not give ``capability``. A group of yours gives nothing by
    itself and is held beside one that does, so nothing is withheld by it."""
    return role in set(Role) and capability not in BUNDLES[Role(role)]
