"""Identities at the identity provider: which account each belongs to, and how that comes to be or ends."""

from __future__ import annotations

from enum import StrEnum

from django.db import IntegrityError, transaction

from handrail.access import addresses, directory, grants, sessions
from handrail.access.actor import Actor, ActorKind
from handrail.access.guards import members_of
from handrail.access.models import Identity, User
from handrail.access.queries import actor_for, belongs_elsewhere
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.kernel.urls import is_secure_url

MAX_ISSUER = 500


class NoEntry(StrEnum):
    """Why an identity that the provider vouches for opens nothing here. Stable codes, as those of the provider's."""

    UNVERIFIED = "email-unverified"
    ADDRESS = "email-malformed"
    STRANGER = "no-account"
    CLOSED = "account-closed"
    REMOVED = "no-membership"
    JOINED = "account-joined"


class NotAdmitted(Exception):
    """``known`` is the account concerned, where there is one."""

    def __init__(self, cause: NoEntry, known: User | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.known = known


@transaction.atomic
def admit(*, issuer: str, subject: str, email: str | None, email_verified: bool, address: str = "") -> User:
    """The person whose identity ``subject`` of ``issuer`` is.

    An identity that is new here joins the account that has its verified address, unless an identity joined that
    before: addresses are given to other people. Nothing else of the account changes. ``address``: where the log-in
    comes from, for the audit event. Raises NotAdmitted.
    """
    found = Identity.objects.select_related("user").filter(issuer=issuer, subject=subject).first()
    if found is not None:
        _check_open(found.user)
        return found.user
    user = _with_address(email, email_verified=email_verified)
    _check_open(user)
    joined = Identity.objects.filter(user=user).first()
    if joined is not None and (joined.issuer, joined.subject) == (issuer, subject):
        return user  # their other tab was faster
    if joined is not None:
        raise NotAdmitted(NoEntry.JOINED, user)
    try:
        with transaction.atomic():
            Identity.objects.create(issuer=issuer, subject=subject, user=user, joined_at=now())
    except IntegrityError:  # another log-in of this identity joined it to another account at this very moment
        raise NotAdmitted(NoEntry.JOINED, user) from None
    record(
        EventName.IDENTITY_JOINED,
        by=actor_for(user),
        subject_kind="member",
        subject=user.email,
        issuer=issuer,
        identity=subject,
        address=address or None,
    )
    return user


@transaction.atomic
def remove_identity(*, email: str, by: Actor) -> None:
    """Parts a member from their identity, and ends their sessions: the next identity with their verified address joins
    the account.

    Raises NotFound; Denied for oneself and for members beyond the actor's own reach; Conflict for somebody who belongs
    to other workspaces too, whose administrators have not been asked: the installation's operator may.
    """
    by = grants.settle(by)
    member = members_of(by).filter(user__email__iexact=email).first()
    if member is None:
        raise NotFound(f"{email} is not a member of this workspace.")
    grants.check_member(by, member)
    if by.kind is ActorKind.PERSON and belongs_elsewhere(member.user, by.workspace_id):
        raise Conflict(f"{member.user.email} belongs to another workspace too. Ask the installation's operator.")
    identity = Identity.objects.select_for_update().filter(user=member.user).first()
    if identity is None:
        raise NotFound(f"{member.user.email} has no identity at an identity provider.")
    issuer, subject = identity.issuer, identity.subject
    identity.delete()
    ended = sessions.end_all_but(member.user)
    record(
        EventName.IDENTITY_REMOVED,
        by=by,
        subject_kind="member",
        subject=member.user.email,
        issuer=issuer,
        identity=subject,
        sessions=ended,
    )


@transaction.atomic
def move_identities(*, old: str, new: str, by: Actor) -> int:
    """Keeps every identity of the issuer ``old`` under ``new``: the same provider, which has another address now.

    Returns how many. Raises Denied for everybody but the installation's operator, Invalid, NotFound, and Conflict when
    an identity of ``new`` has the same subject.
    """
    if by.kind is not ActorKind.COMMAND:
        raise Denied("Only the installation's operator can do this.", capability="identity:move")
    old, new = old.rstrip("/"), new.rstrip("/")
    if old == new or not is_secure_url(new) or len(new) > MAX_ISSUER:
        raise Invalid("Give the provider's new address, as in [single_sign_on] issuer.")
    rows = list(Identity.objects.select_for_update().select_related("user").filter(issuer=old).order_by("pk"))
    if not rows:
        raise NotFound(f"There is no identity of {old}.")
    if Identity.objects.filter(issuer=new, subject__in=[row.subject for row in rows]).exists():
        raise Conflict("The new address has identities with the same subjects. Remove those first.")
    for row in rows:
        row.issuer = new
        row.save(update_fields=["issuer"])
        record(EventName.IDENTITY_MOVED, by=by, subject_kind="member", subject=row.user.email, before=old, issuer=new)
    return len(rows)


def _with_address(email: str | None, *, email_verified: bool) -> User:
    """The account with this address, locked. The address must be one that a member can have here."""
    if email is None or not email_verified:
        raise NotAdmitted(NoEntry.UNVERIFIED)
    if addresses.why_not(email.lower() if email.isascii() else email):
        raise NotAdmitted(NoEntry.ADDRESS)
    user = User.objects.select_for_update().filter(email__iexact=email).first()
    if user is None:
        raise NotAdmitted(NoEntry.STRANGER)
    return user


def _check_open(user: User) -> None:
    if not user.is_active:
        raise NotAdmitted(NoEntry.CLOSED, user)
    if directory.membership(user.pk) is None:
        raise NotAdmitted(NoEntry.REMOVED, user)
