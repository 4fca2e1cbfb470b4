"""Actors from people and processes; tenants and members as plain data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from allauth.mfa.models import Authenticator
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, OuterRef, Q, QuerySet, When

from handrail.access import addresses, directory, names, visits
from handrail.access.actor import NOBODY, Actor, ActorKind
from handrail.access.capabilities import Capability, bundled
from handrail.access.decisions import Proof
from handrail.access.guards import get_tenant as guarded_tenant
from handrail.access.guards import members_of, tenants_of
from handrail.access.models import Identity, Membership, Tenant, User, Workspace
from handrail.access.proofs import ProofMethod, Proven, accepted, just_now
from handrail.access.session_store import SessionStore
from handrail.kernel.errors import NotFound
from handrail.kernel.scope import RowScope, entered

COMMAND_LINE = "handrail-cli"
TYPES = Authenticator.Type
_KINDS = ArraySubquery(Authenticator.objects.filter(user=OuterRef("user")).values("type"))
tenant_ref = names.tenant_ref


@dataclass(frozen=True, slots=True)
class TenantSummary:
    key: str
    name: str
    closed_at: datetime | None = None
    closed_by: str | None = None
    closed_reason: str | None = None


@dataclass(frozen=True, slots=True)
class WorkspaceSummary:
    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class MemberSummary:
    id: int
    email: str
    name: str
    roles: tuple[str, ...]
    all_tenants: bool
    tenants: tuple[str, ...]
    is_active: bool


@dataclass(frozen=True, slots=True)
class IdentitySummary:
    """Who a member is at the identity provider: ``subject`` of ``issuer``."""

    email: str
    issuer: str
    subject: str
    joined_at: datetime


def actor_for(
    user: User,
    workspace_slug: str | None = None,
    *,
    proof: Proof = Proof.SESSION,
    proofs_at: Mapping[ProofMethod, datetime] | None = None,
) -> Actor:
    """``user``, who has logged in, as a member of one workspace: the named one, else the first they joined; else
    NOBODY. ``proof``: where they have shown who they are in another way than by a session. ``proofs_at``: when they
    did so in their session, and how; None where the caller has just seen it."""
    where = directory.membership(user.pk, workspace_slug)
    if where is None:
        return NOBODY
    membership_id, workspace_id = where
    with entered(RowScope(workspace_id, None)):
        rows = Membership.objects.filter(pk=membership_id, is_active=True, user__is_active=True)
        membership = rows.select_related("user", "workspace").annotate(kinds=_KINDS).first()
        if membership is None:
            return NOBODY
        proven = just_now() if proofs_at is None else _proven(membership, proofs_at)
        return member_actor(membership, proof, proven if proof is Proof.SESSION else None)


def _proven(membership: Membership, at: Mapping[ProofMethod, datetime]) -> Proven:
    """With the methods that count for the member in this workspace."""
    kinds, required = set(membership.kinds), membership.workspace.second_factor_since is not None  # type: ignore[attr-defined]
    found = accepted(passkey=TYPES.WEBAUTHN in kinds, app=TYPES.TOTP in kinds, required=required)
    return Proven(found, at, required)


def member_actor(membership: Membership, proof: Proof = Proof.NONE, proven: Proven | None = None) -> Actor:
    """The person behind ``membership``, with what their roles and entitlements give them now."""
    entitled = membership.tenantentitlement_set.all()  # not tenants, which row security may hide from who asks
    tenants = None if membership.all_tenants else frozenset(one.tenant_id for one in entitled)
    return Actor(
        kind=ActorKind.PERSON,
        name=membership.user.email,
        workspace_id=membership.workspace_id,
        capabilities=bundled(membership.roles),
        tenant_ids=tenants,
        user_id=membership.user_id,
        roles=frozenset(membership.roles),
        proof=proof,
        proven=proven,
    )


def factor_types(user_id: int) -> frozenset[str]:
    """Which kinds of second factors the person has: webauthn, totp, recovery_codes."""
    return frozenset(Authenticator.objects.filter(user=user_id).values_list("type", flat=True))


def has_second_factor(user_id: int) -> bool:
    """Whether the person has a passkey or an authenticator app."""
    return bool(factor_types(user_id) & {TYPES.WEBAUTHN.value, TYPES.TOTP.value})


def person(email: str, workspace_slug: str | None = None) -> Actor:
    """The active member with this e-mail address, who has shown nothing: their name was given. Raises NotFound."""
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    actor = actor_for(user, workspace_slug, proof=Proof.NAME) if user else NOBODY
    if actor is NOBODY:
        raise NotFound(f"No active member has the address {email}.")
    return actor


def command_line(workspace_slug: str | None = None) -> Actor:
    """The installation's own operator at the command line: everything, in one workspace (the only one if unnamed)."""
    return _process(ActorKind.COMMAND, COMMAND_LINE, get_workspace(workspace_slug).pk)


