"""Passkeys enrolled, confirmed and ended: by the person whose they are, and by a second person who manages members.

Who may approve packets or definitions is a signer. A signer's passkey counts for signing once a second person has
confirmed it, and a signer alone can suspend theirs, which is for ever, but not make it disappear: see ADR 0091.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.db import IntegrityError, transaction

from handrail.access import decisions, directory, grants, guards, passkeys, proofs, queries, sessions
from handrail.access.actor import Actor, ActorKind
from handrail.access.capabilities import Capability
from handrail.access.ceremonies import NewPasskey
from handrail.access.models import Membership, Passkey, PasskeyConfirmation, PasskeyRemoval, User, Workspace
from handrail.access.queries import MemberSummary
from handrail.access.refusals import reason_of
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, Fault, Invalid, NotFound
from handrail.kernel.hostile import clean_text
from handrail.kernel.ids import Prefix, new_ref
from handrail.kernel.scope import RowScope, entered

NAME_LIMIT = 80
MOST = 20  # as many as one person may have that open the account
SUSPENDED, REMOVED = "suspended", "removed"
_OWN = "You can't do this for a passkey of your own: it takes a second person who manages members."


@dataclass(frozen=True, slots=True)
class PasskeySummary:
    """``state``: active, unconfirmed (of a signer, for want of a second person), suspended or removed. ``fingerprint``:
    of the public key, for two people to compare."""

    ref: str
    name: str
    state: str
    enrolled_at: datetime
    enrolled_with: str
    last_used_at: datetime | None
    confirmed_at: datetime | None
    confirmed_by: str | None
    removed_at: datetime | None
    removed_by: str | None
    fingerprint: str


@transaction.atomic
def enrol(made: NewPasskey, *, name: str, by: Actor) -> str:
    """Keeps what the actor's own authenticator has made. Returns its reference. Raises ProofNeeded, Invalid, Conflict.

    The first one is enrolled on the proof that the person has so far."""
    user = own(by)
    require_own(by)
    called = _name(name)
    if len(passkeys.usable_ids(user)) >= MOST:
        raise Conflict(f"You have {MOST} passkeys. Remove those that you don't use.", code="too-many-passkeys")
    public_key = b64encode(made.public_key).decode()
    if Passkey.objects.filter(public_key=public_key).exists():  # nothing shows that who enrols a key has it
        raise Conflict("This passkey is enrolled already.", code="passkey-known")
    given = proofs.last(by)
    try:
        with transaction.atomic():
            row = Passkey.objects.create(
                ref=new_ref(Prefix.PASSKEY),
                user=user,
                name=called,
                credential_id=passkeys.encoded(made.credential_id),
                public_key=public_key,
                alg=made.alg,
                aaguid=made.aaguid,
                attestation=made.attestation,
                user_verified=made.user_verified,
                relying_party=passkeys.settings.get().id,
                origin=made.origin,
                enrolled_with=given.method.value if given else "",
                at=now(),
                by=by.name,
            )
    except IntegrityError:
        raise Conflict("This passkey is enrolled already.", code="passkey-known") from None
    Authenticator.objects.create(
        user=user,
        type=Authenticator.Type.WEBAUTHN,
        data={
            "name": called,
            "credential": dict(made.credential),
            passkeys.REF: row.ref,
            passkeys.COUNTER: made.counter,
        },
    )
    _record(EventName.PASSKEY_ENROLLED, row, by, key=row.ref, attestation=row.attestation, method=row.enrolled_with)
    return row.ref


@transaction.atomic
def rename(*, ref: str, name: str, by: Actor) -> None:
    """Gives a passkey of the actor's own another name. Raises NotFound, ProofNeeded, Invalid."""
    row, called = _own_key(ref, by), _name(name)
    kept = Authenticator.objects.select_for_update().filter(user=row.user, data__passkey=ref).first()
    if kept is None:
        raise NotFound
    require_own(by)
    kept.data["name"] = called
    kept.save(update_fields=["data"])
    _record(EventName.PASSKEY_RENAMED, row, by, key=ref)


@transaction.atomic
def end_own(*, ref: str, by: Actor, keep: str | None = None) -> str:
    """Ends a passkey of the actor's own, now and for ever; their sessions but ``keep`` end with it. Returns how:
    removed or, of a signer, suspended, until a second person removes it too. Raises NotFound, ProofNeeded, Conflict.

    Any second factor of theirs will do as proof: who has lost the passkey must be able to."""
    row = _own_key(ref, by)
    if by.proven is not None:
        proofs.require_recent(by, (by.proven.accepted or proofs.FIRST_FACTORS) | proofs.SECOND_FACTORS)
    kind = SUSPENDED if _is_signer(row.user_id) else REMOVED
    _end(row, kind, by, reason="")
    sessions.end_all_but(row.user, keep=keep)
    event = EventName.PASSKEY_SUSPENDED if kind == SUSPENDED else EventName.PASSKEY_REMOVED
    _record(event, row, by, key=ref)
    return kind


