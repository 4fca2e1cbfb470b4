"""WebAuthn assertions: whether one was made by a known key, by a verified person, for exactly one challenge.

Pure, with the standard library and cryptography alone, because receivers check assertions offline with this module. It
reads no CBOR: keys are SubjectPublicKeyInfo (DER). https://www.w3.org/TR/webauthn-3/#sctn-verifying-assertion
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

GET: Final = "webauthn.get"
MAX_CLIENT_DATA, MAX_AUTHENTICATOR_DATA, MAX_SIGNATURE, MAX_SPKI = 4096, 1024, 1024, 1200
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 4096
_HEADER = 37  # rp id hash, flags, counter
_HASH = 32
# Ed25519 (RFC 8032): y of the points of small order. One signature by such a "key" holds for every statement.
_PRIME: Final = 2**255 - 19
_SMALL_Y: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER: Final = frozenset({0, 1, _PRIME - 1, _SMALL_Y, _PRIME - _SMALL_Y})
_PRESENT, _VERIFIED, _BACKUP_ELIGIBLE, _BACKED_UP, _ATTESTED, _EXTENDED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80

_AnyKey = ec.EllipticCurvePublicKey | Ed25519PublicKey | rsa.RSAPublicKey


class Algorithm(StrEnum):
    """How an authenticator signs, by the name that COSE gives it (-7, -8, -257)."""

    ES256 = "ES256"
    EDDSA = "EdDSA"
    RS256 = "RS256"

    @classmethod
    def of_cose(cls, number: int) -> Algorithm | None:
        """The algorithm with COSE's ``number``; None for one that counts for nothing here."""
        return {-7: cls.ES256, -8: cls.EDDSA, -257: cls.RS256}.get(number)


class ApprovalProof(StrEnum):
    """How a person shows that an approval is theirs, from the weakest to the strongest: a click in their session, a
    click after a second factor, or their passkey's signature over the approval itself."""

    CLICK = "click"
    SECOND_FACTOR = "second-factor"
    PASSKEY = "passkey"

    def satisfies(self, wanted: ApprovalProof) -> bool:
        order = list(ApprovalProof)
        return order.index(self) >= order.index(wanted)


class AssertionFault(StrEnum):
    """Why an assertion proves nothing."""

    MALFORMED = "assertion-malformed"
    WRONG_TYPE = "assertion-wrong-type"
    WRONG_CHALLENGE = "assertion-wrong-challenge"
    OTHER_ORIGIN = "assertion-other-origin"
    CROSS_ORIGIN = "assertion-cross-origin"
    OTHER_RP = "assertion-other-rp"
    NOT_PRESENT = "assertion-not-present"
    NOT_VERIFIED = "assertion-not-verified"
    UNUSABLE_KEY = "assertion-unusable-key"
    WRONG_SIGNATURE = "assertion-wrong-signature"


