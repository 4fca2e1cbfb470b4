"""Personal access tokens, for the API and the command line. A token can do those acts of its member's that its scope
names, and is kept as a digest only."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from handrail.access import decisions, directory, grants, guards, proofs
from handrail.access.actor import NOBODY, Actor
from handrail.access.capabilities import Capability
from handrail.access.decisions import Proof
from handrail.access.models import AccessToken, Membership
from handrail.access.queries import has_second_factor, member_actor
from handrail.access.scopes import READ, narrowed, unknown
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.configured import Configured
from handrail.kernel.errors import Conflict, Denied, Fault, Invalid, NotFound, ProofNeeded
from handrail.kernel.hostile import clean_text
from handrail.kernel.ids import Prefix, new_ref
from handrail.kernel.scope import RowScope, entered

MARK = "hrt_"
DEFAULT_SCOPES = (READ,)
NAME_LIMIT = 80
LENGTH_LIMIT = 200
ADDRESS_LIMIT = 64
# As many as one member may have at a time: a program that makes one each day and forgets them is stopped.
ACTIVE_LIMIT = 50
# A token's last use is written down when the one on record is older: not once a request.
NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """How many days a token is valid if nothing is said, and at most."""

    days: int = 90
    max_days: int = 366


settings: Configured[TokenSettings] = Configured(TokenSettings())


@dataclass(frozen=True, slots=True)
class Issued:
    """``secret`` is shown this once: nobody can read it again."""

    ref: str
    secret: str
    expires_at: datetime
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokenSummary:
    """``last_used_from``: the address, or the account at the command line, that used it last."""

    ref: str
    email: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    last_used_from: str
    revoked_at: datetime | None
    revoked_by: str | None


@transaction.atomic
def issue(*, name: str, by: Actor, days: int | None = None, scopes: Collection[str] = DEFAULT_SCOPES) -> Issued:
    """A new token of the actor's own. Nobody makes one for another, and no token makes one: it would outlive itself.

    ``scopes``: ``read``, or the capabilities that it includes, of those that the actor has. Raises Denied, Invalid,
    Conflict ``too-many-tokens``, NotFound for somebody who stopped being a member.
    """
    _require_person(by)
    proofs.require_recent(by)
    lasting = settings.get().days if days is None else days
    cleaned = clean_text(name, limit=NAME_LIMIT + 1)
    _check(cleaned, lasting, scopes, by)
    membership = _own_membership(by)
    if _active().filter(membership=membership).count() >= ACTIVE_LIMIT:
        raise Conflict(f"You have {ACTIVE_LIMIT} tokens. Revoke those that you don't use.", code="too-many-tokens")
    secret = MARK + secrets.token_urlsafe(32)
    at = now()
    token = AccessToken.objects.create(
        ref=new_ref(Prefix.TOKEN),
        membership=membership,
        name=cleaned,
        digest=_digest(secret),
        scopes=sorted(set(scopes)),
        created_at=at,
        created_by=by.name,
        expires_at=at + timedelta(days=lasting),
    )
    record(
        EventName.TOKEN_ISSUED,
        by=by,
        subject_kind="token",
        subject=token.ref,
        member=membership.user.email,
        scopes=", ".join(token.scopes),
        days=lasting,
    )
    return Issued(token.ref, secret, token.expires_at, tuple(token.scopes))


@transaction.atomic
def revoke(*, ref: str, by: Actor) -> None:
    """Ends a token now; one that has ended already stays as it is. One's own, or that of another member within what
    the actor could grant. Raises Denied; NotFound also for tokens of members that the actor doesn't see."""
    rows = AccessToken.objects.filter(ref=ref, membership__in=guards.members_of(by))
    own = by.user_id is not None and rows.filter(membership__user_id=by.user_id).exists()
    if not rows.exists():
        raise NotFound
    proofs.require_recent(by)
    if not own or by.token not in ("", ref):  # a token ends itself, and others only as its scope allows
        by.require(Capability.MEMBER_MANAGE)
        for token in rows.select_related("membership") if not own else ():
            grants.check_member(by, token.membership)
    _revoke(rows, by, why="")


@transaction.atomic
def revoke_all(membership_id: int, *, by: Actor, why: str) -> int:
    """Ends every token of a membership for good, in the caller's transaction. Returns how many there were."""
    return _revoke(AccessToken.objects.filter(membership_id=membership_id), by, why=why)


def list_tokens(actor: Actor) -> list[TokenSummary]:
    """The tokens of the members that the actor sees, the newest first. Raises Denied without ``member:view``."""
    actor.require(Capability.MEMBER_VIEW)
    return _summaries(AccessToken.objects.filter(membership__in=guards.members_of(actor)))


def list_own(actor: Actor) -> list[TokenSummary]:
    """The actor's own tokens in this workspace, the newest first; a process has none."""
    if actor.user_id is None:
        return []
    mine = AccessToken.objects.filter(membership__workspace_id=actor.workspace_id)
    return _summaries(mine.filter(membership__user_id=actor.user_id))