@transaction.atomic
def confirm(*, ref: str, by: Actor) -> None:
    """A second person says whose passkey this is: from now on it counts for signing in their workspace. Raises Denied
    for a process and for one's own, NotFound, ProofNeeded, Conflict."""
    by = grants.settle(by)
    decisions.require_own_word(by, Capability.MEMBER_MANAGE)
    row, _ = _of_member(ref, by)
    if row.removals.exists():
        raise Conflict("This passkey has ended. Its owner can enrol another.", code="passkey-ended")
    _, made = PasskeyConfirmation.objects.get_or_create(
        passkey=row, workspace_id=by.workspace_id, defaults={"user_id": by.user_id, "by": by.name, "at": now()}
    )
    if not made:
        raise Conflict("This passkey is confirmed already.", code="passkey-confirmed")
    _record(EventName.PASSKEY_CONFIRMED, row, by, key=ref, fingerprint=fingerprint(row))


@transaction.atomic
def remove(*, ref: str, reason: str, by: Actor) -> None:
    """Ends a member's passkey, now and for ever, in every workspace; their sessions end with it. One that its owner has
    suspended is removed by this too. Raises Denied for one's own, NotFound, ProofNeeded, Invalid, Conflict."""
    by = grants.settle(by)
    row, membership = _of_member(ref, by)
    said = reason_of(reason)
    _end(row, REMOVED, by, reason=said)
    sessions.end_all_but(membership.user)
    _record(EventName.PASSKEY_REMOVED, row, by, key=ref, reason=digest_bytes(said.encode()))


def record_refused(by: Actor, cause: str) -> None:
    """Writes down that what was to be enrolled could not be. ``cause``: a code."""
    record(
        EventName.PASSKEY_ENROLLED,
        by=by,
        subject_kind="member",
        subject=by.name,
        outcome=EventOutcome.DENIED,
        cause=cause,
    )


def list_own(actor: Actor) -> list[PasskeySummary]:
    """The actor's own passkeys, the newest first: those that have ended too. A process has none."""
    user = User.objects.filter(pk=actor.user_id or 0).first()
    return [] if user is None else _summaries(user, actor.workspace_id)


def get_member(actor: Actor, number: int) -> MemberSummary:
    """The member that addresses of pages call ``number``. Raises Denied, NotFound."""
    actor.require(Capability.MEMBER_VIEW)
    found = guards.members_of(actor).filter(pk=number).first()
    if found is None:
        raise NotFound
    return queries.get_member(actor, found.user.email)


def list_of_member(actor: Actor, email: str) -> list[PasskeySummary]:
    """The passkeys of a member of the actor's workspace. Raises Denied, NotFound."""
    actor.require(Capability.MEMBER_VIEW)
    found = guards.members_of(actor).filter(user__email__iexact=email).first()
    if found is None:
        raise NotFound(f"{email} is not a member of this workspace.")
    return _summaries(found.user, actor.workspace_id)


def overview(actor: Actor) -> dict[int, tuple[str, int]]:
    """For each membership that the actor sees: what second factor the member has, and how many passkeys of a signer
    wait for a second person. Raises Denied."""
    actor.require(Capability.MEMBER_VIEW)
    members = list(guards.members_of(actor))
    users = [one.user_id for one in members]
    kinds: dict[int, set[str]] = {}
    for user_id, kind in Authenticator.objects.filter(user__in=users).values_list("user_id", "type"):
        kinds.setdefault(user_id, set()).add(kind)
    confirmed = PasskeyConfirmation.objects.filter(workspace_id=actor.workspace_id).values("passkey")
    open_keys = Passkey.objects.filter(user__in=users, removals=None).exclude(pk__in=confirmed)
    waiting = Counter(open_keys.values_list("user_id", flat=True))
    return {
        one.pk: (_factor(kinds.get(one.user_id, set())), waiting[one.user_id] if passkeys.signs(one.roles) else 0)
        for one in members
    }


def _factor(kinds: set[str]) -> str:
    if Authenticator.Type.WEBAUTHN in kinds:
        return "passkey"
    return "app" if Authenticator.Type.TOTP in kinds else "none"


def fingerprint(row: Passkey) -> str:
    """Of its public key: the first 16 digits of its SHA-256, in fours."""
    digits = digest_bytes(passkeys.key_of(row)).removeprefix("sha256:")[:16].upper()
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4))


def own(by: Actor) -> User:
    """The actor's own account, locked until the commit. Raises Denied for a process, and for a token: nobody enrols or
    removes what opens an account by something that it opens."""
    decisions.require_own_word(by, "passkey:enrol")
    if by.proof is not decisions.Proof.SESSION:
        raise Denied("Log in and do this on the page Passkeys and codes.", capability="passkey:enrol")
    return User.objects.select_for_update().get(pk=by.user_id or 0)


