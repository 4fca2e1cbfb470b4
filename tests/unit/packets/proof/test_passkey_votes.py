"""Approvals by passkey, as the receiver checks them offline: each thing that is wrong with one has its own code."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from handrail.kernel.assertions import ApprovalProof
from handrail.kernel.errors import Invalid
from handrail.packets.proof import approvals, package, pins
from handrail.packets.proof.approvals import Approval, Approvals
from handrail.packets.proof.findings import Code
from handrail.packets.proof.manifest import Manifest
from handrail.packets.proof.pins import SignerPins
from handrail.packets.proof.votes import KeyEnrolment, PasskeyVote, VoteStatement
from tests.factories.assertions import PRESENT, SITE, SoftKey
from tests.unit.packets.proof import making

KEYS = {"usr-ada": SoftKey(), "usr-ben": SoftKey()}
AT = making.CREATED_AT + timedelta(hours=1)
ENROLMENT = KeyEnrolment(
    key="PSK-1", enrolled_at=making.CREATED_AT, enrolled_by="ada@example.com", confirmed_at=making.CREATED_AT,
    confirmed_by="eve@example.com",
)  # fmt: skip


def manifest(*, practice: bool = False, proof: str = "passkey", **changes: Any) -> Manifest:
    asked = [{"role": role, "proof": proof} for role in ("escalation-owner", "support-privacy")]
    proofs = {"roles": asked, "practice": practice, "rp_id": SITE.id, "origins": list(SITE.origins)}
    return making.make_manifest(signers={**making.fields()["signers"], "proofs": proofs}, **changes)


MADE = manifest()


def vote_statement(signer: str = "usr-ada", **changes: Any) -> VoteStatement:
    facts: dict[str, Any] = {
        "packet": MADE.packet, "revision": MADE.revision, "manifest_digest": MADE.digest(), "lane": MADE.lane,
        "vote": "approve", "signer": signer, "nonce": hashlib.sha256(signer.encode()).hexdigest(),
        "issued_at": AT - timedelta(minutes=1), "expires_at": AT + timedelta(minutes=4),
    }  # fmt: skip
    return VoteStatement(**{**facts, **changes})


def vote(
    signer: str = "usr-ada", *, key: SoftKey | None = None, said: VoteStatement | None = None,
    signed: VoteStatement | None = None, **wrong: Any,
) -> Approval:  # fmt: skip
    """A vote for ``said`` whose assertion is over ``signed``; ``wrong``: what is wrong with the assertion."""
    said, key = said or vote_statement(signer), key or KEYS[signer]
    made = key.sign(hashlib.sha256((signed or said).payload()).digest(), **wrong)
    parts = {
        name: b64encode(getattr(made, name)).decode() for name in ("authenticator_data", "client_data", "signature")
    }
    passkey = PasskeyVote(
        statement=said,
        public_key=b64encode(key.public.spki).decode(),
        algorithm=key.algorithm,
        enrolment=ENROLMENT,
        **parts,
    )
    return Approval(signer, AT, ApprovalProof.PASSKEY, passkey)


def approved(*votes: Approval) -> Approvals:
    return Approvals(MADE.digest(), votes or (vote("usr-ada"), vote("usr-ben")))


def codes(given: Approvals, made: Manifest = MADE) -> list[Code]:
    return [code for code, _ in approvals.faults(made, given)]


def with_ada(one: Approval) -> list[Code]:
    return codes(approved(one, vote("usr-ben")))


@pytest.mark.requirement("P-08")
def test_two_signatures_open_the_manifest() -> None:
    assert codes(approved()) == []


def test_the_second_form_survives_a_round_trip() -> None:
    given = approved()
    assert json.loads(given.payload())["predicateType"] == "https://handrail.example/packet-approvals/v2"
    assert approvals.from_payload(given.payload()) == given


STATEMENTS: list[tuple[Code, dict[str, Any]]] = [
    (Code.SIGNED_VOTE_OTHER_MANIFEST, {"manifest_digest": "sha256:" + "0" * 64}),
    (Code.SIGNED_VOTE_OTHER_REVISION, {"revision": 3}),
    (Code.SIGNED_VOTE_OTHER_REVISION, {"packet": "PKT-0000000000"}),
    (Code.SIGNED_VOTE_OTHER_LANE, {"lane": "another-lane"}),
    (Code.SIGNED_VOTE_OTHER_ACT, {"vote": "reject"}),
    (Code.SIGNED_VOTE_OTHER_SIGNER, {"signer": "usr-cy"}),
    (Code.SIGNED_VOTE_EXPIRED, {"expires_at": AT}),
    (Code.SIGNED_VOTE_EXPIRED, {"issued_at": AT + timedelta(seconds=1)}),
    (Code.SIGNED_VOTE_REPLAYED, {"nonce": vote_statement("usr-ben").nonce}),
]


@pytest.mark.parametrize(("code", "changes"), STATEMENTS, ids=lambda one: str(one)[:50])
def test_a_signed_vote_of_something_else_is_refused(code: Code, changes: dict[str, Any]) -> None:
    assert with_ada(vote(said=vote_statement(**changes))) == [code]


@pytest.mark.parametrize("changes", [changes for _, changes in STATEMENTS], ids=lambda one: next(iter(one)))
def test_a_vote_that_says_what_was_not_signed_is_refused(changes: dict[str, Any]) -> None:
    assert with_ada(vote(said=vote_statement(), signed=vote_statement(**changes))) == [Code.ASSERTION_WRONG_CHALLENGE]


ASSERTIONS: list[tuple[Code, dict[str, Any]]] = [
    (Code.ASSERTION_WRONG_TYPE, {"type": "webauthn.create"}),
    (Code.ASSERTION_OTHER_ORIGIN, {"origin": "https://evil.example"}),
    (Code.ASSERTION_CROSS_ORIGIN, {"crossOrigin": True}),
    (Code.ASSERTION_OTHER_RP, {"rp_id": "evil.example"}),
    (Code.ASSERTION_NOT_VERIFIED, {"flags": PRESENT}),
    (Code.ASSERTION_NOT_PRESENT, {"flags": 4}),
    (Code.ASSERTION_MALFORMED, {"more": b"x"}),
]


@pytest.mark.parametrize(("code", "wrong"), ASSERTIONS, ids=lambda one: str(one)[:50])
def test_an_assertion_that_proves_nothing_is_refused(code: Code, wrong: dict[str, Any]) -> None:
    assert with_ada(vote(**wrong)) == [code]


def test_a_signature_by_another_key_is_refused() -> None:
    forged, own = vote(key=SoftKey()), vote()
    assert forged.passkey is not None
    assert own.passkey is not None
    swapped = dataclasses.replace(forged.passkey, public_key=own.passkey.public_key)
    assert with_ada(dataclasses.replace(forged, passkey=swapped)) == [Code.ASSERTION_WRONG_SIGNATURE]


def test_one_key_for_two_people_is_refused() -> None:
    assert with_ada(vote(key=KEYS["usr-ben"])) == [Code.SIGNER_KEY_SHARED]


def clicked(signer: str, proof: ApprovalProof = ApprovalProof.CLICK) -> Approval:
    return Approval(signer, AT, proof)


@pytest.mark.parametrize("proof", [ApprovalProof.CLICK, ApprovalProof.SECOND_FACTOR])
def test_a_weaker_proof_than_asked_is_refused(proof: ApprovalProof) -> None:
    assert with_ada(clicked("usr-ada", proof)) == [Code.APPROVAL_TOO_WEAK]


def test_votes_of_the_first_form_are_clicks() -> None:
    first = Approvals(MADE.digest(), (Approval("usr-ada", AT), Approval("usr-ben", AT)))
    assert codes(first) == [Code.APPROVAL_TOO_WEAK] * 2


def test_a_second_factor_is_enough_where_it_is_asked_for() -> None:
    made = manifest(proof="second-factor")
    people = (clicked("usr-ada", ApprovalProof.SECOND_FACTOR), clicked("usr-ben", ApprovalProof.SECOND_FACTOR))
    assert codes(Approvals(made.digest(), people), made) == []


def test_clicks_count_in_practice_and_it_is_said() -> None:
    made = manifest(practice=True)
    given = Approvals(made.digest(), (clicked("usr-ada"), clicked("usr-ben")))
    assert codes(given, made) == []
    verdict = making.check(making.pack(package.seal(made, given, key=making.KEY)))
    assert verdict.accepted
    assert verdict.codes == (Code.PRACTICE,)


def test_a_signed_package_is_accepted_and_says_with_which_keys() -> None:
    raw = making.pack(package.seal(MADE, approved(), key=making.KEY))
    assert making.check(raw).codes == ()
    assert KEYS["usr-ada"].public.digest.encode() in raw


def pinned(**changes: Any) -> SignerPins:
    keys = [
        {"signer": name, "key": key.public.digest, "from": "2026-01-01T00:00:00Z"} | changes
        for name, key in KEYS.items()
    ]
    return pins.from_bytes(json.dumps({"handrail": "handrail-signer-pins/v1", "keys": keys}).encode())


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (None, {}),
        (Code.SIGNER_KEY_REMOVED, {"removed": True}),
        (Code.SIGNER_KEY_NOT_PINNED, {"signer": "usr-cy"}),
        (Code.SIGNER_KEY_OUT_OF_TIME, {"until": "2026-03-02T10:30:00Z"}),
        (Code.SIGNER_KEY_OUT_OF_TIME, {"from": "2026-03-02T10:31:00Z"}),
    ],
)
def test_only_keys_that_the_receiver_pins_count(code: Code | None, changes: dict[str, Any]) -> None:
    verdict = making.check(making.pack(package.seal(MADE, approved(), key=making.KEY)), pins=pinned(**changes))
    assert set(verdict.codes) == ({code} if code else set())


def test_practice_is_refused_by_a_receiver_that_pins() -> None:
    made = manifest(practice=True)
    given = Approvals(made.digest(), (clicked("usr-ada"), clicked("usr-ben")))
    verdict = making.check(making.pack(package.seal(made, given, key=making.KEY)), pins=pinned())
    assert Code.APPROVAL_TOO_WEAK in verdict.codes
    assert not verdict.accepted


def test_a_key_that_stands_twice_among_the_pins_is_refused() -> None:
    entry = {"signer": "usr-ada", "key": "sha256:" + "0" * 64, "from": "2026-01-01T00:00:00Z"}
    with pytest.raises(Invalid, match="twice"):
        pins.from_bytes(json.dumps({"handrail": "handrail-signer-pins/v1", "keys": [entry, entry]}).encode())


def _first_form(document: Any) -> None:
    document["predicateType"] = "https://handrail.example/packet-approvals/v1"


def _mixed(document: Any) -> None:
    del document["predicate"]["approvals"][0]["proof"], document["predicate"]["approvals"][0]["passkey"]


def _unsigned(document: Any) -> None:
    del document["predicate"]["approvals"][0]["passkey"]


def _spelled(document: Any) -> None:
    document["predicate"]["approvals"][0]["passkey"]["signature"] += "="


@pytest.mark.parametrize("change", [_first_form, _mixed, _unsigned, _spelled])
def test_another_form_of_the_statement_is_refused(change: Callable[[Any], None]) -> None:
    document = json.loads(approved().payload())
    change(document)
    with pytest.raises(Invalid):
        approvals.from_payload(making.canonical_bytes(document))


def test_a_manifest_without_proofs_is_the_bytes_that_it_was() -> None:
    assert b"proofs" not in making.make_manifest().payload()
    assert b'"proofs"' in MADE.payload()


@pytest.mark.parametrize(
    "wrong",
    [
        {"roles": []},
        {"rp_id": ""},
        {"origins": []},
        {"roles": [{"role": "b", "proof": "click"}, {"role": "a", "proof": "click"}]},
        {"roles": [{"role": "a", "proof": "magic"}]},
    ],
    ids=str,
)
def test_a_manifest_with_broken_proofs_is_refused(wrong: dict[str, Any]) -> None:
    proofs = {"roles": [{"role": "escalation-owner", "proof": "passkey"}], "practice": False, "rp_id": SITE.id,
              "origins": list(SITE.origins)}  # fmt: skip
    with pytest.raises(Invalid):
        making.make_manifest(signers={**making.fields()["signers"], "proofs": proofs | wrong})
