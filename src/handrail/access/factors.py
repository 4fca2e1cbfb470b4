"""Authenticator apps with their recovery codes, and the rule that a workspace needs a second factor.

Codes are allauth's. Here each code of an app counts once: the last time step that was used is kept under a lock.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.db import transaction

from handrail.access import directory, enrolment, passkeys, queries, sessions
from handrail.access.actor import Actor, ActorKind
from handrail.access.capabilities import Capability
from handrail.access.models import Passkey, User, Workspace
from handrail.access.proofs import ProofMethod
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, Fault, Invalid, NotFound

SECRET_KEY: Final = "app_secret"  # of the session, while an app is being added  # noqa: S105
STEP_SECONDS: Final = 30
STEPS_AROUND: Final = 1  # how far the clock of a telephone may be off
LAST_STEP: Final = "step"
CODE_LIMIT: Final = 20
_TYPES = Authenticator.Type


@dataclass(frozen=True, slots=True)
class OwnFactors:
    """``has_password``: whether the person logs in by one. ``codes_left``: of their recovery codes."""

    passkeys: list[enrolment.PasskeySummary]
    has_password: bool
    has_app: bool
    codes_left: int
    required: bool
    signer: bool


def list_factors(actor: Actor) -> OwnFactors:
    """What the actor has to show who they are. A process has nothing."""
    user = User.objects.filter(pk=actor.user_id or 0).first()
    kept = {row.type: row for row in Authenticator.objects.filter(user=user).exclude(type=_TYPES.WEBAUTHN)}
    codes = kept.get(_TYPES.RECOVERY_CODES)
    return OwnFactors(
        passkeys=enrolment.list_own(actor),
        has_password=user is not None and user.has_usable_password(),
        has_app=_TYPES.TOTP in kept,
        codes_left=len(codes.wrap().get_unused_codes()) if codes else 0,
        required=is_required(actor),
        signer=passkeys.signs(actor.roles),
    )


def begin_app(session: MutableMapping[str, Any]) -> str:
    """The secret of an app that is being added: always the same until it is, also in another tab."""
    if SECRET_KEY not in session:
        session[SECRET_KEY] = b32encode(secrets.token_bytes(20)).decode()
    return str(session[SECRET_KEY])


def address_of_app(actor: Actor, secret: str) -> str:
    """The ``otpauth:`` address of an app's secret, for people to scan."""
    return str(get_adapter().build_totp_url(User.objects.get(pk=actor.user_id or 0), secret))


@transaction.atomic
def add_app(session: MutableMapping[str, Any], *, code: str, by: Actor) -> list[str]:
    """Adds the app that shows ``code`` for the secret of the session. Returns new recovery codes, which nobody is shown
    again. Raises Invalid, Conflict, ProofNeeded; Denied without a password."""
    user = enrolment.own(by)
    enrolment.require_own(by)
    if not user.has_usable_password():
        raise Denied("You log in by your identity provider: add a passkey instead.", capability="passkey:enrol")
    if Authenticator.objects.filter(user=user, type=_TYPES.TOTP).exists():
        raise Conflict("You have an authenticator app. Remove it first.", code="app-known")
    secret = str(session.get(SECRET_KEY, ""))
    step = _step(secret, code) if secret else None
    if step is None:
        raise Invalid("The code is not right.", faults=[Fault("code", "the six digits that your app shows now")])
    data = {"secret": get_adapter().encrypt(secret), LAST_STEP: step}
    Authenticator.objects.create(user=user, type=_TYPES.TOTP, data=data)
    session.pop(SECRET_KEY, None)
    record(EventName.FACTOR_APP_ADDED, by=by, subject_kind="member", subject=user.email)
    return _new_codes(user, by)


@transaction.atomic
def remove_app(*, by: Actor) -> None:
    """Removes the actor's own app. Raises NotFound, ProofNeeded."""
    user = enrolment.own(by)
    enrolment.require_own(by)
    removed, _ = Authenticator.objects.filter(user=user, type=_TYPES.TOTP).delete()
    if not removed:
        raise NotFound
    enrolment.forget(user, [])
    record(EventName.FACTOR_APP_REMOVED, by=by, subject_kind="member", subject=user.email)