def list_others(actor: Actor) -> list[TokenSummary]:
    """The active tokens of other members that the actor may revoke; none for who doesn't manage members."""
    if not actor.may(Capability.MEMBER_MANAGE):
        return []
    others = guards.members_of(actor).exclude(user_id=actor.user_id or 0).filter(accesstoken__in=_active()).distinct()
    return _summaries(_active().filter(membership_id__in=grants.reached(actor, list(others))))


def bearer(secret: str, *, address: str = "") -> Actor:
    """The member whose token this is, as they are now and as far as its scope goes; NOBODY when it is unknown, expired
    or revoked. ``address``: where it is used from, for the record of its last use. Raises ProofNeeded for a member
    without a second factor, where the workspace needs one."""
    # From the environment come bytes that are not UTF-8 too, as half surrogate pairs.
    if not secret.startswith(MARK) or len(secret) > LENGTH_LIMIT or not secret.isascii():
        return NOBODY
    workspace_id = directory.token_workspace(_digest(secret))
    if workspace_id is None:
        return NOBODY
    with entered(RowScope(workspace_id, None)):
        rows = _active().filter(membership__is_active=True).select_related("membership__user", "membership__workspace")
        token = rows.filter(digest=_digest(secret)).first()
        if token is None or not token.membership.user.is_active:
            return NOBODY
        if token.membership.workspace.second_factor_since and not has_second_factor(token.membership.user_id):
            raise ProofNeeded
        _note_use(token, address)
        return narrowed(member_actor(token.membership, Proof.TOKEN), token=token.ref, scopes=token.scopes)


def _require_person(by: Actor) -> None:
    decisions.require_own_word(by, "token:issue")
    if by.token:
        raise Denied(
            "A token can't create tokens. Log in and create it on the page Tokens.",
            code="token-by-token",
            capability="token:issue",
        )


def _check(name: str, days: int, scopes: Collection[str], by: Actor) -> None:
    faults, most = [], settings.get().max_days
    if not 0 < len(name) <= NAME_LIMIT:
        faults.append(Fault("name", f"1 to {NAME_LIMIT} characters"))
    if not 0 < days <= most:
        faults.append(Fault("days", f"1 to {most}"))
    if not scopes or unknown(scopes):
        faults.append(Fault("scopes", f"{READ}, or names such as {Capability.RUN_START}: docs/reference/roles.md"))
    elif beyond := sorted(set(scopes) - {READ} - by.capabilities):
        faults.append(Fault("scopes", f"your roles don't include {', '.join(beyond)}"))
    if faults:
        raise Invalid("This token can't be made.", faults=faults)


def _own_membership(by: Actor) -> Membership:
    rows = Membership.objects.select_related("user").filter(workspace_id=by.workspace_id, user_id=by.user_id or 0)
    # Held against a removal at the same time, which would miss the new token.
    found = rows.filter(is_active=True, user__is_active=True).select_for_update(of=("self",)).first()
    if found is None:
        raise NotFound("You are not an active member of this workspace.")
    return found


def _active() -> QuerySet[AccessToken]:
    return AccessToken.objects.filter(revoked_at=None, expires_at__gt=now())


def _revoke(rows: QuerySet[AccessToken], by: Actor, *, why: str) -> int:
    refs = list(rows.filter(revoked_at=None).select_for_update().order_by("pk").values_list("ref", flat=True))
    AccessToken.objects.filter(ref__in=refs).update(revoked_at=now(), revoked_by=by.name)
    for ref in refs:
        record(EventName.TOKEN_REVOKED, by=by, subject_kind="token", subject=ref, why=why or None)
    return len(refs)


def _note_use(token: AccessToken, address: str) -> None:
    stale = now() - NOTED_EVERY
    if token.last_used_at is not None and token.last_used_at >= stale:
        return
    rows = AccessToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=stale), pk=token.pk)
    rows.update(last_used_at=now(), last_used_from=clean_text(address, limit=ADDRESS_LIMIT))


def _summaries(rows: QuerySet[AccessToken]) -> list[TokenSummary]:
    return [_summary(token) for token in rows.select_related("membership__user").order_by("-created_at", "-pk")]


def _summary(of: AccessToken) -> TokenSummary:
    return TokenSummary(
        of.ref,
        of.membership.user.email,
        of.name,
        tuple(of.scopes),
        of.created_at,
        of.expires_at,
        of.last_used_at,
        of.last_used_from,
        of.revoked_at,
        of.revoked_by,
    )


def choices(actor: Actor) -> Sequence[Capability]:
    """The acts that a new token of the actor's can include beyond reading."""
    return [one for one in Capability if actor.may(one)]


def _digest(secret: str) -> str:
    # 256 random bits need no slow hash: there is nothing to guess.
    return digest_bytes(secret.encode())
