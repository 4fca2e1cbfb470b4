"""Setting up workspaces, tenants and members; writing down refusals."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import IntegrityError, transaction

from handrail.access import (
    addresses,
    closing,
    decisions,
    directory,
    grants,
    identities,
    names,
    passwords,
    sessions,
    tokens,
    visits,
)
from handrail.access.actor import Actor, ActorKind
from handrail.access.capabilities import Capability, Role
from handrail.access.guards import members_of, tenants_of
from handrail.access.models import Membership, Tenant, TenantEntitlement, User, Workspace
from handrail.access.queries import belongs_elsewhere
from handrail.audit.actions import CONTEXT_VALUE_LIMIT, By, record
from handrail.audit.events import EventName, EventOutcome
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, Fault, Invalid, NotFound
from handrail.kernel.scope import RowScope, entered

# The slice's door to identities at the identity provider; they are a module of their own.
NoEntry = identities.NoEntry
NotAdmitted = identities.NotAdmitted
admit, remove_identity, move_identities = identities.admit, identities.remove_identity, identities.move_identities
rename_tenant, close_tenant, reopen_tenant = closing.rename_tenant, closing.close_tenant, closing.reopen_tenant
require_own_word = decisions.require_own_word
TENANT_NAME_LIMIT, TENANT_KEY_LIMIT = names.TENANT_LIMIT, names.KEY_LIMIT
_GROUP = re.compile(r"(?=.{1,32}$)[a-z0-9]+(-[a-z0-9]+)*")


@transaction.atomic
def create_workspace(*, slug: str, name: str, by: By) -> Workspace:
    """A new workspace. Raises Invalid for a slug or name that can't be one, Conflict when the slug is taken."""
    slug, name = names.slug(slug), names.required(name, where="name", limit=names.WORKSPACE_LIMIT)
    if directory.workspace_id(slug) is not None:
        raise Conflict(f"There is a workspace {slug} already.")
    pk = directory.new_workspace_id()
    try:
        with transaction.atomic(), entered(RowScope(pk)):
            workspace = Workspace.objects.create(pk=pk, slug=slug, name=name, created_at=now())
    except IntegrityError:  # another was made at this very moment
        raise Conflict(f"There is a workspace {slug} already.") from None
    record(
        EventName.WORKSPACE_CREATED, by=by, workspace_id=workspace.pk, subject_kind="workspace", subject=workspace.slug
    )
    return workspace


@transaction.atomic
def create_tenant(*, key: str, name: str, by: Actor) -> Tenant:
    """A new tenant of the actor's workspace. Raises Denied for actors entitled to some tenants only, Invalid for a key
    or name that can't be one, Conflict when the key is taken."""
    by.require_everywhere(Capability.TENANT_MANAGE)
    key, name = names.tenant_key(key), names.required(name, where="name", limit=names.TENANT_LIMIT)
    tenant, created = Tenant.objects.get_or_create(
        workspace_id=by.workspace_id, key=key, defaults={"name": name, "created_at": now()}
    )
    if not created:
        raise Conflict(f"There is a tenant {key} already.")
    record(
        EventName.TENANT_CREATED, by=by, tenant_id=tenant.pk, subject_kind="tenant", subject=names.tenant_ref(tenant.pk)
    )
    return tenant


@transaction.atomic
def add_member(
    *,
    email: str,
    roles: Sequence[str],
    tenants: Sequence[str] | None,
    by: Actor,
    password: str | None = None,
    name: str = "",
    groups: Sequence[str] = (),
) -> Membership:
    """Makes a person a member; ``tenants`` None entitles to all. Raises Invalid, Conflict, NotFound; Denied for a grant
    beyond the actor's own membership (``grants``).

    ``groups`` are names of the workspace's own, such as support-privacy: profiles name who signs by them. They give
    no capability, and stand among the member's roles.
    """
    by = grants.settle(by)
    email = addresses.cleaned(email)
    _check_roles(roles)
    _check_groups(groups)
    held = sorted({*roles, *groups})
    entitled = _tenants(by, tenants or ())
    user = User.objects.filter(email__iexact=email).first()
    grants.check_reach(
        by,
        roles=held,
        all_tenants=tenants is None,
        tenant_ids={tenant.pk for tenant in entitled},
        secret=user is None and password is not None,
    )
    user = user or _new_user(email, password, name, by)
    membership, created = Membership.objects.get_or_create(
        workspace_id=by.workspace_id,
        user=user,
        defaults={"roles": held, "all_tenants": tenants is None, "created_at": now()},
    )
    if not created:
        raise Conflict(f"{email} is a member already.")
    _entitle(membership, entitled)
    _record(EventName.MEMBER_ADDED, membership, by)
    return membership


