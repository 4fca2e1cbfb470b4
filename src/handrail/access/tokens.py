"""Personal access tokens for the API: a token can do what its member can do, and is kept as a digest only."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from handrail.access.actor import NOBODY, Actor
from handrail.access.capabilities import Capability
from handrail.access.decisions import Proof
from handrail.access.models import AccessToken, Membership
from handrail.access.queries import member_actor
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Fault, Invalid, NotFound
from handrail.kernel.ids import Prefix, new_ref

MARK = "hrt_"
NAME_LIMIT = 80
DAYS_LIMIT = 366
LENGTH_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Issued:
    """``secret`` is shown this once: nobody can read it again."""

    ref: str
    secret: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenSummary:
    ref: str
    email: str
    name: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@transaction.atomic
def issue(*, email: str, name: str, days: int, by: Actor) -> Issued:
    """A new token for an active member. Raises Denied, Invalid, NotFound."""
    by.require(Capability.MEMBER_MANAGE)
    faults = []
    if not 0 < len(name.strip()) <= NAME_LIMIT:
        faults.append(Fault("name", f"1 to {NAME_LIMIT} characters"))
    if not 0 < days <= DAYS_LIMIT:
        faults.append(Fault("days", f"1 to {DAYS_LIMIT}"))
    if faults:
        raise Invalid("This token can't be made.", faults=faults)
    rows = Membership.objects.select_related("user").filter(workspace_id=by.workspace_id, is_active=True)
    membership = rows.filter(user__email__iexact=email, user__is_active=True).first()
    if membership is None:
        raise NotFound(f"{email} is not an active member of this workspace.")
    secret = MARK + secrets.token_urlsafe(32)
    at = now()
    token = AccessToken.objects.create(
        ref=new_ref(Prefix.TOKEN),
        membership=membership,
        name=name.strip(),
        digest=_digest(secret),
        created_at=at,
        created_by=by.name,
        expires_at=at + timedelta(days=days),
    )
    record(EventName.TOKEN_ISSUED, by=by, subject_kind="token", subject=token.ref, member=membership.user.email)
    return Issued(token.ref, secret, token.expires_at)


@transaction.atomic
def revoke(*, ref: str, by: Actor) -> None:
    """Ends a token now; one that has ended already stays as it is. Raises Denied, NotFound."""
    by.require(Capability.MEMBER_MANAGE)
    rows = AccessToken.objects.filter(ref=ref, membership__workspace_id=by.workspace_id)
    if not rows.exists():
        raise NotFound(f"There is no token {ref} in this workspace.")
    if rows.filter(revoked_at=None).update(revoked_at=now(), revoked_by=by.name):
        record(EventName.TOKEN_REVOKED, by=by, subject_kind="token", subject=ref)


def list_tokens(actor: Actor) -> list[TokenSummary]:
    """The tokens of the workspace's members, the newest first. Raises Denied without ``member:view``."""
    actor.require(Capability.MEMBER_VIEW)
    rows = AccessToken.objects.filter(membership__workspace_id=actor.workspace_id).select_related("membership__user")
    return [
        TokenSummary(t.ref, t.membership.user.email, t.name, t.created_at, t.expires_at, t.revoked_at)
        for t in rows.order_by("-created_at", "-pk")
    ]


def bearer(secret: str) -> Actor:
    """The member whose token this is, as they are now; NOBODY when it is unknown, expired or revoked."""
    if not secret.startswith(MARK) or len(secret) > LENGTH_LIMIT:
        return NOBODY
    rows = AccessToken.objects.filter(revoked_at=None, expires_at__gt=now(), membership__is_active=True)
    token = rows.select_related("membership__user").filter(digest=_digest(secret)).first()
    if token is None or not token.membership.user.is_active:
        return NOBODY
    return member_actor(token.membership, Proof.TOKEN)


def _digest(secret: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return digest_bytes(secret.encode())
