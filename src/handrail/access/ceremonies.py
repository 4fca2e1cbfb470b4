"""The two ceremonies of WebAuthn, on the server's side: enrolling a passkey, and being shown one.

Each begins with options for the browser and a challenge kept in the session, for one purpose, for some minutes. What
comes back is checked against that challenge, once: https://www.w3.org/TR/webauthn-3/#sctn-rp-operations
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from secrets import token_bytes
from time import time
from typing import Any, Final

from allauth.account.utils import user_pk_to_url_str
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.cache import cache
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestationObject,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from handrail.access import passkeys
from handrail.access.models import Passkey, User
from handrail.kernel import assertions
from handrail.kernel.assertions import Algorithm, Assertion, AssertionFault, CredentialKey, NotProved

SESSION_KEY: Final = "ceremonies"
SECONDS, KEPT = 300, 5  # as long as somebody may take; in so many tabs at a time
MOST_JSON, MOST_ID = 16_384, 1023
NAME: Final = "Handrail"
_EDWARDS, _RSA = -8, -257
ALGORITHMS: Mapping[int, Algorithm] = {-7: Algorithm.ES256, _EDWARDS: Algorithm.EDDSA, _RSA: Algorithm.RS256}
_REQUIRED = UserVerificationRequirement.REQUIRED
_PUBLIC_KEY = PublicKeyCredentialType.PUBLIC_KEY


class Purpose(StrEnum):
    """What a challenge was given out for: an answer to one serves no other."""

    ENROL = "enrol"
    LOG_IN = "log-in"
    SECOND_STEP = "second-step"
    PROVE = "prove"


class CeremonyFault(StrEnum):
    """Why a ceremony came to nothing, beside what makes an assertion prove nothing (``AssertionFault``)."""

    NOT_BEGUN = "not-begun"  # nor is what was begun too long ago, or has been used
    MALFORMED = "malformed"
    UNSUITABLE = "unsuitable"  # what was enrolled is not of an algorithm, a size or an origin that is taken
    UNKNOWN_KEY = "unknown-key"
    OTHER_PERSON = "other-person"
    COUNTER = "counter"


class CeremonyRefused(Exception):
    """``cause``: a stable code, for the audit log. Pages say one sentence for all."""

    def __init__(self, cause: CeremonyFault | AssertionFault) -> None:
        super().__init__(cause.value)
        self.cause = cause.value


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """What an authenticator made, checked. ``public_key``: SubjectPublicKeyInfo in DER."""

    credential_id: bytes
    public_key: bytes
    alg: int
    aaguid: str
    attestation: str
    user_verified: bool
    counter: int
    origin: str
    credential: Mapping[str, Any]


def begin_enrolment(session: MutableMapping[str, Any], user: User) -> dict[str, Any]:
    """Options for ``navigator.credentials.create``, as JSON. The person must be verified by their authenticator, and
    no passkey of theirs is made twice in one place."""
    challenge = token_bytes(32)
    known = [
        PublicKeyCredentialDescriptor(type=_PUBLIC_KEY, id=passkeys.decoded(one))
        for one in Passkey.objects.filter(user=user).values_list("credential_id", flat=True)
    ]
    who = PublicKeyCredentialUserEntity(
        id=_handle(user), name=user.email, display_name=user.get_full_name() or user.email
    )
    options, _ = _server().register_begin(
        who,
        known,
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=_REQUIRED,
        challenge=challenge,
        extensions={"credProps": True},
    )
    _keep(session, Purpose.ENROL, challenge, user)
    return dict(options)


def complete_enrolment(session: MutableMapping[str, Any], user: User, answer: str) -> NewPasskey:
    """Raises CeremonyRefused unless ``answer`` is what an authenticator made for this session's challenge, here, with
    its person verified."""
    given = _parsed(answer)
    try:
        response = RegistrationResponse.from_dict(given)
        client = response.response.client_data
        challenge = _take(session, Purpose.ENROL, client.challenge, user)
        state = {"challenge": _b64(challenge), "user_verification": _REQUIRED}
        if client.cross_origin or "topOrigin" in json.loads(client):
            raise CeremonyRefused(AssertionFault.CROSS_ORIGIN)
        data = _server().register_complete(state, response)
        return _made(given, response.response.attestation_object, client.origin, data.is_user_verified())
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, AssertionError, NotImplementedError) as error:
        raise CeremonyRefused(CeremonyFault.MALFORMED) from error


def begin_assertion(session: MutableMapping[str, Any], purpose: Purpose, user: User | None) -> dict[str, Any]:
    """Options for ``navigator.credentials.get``, as JSON: for any passkey of this site, or those of ``user``."""
    challenge = token_bytes(32)
    known = [
        PublicKeyCredentialDescriptor(type=_PUBLIC_KEY, id=passkeys.decoded(one)) for one in passkeys.usable_ids(user)
    ]
    options, _ = _server().authenticate_begin(known or None, user_verification=_REQUIRED, challenge=challenge)
    _keep(session, purpose, challenge, user)
    return dict(options)


def complete_assertion(
    session: MutableMapping[str, Any], purpose: Purpose, answer: str, user: User | None = None
) -> Passkey:
    """The passkey that was shown: it still opens its person's account, and its counter went up. Raises CeremonyRefused.

    ``user``: whose it must be. Whether that person may still log in is for the caller to ask, now and not before."""
    given = _parsed(answer)
    try:
        response = given["response"]
        parts = [passkeys.decoded(response[name]) for name in ("authenticatorData", "clientDataJSON", "signature")]
        assertion, credential_id = Assertion(*parts), passkeys.decoded(given["id"])
        claimed = passkeys.decoded(json.loads(assertion.client_data)["challenge"])
        handle = passkeys.decoded(response.get("userHandle") or "")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CeremonyRefused(CeremonyFault.MALFORMED) from error
    challenge = _take(session, purpose, claimed, user)
    found = Passkey.objects.filter(credential_id=passkeys.encoded(credential_id)).select_related("user").first()
    if found is None:
        raise CeremonyRefused(CeremonyFault.UNKNOWN_KEY)
    if (user is not None and found.user_id != user.pk) or (handle and handle != _handle(found.user)):
        raise CeremonyRefused(CeremonyFault.OTHER_PERSON)
    key = CredentialKey(b64decode(found.public_key), ALGORITHMS[found.alg])
    try:
        assertions.check(assertion, key=key, challenge=challenge, party=passkeys.settings.get())
    except NotProved as error:
        raise CeremonyRefused(error.reason) from error
    if not passkeys.is_usable(found.ref):
        raise CeremonyRefused(CeremonyFault.UNKNOWN_KEY)
    if not passkeys.advance(found.ref, int.from_bytes(assertion.authenticator_data[33:37], "big")):
        raise CeremonyRefused(CeremonyFault.COUNTER)
    return found


def _server() -> Fido2Server:
    """Of the configured relying party. Raises CeremonyRefused where there is none."""
    party = passkeys.settings.get()
    if not party.id:
        raise CeremonyRefused(CeremonyFault.UNSUITABLE)
    entity = PublicKeyCredentialRpEntity(id=party.id, name=NAME)
    server = Fido2Server(entity, verify_origin=lambda origin: origin in party.origins)
    server.allowed_algorithms = [PublicKeyCredentialParameters(type=_PUBLIC_KEY, alg=alg) for alg in ALGORITHMS]
    server.timeout = SECONDS * 1000  # type: ignore[assignment] # declared without a type
    return server


def _made(given: Mapping[str, Any], made: AttestationObject, origin: str, verified: bool) -> NewPasskey:
    data = made.auth_data.credential_data
    if data is None or data.public_key.get(3) not in ALGORITHMS or not 0 < len(data.credential_id) <= MOST_ID:
        raise CeremonyRefused(CeremonyFault.UNSUITABLE)
    alg = int(data.public_key[3])
    spki = _public_key(data.public_key).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        assertions.public_key(CredentialKey(spki, ALGORITHMS[alg]))
    except NotProved as error:
        raise CeremonyRefused(CeremonyFault.UNSUITABLE) from error
    return NewPasskey(
        credential_id=data.credential_id,
        public_key=spki,
        alg=alg,
        aaguid=str(data.aaguid),
        attestation=str(made.fmt)[:32],
        user_verified=verified,
        counter=made.auth_data.counter,
        origin=origin,
        credential=given,
    )


def _public_key(key: Mapping[int, Any]) -> ec.EllipticCurvePublicKey | Ed25519PublicKey | rsa.RSAPublicKey:
    """Of a COSE key (RFC 9053, RFC 8230). Raises ValueError, KeyError and TypeError for what is none."""
    if key[3] == _RSA:
        return rsa.RSAPublicNumbers(int.from_bytes(key[-2], "big"), int.from_bytes(key[-1], "big")).public_key()
    if key[3] == _EDWARDS:
        return Ed25519PublicKey.from_public_bytes(key[-2])
    x, y = (int.from_bytes(key[one], "big") for one in (-2, -3))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _keep(session: MutableMapping[str, Any], purpose: Purpose, challenge: bytes, user: User | None) -> None:
    who = user.pk if user is not None else 0
    begun = {"purpose": purpose.value, "challenge": b64encode(challenge).decode(), "at": int(time()), "user": who}
    session[SESSION_KEY] = [*_open(session), begun][-KEPT:]


def _open(session: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for one in session.get(SESSION_KEY, []) if one["at"] > time() - SECONDS]


def _take(session: MutableMapping[str, Any], purpose: Purpose, challenge: bytes, user: User | None) -> bytes:
    """The challenge, which nobody can take again: neither from this session nor in a request beside this one, which
    has read the session before. Raises CeremonyRefused."""
    begun, wanted = _open(session), b64encode(challenge).decode()
    who = user.pk if user is not None else 0
    mine = [one for one in begun if (one["challenge"], one["purpose"], one["user"]) == (wanted, purpose.value, who)]
    if not mine:
        raise CeremonyRefused(CeremonyFault.NOT_BEGUN)
    session[SESSION_KEY] = [one for one in begun if one not in mine]
    if not cache.add(f"ceremony:{sha256(challenge).hexdigest()}", 1, timeout=2 * SECONDS):
        raise CeremonyRefused(CeremonyFault.NOT_BEGUN)
    return challenge


def _parsed(answer: str) -> dict[str, Any]:
    try:
        found = json.loads(answer) if len(answer) <= MOST_JSON else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CeremonyRefused(CeremonyFault.MALFORMED)
    return found


def _handle(user: User) -> bytes:
    return str(user_pk_to_url_str(user)).encode()


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