@transaction.atomic
def change_member(
    *,
    email: str,
    by: Actor,
    roles: Sequence[str] | None = None,
    is_active: bool | None = None,
    groups: Sequence[str] | None = None,
    all_tenants: bool = False,
    tenants: Sequence[str] | None = None,
) -> Membership:
    """Sets a member's roles, groups or tenants, or removes (``is_active=False``) or restores them.

    ``all_tenants`` entitles to every tenant, those to come included; ``tenants`` to exactly these, an empty one to
    none; without either the entitlements stay. Raises Invalid, NotFound; Denied for the actor's own membership, and for
    what goes beyond the actor's own (``grants``), before the change or after it; Conflict ``last-administrator``.
    """
    by = grants.settle(by)
    membership = _locked_member(email, by)
    grants.check_member(by, membership)
    administered, everywhere = grants.is_administrator(membership), membership.all_tenants
    if roles is not None:
        _check_roles(roles)
        membership.roles = sorted({*roles, *_groups_of(membership)})
    if groups is not None:
        _check_groups(groups)
        membership.roles = sorted({*groups, *(set(membership.roles) & set(Role))})
    if is_active is not None:
        membership.is_active = is_active
    if is_active is False:
        sessions.end_all_but(membership.user)
    if all_tenants or tenants is not None:
        entitled = _tenants(by, () if all_tenants else tenants or ())
        membership.all_tenants = all_tenants
        TenantEntitlement.objects.filter(membership=membership).delete()
        _entitle(membership, entitled)
    membership.save(update_fields=["roles", "is_active", "all_tenants"])
    grants.check_member(by, membership)
    if administered:
        grants.keep_an_administrator(membership, everywhere=everywhere)
    if is_active is False:  # for good: who is restored makes new ones
        tokens.revoke_all(membership.pk, by=by, why="member removed")
    _record(EventName.MEMBER_REMOVED if is_active is False else EventName.MEMBER_CHANGED, membership, by)
    return membership


@transaction.atomic
def set_password(*, email: str, password: str, by: Actor) -> None:
    """Gives a member a new password; every session that the old one began ends with it.

    Raises Invalid, NotFound; Denied for oneself, and when the member can do anything that the actor can't: a password
    that one chooses opens the account. Conflict for somebody who belongs to other workspaces too, whose administrators
    have not been asked: the installation's operator may.
    """
    by = grants.settle(by)
    membership = _locked_member(email, by)
    grants.check_member(by, membership, secret=True)
    user = membership.user
    if by.kind is ActorKind.PERSON and belongs_elsewhere(user, by.workspace_id):
        raise Conflict(f"{user.email} belongs to another workspace too. Ask the installation's operator.")
    # Only now: a refusal would tell the names of the other workspaces.
    check_password(password, words=passwords.words_of(user))
    user.set_password(password)
    user.save(update_fields=["password"])
    sessions.end_all_but(user)
    record(EventName.MEMBER_PASSWORD_SET, by=by, subject_kind="member", subject=user.email)


def check_password(password: str, *, words: Sequence[str] = ()) -> None:
    """Raises Invalid when ``password`` breaks a rule that log-in passwords must keep. ``words``: see ``passwords``."""
    if found := passwords.faults(password, words=words):
        raise Invalid("Choose another password.", faults=[Fault("password", message) for message in found])


def record_denial(denied: Denied, *, by: Actor, where: str) -> None:
    """Writes a refusal down after the refused action's transaction is gone. ``where`` is the route or command."""
    record(
        EventName.ACCESS_DENIED,
        by=by,
        tenant_id=denied.tenant_id,
        subject_kind="capability",
        subject=denied.capability,
        outcome=EventOutcome.DENIED,
        where=where,
    )


def _new_user(email: str, password: str | None, name: str, by: Actor) -> User:
    name = names.optional(name, where="name", limit=names.PERSON_LIMIT)
    if password is not None:
        of_workspace = Workspace.objects.filter(pk=by.workspace_id).values_list("slug", "name")
        check_password(password, words=[email, name, *(word for both in of_workspace for word in both)])
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password, first_name=name)
    except IntegrityError:  # another workspace added the same person at this very moment
        return User.objects.get(email=email)


def _locked_member(email: str, by: Actor) -> Membership:
    rows = members_of(by).filter(user__email__iexact=email)
    membership = rows.select_for_update(of=("self",)).first()
    if membership is None:
        raise NotFound(f"{email} is not a member of this workspace.")
    return membership


def _record(event: EventName, membership: Membership, by: Actor) -> None:
    keys = list(membership.tenants.order_by("key").values_list("key", flat=True))
    named = ", ".join(keys)
    record(
        event,
        by=by,
        subject_kind="member",
        subject=membership.user.email,
        roles=", ".join(membership.roles),
        tenants="all" if membership.all_tenants else named if len(named) <= CONTEXT_VALUE_LIMIT else f"{len(keys)}",
    )


def _check_roles(roles: Sequence[str]) -> None:
    unknown = sorted(set(roles) - set(Role))
    if unknown or not roles:
        allowed = ", ".join(Role)
        raise Invalid("A member needs known roles.", faults=[Fault("roles", f"give one or more of: {allowed}")])


def _groups_of(membership: Membership) -> set[str]:
    return set(membership.roles) - set(Role)


def _check_groups(groups: Sequence[str]) -> None:
    wrong = [name for name in groups if name in set(Role) or not _GROUP.fullmatch(name)]
    if wrong:
        expected = "a name such as support-privacy, at most 32 characters, other than a role's"
        raise Invalid("Choose another name for the group.", faults=[Fault("groups", f"expected {expected}")])


def _tenants(by: Actor, keys: Sequence[str]) -> list[Tenant]:
    """The tenants with these keys. Raises NotFound for one that is not in the actor's scope."""
    found = {tenant.key: tenant for tenant in tenants_of(by).filter(key__in=keys)}
    if missing := sorted(set(keys) - set(found)):
        raise NotFound(f"There is no tenant {', '.join(missing)} in this workspace.")
    return list(found.values())


def _entitle(membership: Membership, tenants: Sequence[Tenant]) -> None:
    TenantEntitlement.objects.bulk_create(
        TenantEntitlement(membership=membership, tenant=tenant, created_at=now()) for tenant in tenants
    )


def note_visit(actor: Actor, kind: str, ref: str) -> None:
    """Notes that the actor has opened ``ref``, for their own list of what they opened last."""
    visits.remember(actor, kind, ref)