@transaction.atomic
def new_codes(*, by: Actor) -> list[str]:
    """New recovery codes for the actor; the ones before open nothing any more. Raises ProofNeeded, Conflict for who has
    nothing that they could stand in for."""
    user = enrolment.own(by)
    enrolment.require_own(by)
    if not Authenticator.objects.filter(user=user).exclude(type=_TYPES.RECOVERY_CODES).exists():
        raise Conflict("Add a passkey or an authenticator app first.", code="no-factor")
    return _new_codes(user, by)


@transaction.atomic
def use_code(user: User, code: str) -> ProofMethod | None:
    """By what ``user`` has shown who they are: ``code`` is one that their app shows now, or a recovery code, and has
    not been used. None where it is neither. Each code counts once, however many requests bring it at a time."""
    if not 0 < len(code) <= CODE_LIMIT:
        return None
    rows = Authenticator.objects.select_for_update().filter(user=user).exclude(type=_TYPES.WEBAUTHN).order_by("pk")
    kept = {row.type: row for row in rows}
    app, codes = kept.get(_TYPES.TOTP), kept.get(_TYPES.RECOVERY_CODES)
    if app is not None and (step := _step(get_adapter().decrypt(app.data["secret"]), code)) is not None:
        if step <= int(app.data.get(LAST_STEP, 0)):
            return None
        app.data[LAST_STEP] = step
        app.last_used_at = now()
        app.save(update_fields=["data", "last_used_at"])
        return ProofMethod.TOTP
    if codes is not None and RecoveryCodes(codes).validate_code(code):
        return ProofMethod.RECOVERY_CODE
    return None


def is_required(actor: Actor) -> bool:
    """Whether the actor's workspace needs a second factor of its members."""
    return Workspace.objects.filter(pk=actor.workspace_id, second_factor_since__isnull=False).exists()


@transaction.atomic
def require_second_factor(*, required: bool, by: Actor) -> None:
    """Has the workspace need a second factor of its members from now on, or not any more. Who has none is led to enrol
    one before anything else; so are sessions that are open. Raises Denied, ProofNeeded; Conflict for somebody who has
    none themselves: they would be locked out first."""
    by.require_everywhere(Capability.MEMBER_MANAGE)
    if required and by.kind is ActorKind.PERSON and not queries.has_second_factor(by.user_id or 0):
        raise Conflict("Enrol a second factor of your own first.", code="no-factor")
    rows = Workspace.objects.filter(pk=by.workspace_id, second_factor_since__isnull=required)
    if not rows.update(second_factor_since=now() if required else None):
        raise Conflict("It is so already.", code="unchanged")
    slug = Workspace.objects.values_list("slug", flat=True).get(pk=by.workspace_id)
    record(EventName.WORKSPACE_SECOND_FACTOR_CHANGED, by=by, subject_kind="workspace", subject=slug, required=required)


@transaction.atomic
def reset(*, email: str, by: Actor) -> int:
    """For somebody who has lost everything: ends every second factor and session of theirs. Returns how many passkeys
    there were. The operator's, at the command line. Raises NotFound; Conflict for a signer whose passkeys a second
    person has not removed yet."""
    user = User.objects.select_for_update().filter(email__iexact=email).first()
    if user is None:
        raise NotFound(f"Nobody has the address {email}.")
    open_keys = Passkey.objects.filter(user=user, removals=None).count()
    if open_keys and enrolment.is_signer(user.pk):
        raise Conflict(
            f"{user.email} signs: a member who manages members removes their passkeys first, on the page Members or "
            "with: handrail members remove-key",
            code="second-person-needed",
        )
    ended = enrolment.end_every(user, by, reason="all factors were reset")
    Authenticator.objects.filter(user=user).delete()
    sessions.end_all_but(user)
    for workspace_id in directory.workspaces_of(user.pk, active=False):
        record(
            EventName.FACTOR_RESET,
            by=by,
            workspace_id=workspace_id,
            subject_kind="member",
            subject=user.email,
            keys=len(ended),
        )
    return len(ended)


def _new_codes(user: User, by: Actor) -> list[str]:
    Authenticator.objects.filter(user=user, type=_TYPES.RECOVERY_CODES).delete()
    made: list[str] = RecoveryCodes.activate(user).generate_codes()
    record(EventName.FACTOR_CODES_MADE, by=by, subject_kind="member", subject=user.email, codes=len(made))
    return made


def _step(secret: str, code: str) -> int | None:
    """The time step, of those around now, at which an app with ``secret`` shows ``code``."""
    at = int(now().timestamp()) // STEP_SECONDS
    for step in range(at - STEPS_AROUND, at + STEPS_AROUND + 1):
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))):
            return step
    return None
