"""Signing ceremonies: a person's passkey signs one statement of the server's, once (docs/adr/0092).

The statement is a row from the moment it is asked for: bound to the person, the session, what it is about, and a few
minutes. Completing it checks the assertion against the person's own keys, and uses the row up by a conditional update,
in the transaction of the act that it signs: of two answers at once, one counts.
"""

from __future__ import annotations

import binascii
import secrets
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db.models import QuerySet

from handrail.access import passkeys, proofs
from handrail.access.actor import Actor
from handrail.access.decisions import Proof
from handrail.access.models import SigningCeremony
from handrail.access.passkeys import SigningKeyOfPerson
from handrail.access.session_store import LOGIN
from handrail.kernel.assertions import (
    Algorithm,
    ApprovalProof,
    Assertion,
    CredentialKey,
    NotProved,
    RelyingParty,
    challenge_text,
    check,
)
from handrail.kernel.clock import now
from handrail.kernel.configured import Configured
from handrail.kernel.errors import Conflict, Misconfigured, ProofNeeded

_KEPT = timedelta(days=1)  # after it has run out, so that a late answer gets its own reason
_NONCE_BYTES = 32
_ANSWER_LIMIT = 8192  # of one value of an answer, as base64url

NO_SITE = (
    "This installation has no address that passkeys can be bound to: they need a host name, over HTTPS or on "
    "localhost. Set [web] base_url."
)


_WANTED = {
    ApprovalProof.PASSKEY: "takes your passkey's signature, on its page. A token or a click can't stand in for it.",
    ApprovalProof.SECOND_FACTOR: "takes a second factor that you have just given, on its page. A token is none.",
}


@dataclass(frozen=True, slots=True)
class SigningSettings:
    """``minutes``: how long a statement waits for its signature. ``practice``: profiles that ask for more than a click
    get a click, and everything that leaves says so. ``definitions``: what approving a definition asks for."""

    minutes: int = 5
    practice: bool = False
    definitions: ApprovalProof = ApprovalProof.CLICK


settings: Configured[SigningSettings] = Configured(SigningSettings())


@dataclass(frozen=True, slots=True)
class SignedSubject:
    """What a statement is about: the kind and name of the subject, and what is done to it."""

    kind: str
    name: str
    act: str


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a statement says of its own: who signs, the number used once, and between when."""

    nonce: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class BegunCeremony:
    """What a browser needs to ask the authenticator. ``challenge`` and ``credentials`` are base64url."""

    nonce: str
    challenge: str
    rp_id: str
    credentials: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignatureAnswer:
    """What the browser sends back: the nonce of the ceremony, and the authenticator's answer."""

    nonce: str
    credential_id: bytes
    assertion: Assertion


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement with the signature that holds, when it was counted, and the key that made it."""

    at: datetime
    nonce: str
    statement: str
    assertion: Assertion
    key: CredentialKey
    person_key: SigningKeyOfPerson


def answer_of(fields: Mapping[str, str]) -> SignatureAnswer | None:
    """The answer in a submitted form; None where there is none. Raises Conflict (``signature-malformed``)."""
    if not fields.get("nonce"):
        return None
    names = ("credential", "authenticator_data", "client_data", "signature")
    values = [_decoded(fields.get(name, "")) for name in names]
    return SignatureAnswer(fields["nonce"], values[0], Assertion(values[1], values[2], values[3]))


def session_of(session: Mapping[str, Any]) -> str:
    """The reference of the log-in that a session began with; its key may change, this does not."""
    return str(session.get(LOGIN, {}).get("ref", ""))


def why_not_sign(actor: Actor) -> str | None:
    """Why this person can't sign with a passkey now, in words; None when they can."""
    if actor.user_id is None or actor.proof is not Proof.SESSION:
        return "A passkey signs on the pages: a token or a process has none."
    if not passkeys.settings.get().id:
        return NO_SITE
    if not _counting(actor):
        return (
            "You have no passkey that counts for signing here. Enrol one in your account; then a second person "
            "confirms it."
        )
    return None


