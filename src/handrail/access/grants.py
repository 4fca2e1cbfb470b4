"""Nobody raises themselves: what a member grants, and to which members, stays within what the member has.

The installation's operator at the command line, and workers, are bound by none of this: see ADR 0054.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from contextlib import suppress

from handrail.access.actor import Actor, ActorKind
from handrail.access.capabilities import Capability, Role, bundled
from handrail.access.models import Membership, TenantEntitlement, Workspace
from handrail.access.queries import member_actor
from handrail.kernel.errors import Conflict, Denied

_OWN = "You can't change your own membership. Ask another workspace administrator."
_BEYOND = "This is more than you have yourself. Ask a workspace administrator who is entitled to every tenant."
_CHOSEN = (
    "A password that you choose must not open more than you have yourself. Leave it out: they log in by single "
    "sign-on, or the installation's operator sets it at the command line."
)
_GONE = "You are not an active administrator of this workspace any more."
_LAST = "This is the workspace's last administrator. Make another member an administrator first."


def settle(giver: Actor) -> Actor:
    """The granter as they are now, with all other changes to members of the workspace held off until the commit.

    Two administrators who demote each other at the same moment come one after the other, and the second is judged by
    what the first left. What ``giver`` was narrowed to already, as by a token's scope, it stays narrowed to. Raises
    Denied for a granter who may not change members any more. Call it inside the transaction.
    """
    Workspace.objects.select_for_update(no_key=True).filter(pk=giver.workspace_id).first()
    if giver.kind is not ActorKind.PERSON:
        giver.require(Capability.MEMBER_MANAGE)
        return giver
    rows = Membership.objects.filter(workspace_id=giver.workspace_id, user_id=giver.user_id or 0, is_active=True)
    membership = rows.select_related("user").filter(user__is_active=True).first()
    if membership is None:
        raise _denied(_GONE)
    now = member_actor(membership)
    narrowed = dataclasses.replace(
        giver, capabilities=giver.capabilities & now.capabilities, tenant_ids=_both(giver.tenant_ids, now.tenant_ids)
    )
    narrowed.require(Capability.MEMBER_MANAGE)
    return dataclasses.replace(narrowed, roles=now.roles)


def check_reach(
    giver: Actor, *, roles: Iterable[str], all_tenants: bool, tenant_ids: Collection[int], secret: bool = False
) -> None:
    """Raises Denied unless ``giver`` may give, or take from somebody, a membership with these roles and tenants.

    A member entitled to every tenant may give every role. Others give only what they have: roles whose capabilities
    are all theirs, groups that they are in, tenants that they are entitled to. ``secret``: ``giver`` chooses or learns
    something that opens the account, so that the roles' capabilities must be theirs in any case.
    """
    if giver.kind is not ActorKind.PERSON:
        return
    given = set(roles)
    if giver.tenant_ids is not None:
        groups = given - set(Role)
        if all_tenants or not set(tenant_ids) <= giver.tenant_ids or not groups <= giver.roles:
            raise _denied(_BEYOND)
    elif not secret:
        return
    if not bundled(given) <= giver.capabilities or (secret and not given - set(Role) <= giver.roles):
        raise _denied(_CHOSEN if secret else _BEYOND)


def check_member(giver: Actor, membership: Membership, *, secret: bool = False) -> None:
    """Raises Denied when ``membership`` is the actor's own, or goes beyond what they could give (``check_reach``)."""
    _check_member(giver, membership, _tenants([membership]).get(membership.pk, set()), secret=secret)


def reached(giver: Actor, memberships: Collection[Membership]) -> set[int]:
    """The ids of those ``memberships`` that ``check_member`` lets through; one query, however many there are."""
    tenants, found = _tenants(memberships), set()
    for membership in memberships:
        with suppress(Denied):
            _check_member(giver, membership, tenants.get(membership.pk, set()))
            found.add(membership.pk)
    return found


def _check_member(giver: Actor, membership: Membership, tenants: set[int], *, secret: bool = False) -> None:
    if giver.kind is not ActorKind.PERSON:
        return
    if membership.user_id == giver.user_id:
        raise _denied(_OWN)
    check_reach(giver, roles=membership.roles, all_tenants=membership.all_tenants, tenant_ids=tenants, secret=secret)


def _tenants(memberships: Collection[Membership]) -> dict[int, set[int]]:
    """By the entitlements' own ids: the tenants' rows may be out of the actor's sight."""
    found: dict[int, set[int]] = {}
    rows = TenantEntitlement.objects.filter(membership__in=memberships)
    for membership_id, tenant_id in rows.values_list("membership_id", "tenant_id"):
        found.setdefault(membership_id, set()).add(tenant_id)
    return found


def is_administrator(membership: Membership) -> bool:
    return membership.is_active and Role.WORKSPACE_ADMINISTRATOR in membership.roles


def keep_an_administrator(membership: Membership, *, everywhere: bool) -> None:
    """Raises Conflict ``last-administrator`` unless ``membership`` leaves the workspace an administrator: one for every
    tenant, where ``everywhere``. Call it with the change made, inside its transaction, under ``settle``'s lock."""
    rows = Membership.objects.filter(
        workspace_id=membership.workspace_id,
        is_active=True,
        user__is_active=True,
        roles__contains=[Role.WORKSPACE_ADMINISTRATOR.value],
    )
    if not (rows.filter(all_tenants=True) if everywhere else rows).exists():
        raise Conflict(_LAST, code="last-administrator")


def _both(one: frozenset[int] | None, other: frozenset[int] | None) -> frozenset[int] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _denied(message: str) -> Denied:
    return Denied(message, capability=Capability.MEMBER_MANAGE)