def require_own(by: Actor) -> None:
    """Raises ProofNeeded unless the actor has just shown who they are; by what they have, where they have no second
    factor yet that their workspace needs."""
    proofs.require_recent(by, by.proven.accepted or proofs.FIRST_FACTORS if by.proven else None)


def forget(user: User, refs: list[str]) -> None:
    """Takes away what lets these passkeys open the account, and the recovery codes where nothing else is left."""
    Authenticator.objects.filter(user=user, data__passkey__in=refs).delete()
    kept = Authenticator.objects.filter(user=user)
    if not kept.exclude(type=Authenticator.Type.RECOVERY_CODES).exists():
        kept.delete()


def end_every(user: User, by: Actor, *, reason: str) -> list[str]:
    """Ends every passkey of ``user``, in the caller's transaction. Returns their references."""
    rows = list(Passkey.objects.filter(user=user, removals=None).order_by("pk"))
    for row in rows:
        _end(row, REMOVED, by, reason=reason)
    return [row.ref for row in rows]


def is_signer(user_id: int) -> bool:
    """Whether the person may approve packets or definitions in any workspace."""
    return _is_signer(user_id)


def _end(row: Passkey, kind: str, by: Actor, *, reason: str) -> None:
    ended = set(row.removals.values_list("kind", flat=True))
    if kind in ended or REMOVED in ended:
        raise Conflict("This passkey has ended already.", code="passkey-ended")
    within = Workspace.objects.filter(pk=by.workspace_id).values_list("slug", flat=True).first() or ""
    try:
        with transaction.atomic():
            PasskeyRemoval.objects.create(
                passkey=row, kind=kind, within=within, user_id=by.user_id, by=by.name, reason=reason, at=now()
            )
    except IntegrityError:
        raise Conflict("This passkey has ended already.", code="passkey-ended") from None
    forget(row.user, [row.ref])


def _own_key(ref: str, by: Actor) -> Passkey:
    user = own(by)
    row = Passkey.objects.filter(ref=ref, user=user).select_related("user").first()
    if row is None:
        raise NotFound
    return row


def _of_member(ref: str, by: Actor) -> tuple[Passkey, Membership]:
    """A passkey of a member that ``by`` administers, not their own. Raises NotFound, Denied."""
    row = Passkey.objects.filter(ref=ref).select_related("user").first()
    found = row and guards.members_of(by).filter(user=row.user).first()
    if row is None or not found:
        raise NotFound
    if by.kind is ActorKind.PERSON and row.user_id == by.user_id:
        raise Denied(_OWN, capability=Capability.MEMBER_MANAGE)
    grants.check_member(by, found)
    return row, found


def _is_signer(user_id: int) -> bool:
    for workspace_id in directory.workspaces_of(user_id, active=True):
        with entered(RowScope(workspace_id, None)):
            rows = Membership.objects.filter(workspace_id=workspace_id, user_id=user_id, is_active=True)
            if any(passkeys.signs(roles) for roles in rows.values_list("roles", flat=True)):
                return True
    return False


def _name(name: str) -> str:
    called = clean_text(name, limit=NAME_LIMIT + 1)
    if not 0 < len(called) <= NAME_LIMIT:
        raise Invalid("Give the passkey a name.", faults=[Fault("name", f"1 to {NAME_LIMIT} characters")])
    return called


def _summaries(user: User, workspace_id: int) -> list[PasskeySummary]:
    kept = {row.data.get(passkeys.REF): row for row in Authenticator.objects.filter(user=user)}
    signer = _is_signer(user.pk)
    rows = {row.ref: row for row in Passkey.objects.filter(user=user)}
    found = []
    for key in reversed(passkeys.signing_keys(user.pk, workspace_id)):
        row, used = rows[key.ref], kept.get(key.ref)
        ended = set(row.removals.values_list("kind", flat=True))
        state = REMOVED if REMOVED in ended else SUSPENDED if ended else "active"
        if state == "active" and signer and key.confirmed_at is None:
            state = "unconfirmed"
        found.append(
            PasskeySummary(
                ref=key.ref,
                name=str(used.data.get("name", row.name)) if used else row.name,
                state=state,
                enrolled_at=key.enrolled_at,
                enrolled_with=key.enrolled_with,
                last_used_at=used.last_used_at if used else None,
                confirmed_at=key.confirmed_at,
                confirmed_by=key.confirmed_by,
                removed_at=key.removed_at,
                removed_by=key.removed_by,
                fingerprint=fingerprint(row),
            )
        )
    return found


def _record(
    event: EventName,
    row: Passkey,
    by: Actor,
    *,
    key: str,
    attestation: str | None = None,
    method: str | None = None,
    fingerprint: str | None = None,
    reason: str | None = None,
) -> None:
    record(
        event,
        by=by,
        subject_kind="member",
        subject=row.user.email,
        key=key,
        attestation=attestation,
        method=method,
        fingerprint=fingerprint,
        reason=reason,
    )