def begin(
    *, actor: Actor, session: str, subject: SignedSubject, statement: Callable[[Occasion], bytes]
) -> BegunCeremony:
    """Writes down the statement that the person is about to sign. ``session``: the reference of their log-in.

    Raises Conflict (``passkey-missing``) where they have no passkey that counts, Misconfigured (``no-relying-party``).
    """
    site = passkeys.settings.get()
    if not site.id:
        raise Misconfigured(NO_SITE, code="no-relying-party")
    if why := why_not_sign(actor):
        raise Conflict(why, code="passkey-missing")
    at = now()
    SigningCeremony.objects.filter(
        workspace_id=actor.workspace_id, user_id=person_of(actor), expires_at__lt=at - _KEPT
    ).delete()
    ends = at + timedelta(minutes=settings.get().minutes)
    occasion = Occasion(secrets.token_hex(_NONCE_BYTES), at, ends)
    raw = statement(occasion)
    SigningCeremony.objects.create(
        workspace_id=actor.workspace_id,
        user_id=person_of(actor),
        session=session,
        subject_kind=subject.kind,
        subject=subject.name,
        act=subject.act,
        nonce=occasion.nonce,
        statement=raw.decode(),
        begun_at=at,
        expires_at=ends,
    )
    ids = tuple(passkeys.encoded(key.credential_id) for key in _counting(actor))
    return BegunCeremony(occasion.nonce, challenge_text(sha256(raw).digest()), site.id, ids, ends)


def complete(*, actor: Actor, session: str, subject: SignedSubject, answer: SignatureAnswer) -> Signed:
    """Checks the signature and uses the ceremony up. Call it in the transaction of the act.

    Raises Conflict: ``signature-unknown`` (no such ceremony of this person), ``signature-other-session``,
    ``signature-other-subject``, ``signature-expired``, ``signature-replayed``, ``signature-unknown-key``,
    ``signature-key-unconfirmed``, ``signature-key-removed``, ``signature-key-copied``, or an ``AssertionFault``.
    """
    row = SigningCeremony.objects.filter(
        workspace_id=actor.workspace_id, user_id=person_of(actor), nonce=answer.nonce
    ).first()
    _refuse_other(row, session, subject)
    assert row is not None  # refused otherwise
    person_key, key = _key_of(actor, answer.credential_id)
    site = passkeys.settings.get()
    try:
        check(answer.assertion, key=key, challenge=sha256(row.statement.encode()).digest(), party=site)
    except NotProved as error:
        raise Conflict(f"Your passkey's signature doesn't count: {error.message}.", code=str(error.reason)) from None
    at = now()
    if not SigningCeremony.objects.filter(pk=row.pk, used_at=None, expires_at__gt=at).update(used_at=at):
        row.refresh_from_db()
        _refuse_ended(row)
    if not passkeys.advance(person_key.ref, answer.assertion.counter):
        raise Conflict(
            "Your passkey was removed meanwhile, or its counter says that there is a copy of it.",
            code="signature-key-copied",
        )
    return Signed(at, row.nonce, row.statement, answer.assertion, key, person_key)


def person_of(actor: Actor) -> int:
    """The person that ``actor`` is; only people sign."""
    assert actor.user_id is not None  # refused before
    return actor.user_id


def site() -> RelyingParty:
    """Where passkeys sign; without an ``id`` where there is no such address."""
    return passkeys.settings.get()


def why_not_counted(user_id: int, workspace_id: int, ref: str) -> str:
    """Why the person's key ``ref`` counts for nothing now, in words; empty where it counts."""
    key = next((one for one in passkeys.signing_keys(user_id, workspace_id) if one.ref == ref), None)
    if key is None or key.removed_at is not None:
        return "their key was removed"
    return "" if key.counts else "nobody has confirmed their key"


def is_elsewhere(actor: Actor) -> bool:
    """Whether a person acts through a door that is neither a passkey nor a second factor: a token, or a name."""
    return actor.proof in (Proof.TOKEN, Proof.NAME)


def refuse_weaker(given: ApprovalProof, wanted: ApprovalProof, *, what: str) -> None:
    """Raises Conflict (``passkey-needed``, ``second-factor-needed``) where ``given`` is less than ``wanted``."""
    if not given.satisfies(wanted):
        raise Conflict(f"{what} {_WANTED[wanted]}", code=f"{wanted}-needed")


