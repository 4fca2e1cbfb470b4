"""A WebAuthn assertion proves what it says, and each thing that is wrong with one has its own reason."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.kernel import assertions
from handrail.kernel.assertions import Algorithm, ApprovalProof, Assertion, AssertionFault, CredentialKey, NotProved
from tests.factories.assertions import PRESENT, SITE, VERIFIED, SoftKey

CHALLENGE = hashlib.sha256(b"a statement").digest()
KEY = SoftKey()
KEYS = {algorithm: SoftKey(algorithm) for algorithm in Algorithm}
GOOD = KEY.sign(CHALLENGE)


def why_not(
    assertion: Assertion, key: CredentialKey | None = None, challenge: bytes = CHALLENGE
) -> AssertionFault | None:
    try:
        assertions.check(assertion, key=key or KEY.public, challenge=challenge, party=SITE)
    except NotProved as error:
        return error.reason
    return None


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_each_algorithm_proves(algorithm: Algorithm) -> None:
    key = KEYS[algorithm]
    assert why_not(key.sign(CHALLENGE), key.public) is None


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("named", list(Algorithm))
def test_a_key_of_another_algorithm_is_refused(algorithm: Algorithm, named: Algorithm) -> None:
    key = KEYS[algorithm]
    found = why_not(key.sign(CHALLENGE), CredentialKey(key.public.spki, named))
    assert found == (None if algorithm is named else AssertionFault.UNUSABLE_KEY)


WRONG: list[tuple[AssertionFault, dict[str, Any]]] = [
    (AssertionFault.WRONG_TYPE, {"type": "webauthn.create"}),
    (AssertionFault.WRONG_TYPE, {"type": "payment.get"}),
    (AssertionFault.WRONG_CHALLENGE, {"challenge": assertions.challenge_text(CHALLENGE) + "="}),
    (AssertionFault.OTHER_ORIGIN, {"origin": "https://handrail.example.evil.example"}),
    (AssertionFault.OTHER_ORIGIN, {"origin": "http://handrail.example"}),
    (AssertionFault.OTHER_ORIGIN, {"origin": "https://handrail.example:8443"}),
    (AssertionFault.OTHER_ORIGIN, {"origin": ""}),
    (AssertionFault.CROSS_ORIGIN, {"crossOrigin": True}),
    (AssertionFault.CROSS_ORIGIN, {"crossOrigin": "false"}),
    (AssertionFault.CROSS_ORIGIN, {"crossOrigin": None}),
    (AssertionFault.CROSS_ORIGIN, {"topOrigin": "https://evil.example"}),
    (AssertionFault.OTHER_RP, {"rp_id": "other.example"}),
    (AssertionFault.NOT_PRESENT, {"flags": VERIFIED}),
    (AssertionFault.NOT_VERIFIED, {"flags": PRESENT}),
    (AssertionFault.MALFORMED, {"flags": PRESENT | VERIFIED | 0x10}),
    (AssertionFault.MALFORMED, {"flags": PRESENT | VERIFIED | 0x80}),
    (AssertionFault.MALFORMED, {"more": b"\x00"}),
    (AssertionFault.MALFORMED, {"origin": 7}),
    (AssertionFault.MALFORMED, {"challenge": None}),
]


@pytest.mark.parametrize(("reason", "wrong"), WRONG, ids=lambda one: str(one)[:60])
def test_what_is_wrong_has_its_own_reason(reason: AssertionFault, wrong: dict[str, Any]) -> None:
    assert why_not(KEY.sign(CHALLENGE, **wrong)) == reason


def test_another_statement_is_refused() -> None:
    assert why_not(GOOD, challenge=hashlib.sha256(b"another").digest()) == AssertionFault.WRONG_CHALLENGE


def test_another_key_is_refused() -> None:
    assert why_not(GOOD, SoftKey().public) == AssertionFault.WRONG_SIGNATURE


@pytest.mark.parametrize(
    "flags", [PRESENT | VERIFIED, PRESENT | VERIFIED | 0x08, PRESENT | VERIFIED | 0x18], ids=["bound", "may", "synced"]
)
def test_keys_that_may_be_backed_up_prove_as_well(flags: int) -> None:
    assert why_not(KEY.sign(CHALLENGE, flags=flags)) is None


def test_extension_data_is_allowed_and_not_read() -> None:
    assert why_not(KEY.sign(CHALLENGE, flags=PRESENT | VERIFIED | 0x80, more=b"\xa0")) is None


def test_client_data_without_cross_origin_proves() -> None:
    said = json.loads(GOOD.client_data)
    del said["crossOrigin"]
    assert why_not(KEY.over(json.dumps(said | {"other_keys_can_be_added_here": "x"}).encode())) is None


BROKEN = [
    b"", b"[]", b"null", b"{", b"\xff", b"\xef\xbb\xbf" + GOOD.client_data, GOOD.client_data + b"{}",
    b'{"type":"webauthn.get",' + GOOD.client_data[1:], GOOD.client_data.replace(b"false", b"NaN"),
    b"[" * 4000, b'{"a":' * 800, GOOD.client_data + b" " * 4096, b'{"a":' + b"9" * 4000 + b"}",
]  # fmt: skip


@pytest.mark.parametrize("raw", BROKEN, ids=range(len(BROKEN)))
def test_broken_client_data_is_malformed(raw: bytes) -> None:
    assert why_not(KEY.over(raw)) == AssertionFault.MALFORMED


@pytest.mark.parametrize("field", ["authenticator_data", "client_data", "signature"])
@pytest.mark.parametrize("size", [0, 5000])
def test_sizes_are_bounded(field: str, size: int) -> None:
    assert why_not(dataclasses.replace(GOOD, **{field: b"x" * size})) == AssertionFault.MALFORMED


def _spki(private: Any) -> bytes:
    return SoftKey(Algorithm.ES256, private).public.spki


def test_keys_that_are_too_weak_or_of_another_curve_are_refused() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    other = ec.generate_private_key(ec.SECP384R1())
    for key in (
        CredentialKey(_spki(weak), Algorithm.RS256),
        CredentialKey(_spki(other), Algorithm.ES256),
        CredentialKey(KEY.public.spki + b"\x00", Algorithm.ES256),
        CredentialKey(b"\x30\x00", Algorithm.ES256),
    ):
        assert why_not(GOOD, key) == AssertionFault.UNUSABLE_KEY


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["authenticator_data", "client_data", "signature"]), st.data())
def test_no_byte_can_be_changed(field: str, data: st.DataObject) -> None:
    raw = bytearray(getattr(GOOD, field))
    place, flip = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(1, 255))
    raw[place] ^= flip
    assert why_not(dataclasses.replace(GOOD, **{field: bytes(raw)})) is not None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=200))
def test_anything_else_is_refused_with_a_reason(client: bytes, data: bytes, signature: bytes, spki: bytes) -> None:
    key = CredentialKey(spki, Algorithm.ES256)
    assert isinstance(why_not(Assertion(data, client, signature), key), AssertionFault)


def test_a_stronger_proof_satisfies_a_weaker_one() -> None:
    strongest = list(ApprovalProof)
    assert [[one.satisfies(wanted) for wanted in strongest] for one in strongest] == [
        [True, False, False], [True, True, False], [True, True, True],
    ]  # fmt: skip


def test_a_key_whose_one_signature_would_hold_for_every_statement_is_refused() -> None:
    """The neutral point as an Ed25519 key: the signature below fits it, whatever is signed."""
    key = ed25519.Ed25519PublicKey.from_public_bytes(bytes([1]) + bytes(31))
    everything = bytes([1]) + bytes(63)
    key.verify(everything, b"any statement at all")
    named = CredentialKey(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), Algorithm.EDDSA)
    made = dataclasses.replace(KEY.sign(CHALLENGE), signature=everything)
    assert why_not(made, named) == AssertionFault.UNUSABLE_KEY


PRIME = 2**255 - 19
OF_SMALL_ORDER = (
    0, 1, PRIME - 1, PRIME, PRIME + 1,
    int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
    int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
)  # fmt: skip


@pytest.mark.parametrize("sign", [0, 1 << 255])
@pytest.mark.parametrize("y", OF_SMALL_ORDER)
def test_keys_of_small_order_are_refused_however_they_are_written(y: int, sign: int) -> None:
    """The list of libsodium: every point of small order, also as numbers that are not reduced."""
    der = bytes.fromhex("302a300506032b6570032100") + (y | sign).to_bytes(32, "little")
    with pytest.raises(NotProved) as refused:
        assertions.public_key(CredentialKey(der, Algorithm.EDDSA))
    assert refused.value.reason == AssertionFault.UNUSABLE_KEY


def test_an_rsa_key_that_anybody_can_factor_is_refused() -> None:
    even = rsa.RSAPublicNumbers(65537, 2**2047 + 2)
    der = _rsa_der(even.n, even.e)
    with pytest.raises(NotProved):
        assertions.public_key(CredentialKey(der, Algorithm.RS256))


def _rsa_der(n: int, e: int) -> bytes:
    """As an authenticator may write one: no library makes it."""
    key = rsa.RSAPublicNumbers(e, 2**2047 + 3).public_key()  # of the same length
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der.replace((2**2047 + 3).to_bytes(256, "big"), n.to_bytes(256, "big"))