def operator() -> Actor:
    """The installation's own operator before there is any workspace: for making one."""
    return Actor(
        kind=ActorKind.COMMAND, name=COMMAND_LINE, workspace_id=0, capabilities=frozenset(), tenant_ids=frozenset()
    )


def worker(name: str, workspace_id: int) -> Actor:
    """A worker process acting in one workspace."""
    return _process(ActorKind.WORKER, name, workspace_id)


def clear_expired_sessions() -> None:
    """Removes sessions that nobody can use any more. Harmless when run twice or by several at once."""
    SessionStore.clear_expired()


def _process(kind: ActorKind, name: str, workspace_id: int) -> Actor:
    return Actor(kind=kind, name=name, workspace_id=workspace_id, capabilities=frozenset(Capability), tenant_ids=None)


def belongs_elsewhere(user: User, workspace_id: int) -> bool:
    """Whether ``user`` is, or was, a member of another workspace too. The scope of somebody who acts in one workspace
    hides memberships of the others."""
    return bool(set(directory.workspaces_of(user.pk, active=False)) - {workspace_id})


def get_workspace(slug: str | None = None) -> Workspace:
    """The workspace with ``slug``, or the only one there is. Raises NotFound."""
    if slug:
        found = [pk for pk in [directory.workspace_id(slug)] if pk is not None]
    else:
        found = [pk for pk, _ in directory.workspaces()]
    if len(found) != 1:
        wanted = f"There is no workspace {slug}." if slug else "Name the workspace: there is none, or more than one."
        raise NotFound(wanted)
    with entered(RowScope(found[0])):
        return Workspace.objects.get(pk=found[0])


def workspace_ids() -> list[int]:
    """Every workspace of the installation, by slug: what looks at all of them looks at each in its own scope."""
    return [pk for pk, _ in directory.workspaces()]


def list_workspaces(member: Actor | None = None) -> list[WorkspaceSummary]:
    """Every workspace of the installation, for its operator; for a ``member`` the one that they act in."""
    wanted = workspace_ids() if member is None else [member.workspace_id]
    return [WorkspaceSummary(slug, name) for slug, name in directory.names(wanted)]


def odd_identifiers(limit: int = 20) -> list[str]:
    """Addresses and tenant keys of the whole installation that would be refused today, each with its reason: at most
    ``limit``. They are from before they were checked."""
    users = User.objects.order_by("email").values_list("email", flat=True)
    found = [f"address {email!a}: {why}" for email in users.iterator() if (why := addresses.why_not(email))]
    for pk, slug in directory.workspaces():
        with entered(RowScope(pk, None)):
            keys = Tenant.objects.filter(workspace_id=pk).order_by("key").values_list("key", flat=True)
            found += [f"tenant {key!a} of {slug}: {why}" for key in keys.iterator() if (why := names.why_not_key(key))]
    return found[:limit]


def workspaces_of(user: User) -> list[WorkspaceSummary]:
    found = directory.names(directory.workspaces_of(user.pk, active=True))
    return [WorkspaceSummary(slug, name) for slug, name in sorted(found, key=itemgetter(1, 0))]


def workspace_summary(actor: Actor) -> WorkspaceSummary | None:
    row = Workspace.objects.filter(pk=actor.workspace_id).first()
    return WorkspaceSummary(row.slug, row.name) if row else None


def list_tenants(actor: Actor) -> list[TenantSummary]:
    actor.require(Capability.TENANT_VIEW)
    return [tenant_summary(t) for t in tenants_of(actor)]


def count_tenants(actor: Actor) -> int:
    """How many open tenants there are in the actor's scope. Raises Denied."""
    actor.require(Capability.TENANT_VIEW)
    return tenants_of(actor).filter(closed_at=None).count()