def proven(actor: Actor) -> Actor:
    """``actor``, who has just signed: what asks for a recent proof has one."""
    return replace(actor, proven=proofs.just_now(proofs.ProofMethod.PASSKEY))


def proof_of_click(actor: Actor) -> ApprovalProof:
    """What a click of this person shows now: the second factor where their session has given one recently."""
    if actor.proof is not Proof.SESSION or actor.proven is None:
        return ApprovalProof.CLICK
    try:
        proofs.require_recent(actor, proofs.SECOND_FACTORS)
    except ProofNeeded:
        return ApprovalProof.CLICK
    return ApprovalProof.SECOND_FACTOR


def columns(signed: Signed | None, *, clicked: ApprovalProof) -> dict[str, Any]:
    """The columns of a ``SignedAct``: of a signature, or of a click that showed ``clicked``."""
    if signed is None:
        return {"proof": clicked.value}
    made = signed.assertion
    return {
        "proof": ApprovalProof.PASSKEY.value,
        "nonce": signed.nonce,
        "statement": signed.statement,
        "key_ref": signed.person_key.ref,
        "public_key": b64encode(signed.key.spki).decode(),
        "algorithm": signed.key.algorithm.value,
        "authenticator_data": b64encode(made.authenticator_data).decode(),
        "client_data": b64encode(made.client_data).decode(),
        "signature": b64encode(made.signature).decode(),
        "enrolment": enrolment(signed.person_key),
    }


def enrolment(key: SigningKeyOfPerson) -> dict[str, Any]:
    """How a key came to count, as it is kept beside what the key signed."""
    return {
        "key": key.ref,
        "enrolled_at": key.enrolled_at.isoformat(),
        "enrolled_by": key.enrolled_by,
        "confirmed_at": key.confirmed_at.isoformat() if key.confirmed_at else None,
        "confirmed_by": key.confirmed_by,
    }


def _of(actor: Actor) -> QuerySet[SigningCeremony]:
    return SigningCeremony.objects.filter(workspace_id=actor.workspace_id, user_id=person_of(actor))


def _counting(actor: Actor) -> list[SigningKeyOfPerson]:
    keys = passkeys.signing_keys(person_of(actor), actor.workspace_id)
    return [key for key in keys if key.counts and Algorithm.of_cose(key.alg) is not None]


def _key_of(actor: Actor, credential_id: bytes) -> tuple[SigningKeyOfPerson, CredentialKey]:
    found = passkeys.find(credential_id, actor.workspace_id)
    algorithm = Algorithm.of_cose(found.alg) if found is not None else None
    if found is None or algorithm is None or found.user_id != actor.user_id:
        raise Conflict("This passkey is not one of yours.", code="signature-unknown-key")
    if found.removed_at is not None:
        raise Conflict("This passkey was removed or suspended, so it signs nothing.", code="signature-key-removed")
    if not found.counts:
        raise Conflict("Nobody has confirmed yet that this passkey is yours.", code="signature-key-unconfirmed")
    return found, CredentialKey(found.public_key, algorithm)


def _refuse_other(row: SigningCeremony | None, session: str, subject: SignedSubject) -> None:
    if row is None:
        raise Conflict("This signature answers nothing that you were asked. Begin again.", code="signature-unknown")
    if row.session != session:
        raise Conflict("You were asked in another session. Begin again.", code="signature-other-session")
    if (row.subject_kind, row.subject, row.act) != (subject.kind, subject.name, subject.act):
        raise Conflict("You were asked to sign something else. Begin again.", code="signature-other-subject")
    _refuse_ended(row)


def _refuse_ended(row: SigningCeremony) -> None:
    if row.used_at is not None:
        raise Conflict("This signature has been used. A signature counts once.", code="signature-replayed")
    if row.expires_at <= now():
        raise Conflict("This took longer than a signature may. Begin again.", code="signature-expired")


def _decoded(text: str) -> bytes:
    try:
        if len(text) > _ANSWER_LIMIT:
            raise ValueError
        return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        raise Conflict("Your browser's answer could not be read. Begin again.", code="signature-malformed") from None