class NotProved(Exception):
    """An assertion proves nothing: ``reason`` for programs, the message for people. It quotes nothing."""

    def __init__(self, reason: AssertionFault, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Assertion:
    """The three values of an AuthenticatorAssertionResponse, as bytes."""

    authenticator_data: bytes
    client_data: bytes
    signature: bytes

    @property
    def counter(self) -> int:
        """How often the authenticator says that it has signed; 0 where it doesn't count."""
        return int.from_bytes(self.authenticator_data[_HASH + 1 : _HEADER], "big")


@dataclass(frozen=True, slots=True)
class CredentialKey:
    """A public key as SubjectPublicKeyInfo (DER), and how it signs."""

    spki: bytes
    algorithm: Algorithm

    @property
    def digest(self) -> str:
        """``sha256:…`` of the DER, with which receivers pin it."""
        return "sha256:" + hashlib.sha256(self.spki).hexdigest()


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Where an assertion must come from: the domain that the key is bound to, and the addresses of its pages."""

    id: str
    origins: tuple[str, ...]


def check(assertion: Assertion, *, key: CredentialKey, challenge: bytes, party: RelyingParty) -> None:
    """Nothing when the assertion was signed by ``key`` for ``challenge`` at ``party``, by a verified person.

    Raises NotProved with the first reason; takes time linear in the sizes, which are bounded.
    """
    _bounded(assertion, key)
    _client_data(assertion.client_data, challenge, party)
    _authenticator_data(assertion.authenticator_data, party.id)
    _signed(assertion, key)


def public_key(key: CredentialKey) -> _AnyKey:
    """The key, where it is one of its algorithm in its one DER form. Raises NotProved (``UNUSABLE_KEY``)."""
    found: object = None
    if len(key.spki) <= MAX_SPKI:
        try:
            found = load_der_public_key(key.spki)
        except (ValueError, UnsupportedAlgorithm):
            found = None
    if isinstance(found, ec.EllipticCurvePublicKey):
        fits = key.algorithm == Algorithm.ES256 and isinstance(found.curve, ec.SECP256R1)
    elif isinstance(found, rsa.RSAPublicKey):
        fits = key.algorithm == Algorithm.RS256 and MIN_RSA_BITS <= found.key_size <= MAX_RSA_BITS
        fits = fits and found.public_numbers().n % 2 == 1
    else:
        fits = key.algorithm == Algorithm.EDDSA and isinstance(found, Ed25519PublicKey) and not _is_small(found)
    if not fits or not isinstance(found, _AnyKey):
        raise NotProved(AssertionFault.UNUSABLE_KEY, f"the public key is not a usable {key.algorithm} key")
    if found.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != key.spki:
        raise NotProved(AssertionFault.UNUSABLE_KEY, "the public key is not in its one DER form")
    return found


def challenge_text(challenge: bytes) -> str:
    """A challenge as browsers write it into the client data: base64url without padding."""
    return base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()


def _is_small(key: Ed25519PublicKey) -> bool:
    y = int.from_bytes(key.public_bytes_raw(), "little") & (2**255 - 1)
    return y % _PRIME in _SMALL_ORDER


def _bounded(assertion: Assertion, key: CredentialKey) -> None:
    sizes = (
        (assertion.client_data, MAX_CLIENT_DATA),
        (assertion.authenticator_data, MAX_AUTHENTICATOR_DATA),
        (assertion.signature, MAX_SIGNATURE),
        (key.spki, MAX_SPKI),
    )
    if any(not 0 < len(value) <= limit for value, limit in sizes):
        raise NotProved(AssertionFault.MALFORMED, "a value of the assertion is empty or too large")


def _client_data(raw: bytes, challenge: bytes, party: RelyingParty) -> None:
    said = _json(raw)
    if said.get("type") != GET:
        raise NotProved(AssertionFault.WRONG_TYPE, f"it is not of the type {GET}")
    if said.get("challenge") != challenge_text(challenge):
        raise NotProved(AssertionFault.WRONG_CHALLENGE, "it was signed for another statement")
    if said["origin"] not in party.origins:
        raise NotProved(AssertionFault.OTHER_ORIGIN, "it was signed on a page of another site")
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise NotProved(AssertionFault.CROSS_ORIGIN, "it was signed on a page inside another site's page")


def _json(raw: bytes) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name stands twice")
        return found

    def never(text: str) -> Any:
        raise ValueError(text)

    try:
        said = json.loads(raw.decode("utf-8"), object_pairs_hook=once, parse_constant=never)
    except (ValueError, RecursionError):
        said = None
    texts = ("type", "challenge", "origin")
    if not isinstance(said, dict) or any(not isinstance(said.get(name), str) for name in texts):
        raise NotProved(
            AssertionFault.MALFORMED, "its client data is not one JSON object with type, challenge and origin"
        )
    return said


def _authenticator_data(raw: bytes, rp_id: str) -> None:
    flags = raw[_HASH] if len(raw) >= _HEADER else 0
    more = bool(flags & (_ATTESTED | _EXTENDED))
    if len(raw) < _HEADER or (len(raw) > _HEADER) != more:
        raise NotProved(AssertionFault.MALFORMED, "its authenticator data has another length than its flags say")
    if flags & _BACKED_UP and not flags & _BACKUP_ELIGIBLE:
        raise NotProved(AssertionFault.MALFORMED, "its flags contradict each other")
    if raw[:_HASH] != hashlib.sha256(rp_id.encode()).digest():
        raise NotProved(AssertionFault.OTHER_RP, "it was signed for another relying party")
    if not flags & _PRESENT:
        raise NotProved(AssertionFault.NOT_PRESENT, "nobody was there when it was signed")
    if not flags & _VERIFIED:
        raise NotProved(AssertionFault.NOT_VERIFIED, "the authenticator did not verify who was there")


def _signed(assertion: Assertion, key: CredentialKey) -> None:
    content = assertion.authenticator_data + hashlib.sha256(assertion.client_data).digest()
    found = public_key(key)
    try:
        if isinstance(found, Ed25519PublicKey):
            found.verify(assertion.signature, content)
        elif isinstance(found, rsa.RSAPublicKey):
            found.verify(assertion.signature, content, padding.PKCS1v15(), SHA256())
        else:
            found.verify(assertion.signature, content, ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise NotProved(
            AssertionFault.WRONG_SIGNATURE, "the signature doesn't fit the key and what was signed"
        ) from None