def find_tenants(actor: Actor, text: str, *, limit: int) -> list[TenantSummary]:
    """Tenants in the actor's scope whose key or name has ``text`` in it, whatever the case of its letters: those that
    are named so first, then by name. Raises Denied."""
    actor.require(Capability.TENANT_VIEW)
    named = Case(When(key=text, then=0), When(name__iexact=text, then=1), default=2)
    rows = tenants_of(actor).filter(Q(key__icontains=text) | Q(name__icontains=text))
    return [tenant_summary(t) for t in rows.order_by(named, "name", "pk")[:limit]]


def named_tenants(actor: Actor, keys: Collection[str]) -> list[TenantSummary]:
    """Those of ``keys`` that are in the actor's scope. Raises Denied."""
    actor.require(Capability.TENANT_VIEW)
    return [tenant_summary(t) for t in tenants_of(actor).filter(key__in=keys)]


def list_visits(actor: Actor) -> list[tuple[str, str]]:
    """Kind and reference of what the actor opened last, the latest first: also what is out of their scope by now."""
    return visits.list_visits(actor)


def get_tenant(actor: Actor, key: str) -> TenantSummary:
    return tenant_summary(guarded_tenant(actor, key))


def tenant_summary(of: Tenant) -> TenantSummary:
    return TenantSummary(of.key, of.name, of.closed_at, of.closed_by, of.closed_reason)


def list_members(actor: Actor) -> list[MemberSummary]:
    """The members of the actor's workspace, by e-mail address: those who share a tenant with an actor who is not
    entitled to every one, and of their tenants the shared ones."""
    actor.require(Capability.MEMBER_VIEW)
    rows = members_of(actor).order_by("user__email").prefetch_related("tenants")
    return [_member(m, actor) for m in rows]


def list_identities(actor: Actor) -> list[IdentitySummary]:
    """The identities at the identity provider of the members that ``list_members`` shows, by e-mail address."""
    actor.require(Capability.MEMBER_VIEW)
    members = members_of(actor).values("user")
    rows = Identity.objects.filter(user__in=members).select_related("user").order_by("user__email")
    return [IdentitySummary(row.user.email, row.issuer, row.subject, row.joined_at) for row in rows]


def get_member(actor: Actor, email: str) -> MemberSummary:
    """One member of the actor's workspace. Raises Denied, NotFound."""
    actor.require(Capability.MEMBER_VIEW)
    found = members_of(actor).filter(user__email__iexact=email).first()
    if found is None:
        raise NotFound(f"{email} is not a member of this workspace.")
    return _member(found, actor)


def find_colleague(actor: Actor, email: str) -> Actor | None:
    """The active member with this address, with what they may do now; None for one that the actor can't know of."""
    found = _colleagues(actor).filter(user__email__iexact=email).first()
    return None if found is None else member_actor(found)


def list_colleagues(actor: Actor, capability: Capability, tenant_id: int) -> list[str]:
    """The e-mail addresses of the active members who have ``capability`` for this tenant of the actor's, sorted."""
    every = map(member_actor, _colleagues(actor).prefetch_related("tenantentitlement_set").order_by("user__email"))
    within = {"workspace_id": actor.workspace_id, "tenant_id": tenant_id}
    return [one.name for one in every if one.may(capability) and one.covers(**within)]


def address_of(user_id: int) -> str:
    """The e-mail address of a person; empty where there is none with this id."""
    return User.objects.filter(pk=user_id).values_list("email", flat=True).first() or ""


def list_active_members(actor: Actor) -> list[Actor]:
    """Every active member that the actor may know of, with what they may do now, by e-mail address."""
    rows = _colleagues(actor).prefetch_related("tenantentitlement_set").order_by("user__email")
    return [member_actor(one) for one in rows]


def _colleagues(actor: Actor) -> QuerySet[Membership]:
    return members_of(actor).filter(is_active=True, user__is_active=True)


def _member(of: Membership, actor: Actor) -> MemberSummary:
    seen = [t.key for t in of.tenants.all() if actor.tenant_ids is None or t.pk in actor.tenant_ids]
    return MemberSummary(
        of.pk,
        of.user.email,
        of.user.get_full_name(),
        tuple(of.roles),
        of.all_tenants,
        tuple(sorted(seen)),
        of.is_active,
    )
