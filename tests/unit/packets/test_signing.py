"""Approving with a passkey: what is signed, what is refused and why, and what can happen between asking and signing."""

from __future__ import annotations

import dataclasses
import io
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from handrail.access import passkeys, signatures
from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.decisions import Proof
from handrail.access.models import Membership, SigningCeremony
from handrail.access.proofs import ProofMethod, just_now
from handrail.access.signatures import BegunCeremony, SignatureAnswer
from handrail.kernel.assertions import RelyingParty
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied
from handrail.packets import queries
from handrail.packets.actions import votes
from handrail.packets.models import Revision, VoteProof
from handrail.packets.proof import verify
from handrail.packets.proof.findings import Code
from tests.factories.authenticator import SoftPasskey
from tests.factories.installation import Installation
from tests.factories.packets import LANE, Packets, connected
from tests.factories.signing import SESSION, enrol, in_production, remove, sign
from tests.unit.definitions.profile_samples import PROFILE
from tests.unit.packets.proof.making import RING

NEVER = "never: [assembler, hold-editor]"
SIGNED = PROFILE.replace(NEVER, f"{NEVER}, proof: {{escalation-owner: passkey, privacy: passkey}}")


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    with in_production(), connected(Installation(None, tenant="ten_a", profile=SIGNED).packets) as one:
        yield one


@pytest.fixture
def keys(desk: Packets) -> dict[str, SoftPasskey]:
    return {name: enrol(desk.people[name], desk.workspace) for name in ("ada", "ben")}


@pytest.fixture
def revision(desk: Packets, keys: dict[str, SoftPasskey]) -> Revision:
    made = desk.assemble()
    assert made.state == "in_review", made.assembly.fault
    desk.see(made, "ada", "ben", "cy")
    return made


def who(desk: Packets, name: str) -> Actor:
    """Somebody who has just logged in with their password."""
    return access.actor_for(desk.people[name], desk.workspace.slug)


def of(revision: Revision) -> dict[str, Any]:
    digest = revision.assembly.manifest_digest or ""
    return {"ref": revision.packet.ref, "revision": revision.number, "digest": digest, "session": SESSION}


def begin(desk: Packets, revision: Revision, name: str = "ada") -> BegunCeremony:
    return votes.begin(**of(revision), by=who(desk, name))


def approve(
    desk: Packets, revision: Revision, answer: SignatureAnswer | None, name: str = "ada", **changes: Any
) -> None:
    votes.approve(**{**of(revision), **changes}, by=who(desk, name), answer=answer)
    revision.refresh_from_db()


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Conflict) as error:
        act()
    return error.value.code


@pytest.mark.requirement("P-09")
def test_two_signatures_approve_and_the_vendor_checks_them_offline(
    desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]
) -> None:
    for name, key in keys.items():
        approve(desk, revision, sign(begin(desk, revision, name), key), name)
    assert revision.state == "approved"
    desk.release(revision)
    desk.deliver(revision)
    package = next(iter(desk.vendor.packages.values()))
    verdict = verify.verify(io.BytesIO(package), verify.Expectation(keys=RING, lane=LANE, at=now()))
    assert verdict.accepted, verdict.findings
    assert verdict.approvals is not None
    assert {vote.proof for vote in verdict.approvals.votes} == {"passkey"}
    enrolments = [vote.passkey.enrolment for vote in verdict.approvals.votes if vote.passkey]
    assert {one.confirmed_by for one in enrolments} == {"second@example.com"}


@pytest.mark.requirement("P-09")
def test_a_session_without_the_authenticator_approves_nothing(desk: Packets, revision: Revision) -> None:
    """Also one that has given a second factor just now."""
    stolen = dataclasses.replace(who(desk, "ada"), proven=just_now(ProofMethod.TOTP))
    for by in (who(desk, "ada"), stolen):
        assert refused(lambda by=by: votes.approve(**of(revision), by=by)) == "passkey-needed"  # type: ignore[misc]
    assert not VoteProof.objects.exists()


@pytest.mark.parametrize("proof", [Proof.TOKEN, Proof.NAME])
def test_a_token_is_told_where_to_approve(desk: Packets, revision: Revision, proof: Proof) -> None:
    token = dataclasses.replace(who(desk, "ada"), proof=proof)
    with pytest.raises((Conflict, Denied)) as error:
        votes.approve(**of(revision), by=token)
    assert error.value.code == "passkey-needed"
    assert revision.packet.ref in error.value.message


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("assertion-other-origin", {"origin": "https://evil.example"}),
    ("assertion-cross-origin", {"crossOrigin": True}),
    ("assertion-wrong-type", {"type": "webauthn.create"}),
    ("assertion-not-verified", {"verified": False}),
]


@pytest.mark.parametrize(("code", "wrong"), WRONG, ids=lambda one: str(one)[:30])
def test_a_wrong_assertion_is_refused(
    desk: Packets, revision: Revision, keys: dict[str, SoftPasskey], code: str, wrong: dict[str, Any]
) -> None:
    answer = sign(begin(desk, revision), keys["ada"], **wrong)
    assert refused(lambda: approve(desk, revision, answer)) == code
    assert not VoteProof.objects.exists()


def test_a_signature_over_another_statement_is_refused(
    desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]
) -> None:
    answer = sign(dataclasses.replace(begin(desk, revision), challenge="AAAA"), keys["ada"])
    assert refused(lambda: approve(desk, revision, answer)) == "assertion-wrong-challenge"


def test_a_passkey_of_another_site_is_refused(desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]) -> None:
    elsewhere = dataclasses.replace(keys["ada"], rp_id="evil.example")
    answer = sign(begin(desk, revision), elsewhere)
    assert refused(lambda: approve(desk, revision, answer)) == "assertion-other-rp"


def test_a_revision_of_before_the_pages_moved_takes_no_signature(
    desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]
) -> None:
    """The receiver would hold it against the address in the manifest."""
    answer = sign(begin(desk, revision), keys["ada"])
    with passkeys.settings.use(RelyingParty("localhost", ("https://localhost",))):
        assert refused(lambda: begin(desk, revision)) == "site-changed"
        assert refused(lambda: approve(desk, revision, answer)) == "site-changed"


def test_another_persons_passkey_is_refused(desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]) -> None:
    answer = sign(begin(desk, revision), keys["ben"])
    assert refused(lambda: approve(desk, revision, answer)) == "signature-unknown-key"


def test_another_persons_ceremony_is_refused(desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]) -> None:
    answer = sign(begin(desk, revision, "ben"), keys["ada"])
    assert refused(lambda: approve(desk, revision, answer)) == "signature-unknown"


def test_a_signature_counts_once(desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]) -> None:
    """Against replay on the row itself, also where nothing else would refuse the second vote."""
    begun = begin(desk, revision)
    approve(desk, revision, sign(begun, keys["ada"]))
    by, answer = who(desk, "ada"), sign(begun, keys["ada"])
    subject = votes._subject(revision)
    again = lambda: signatures.complete(actor=by, session=SESSION, subject=subject, answer=answer)  # noqa: E731
    assert refused(again) == "signature-replayed"


def test_a_signature_in_another_session_is_refused(
    desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]
) -> None:
    answer = sign(begin(desk, revision), keys["ada"])
    assert refused(lambda: approve(desk, revision, answer, session="SES-2")) == "signature-other-session"


def test_a_late_signature_is_refused(desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]) -> None:
    answer = sign(begin(desk, revision), keys["ada"])
    past = now() - timedelta(minutes=30)
    SigningCeremony.objects.update(begun_at=past, expires_at=past + timedelta(minutes=5))
    assert refused(lambda: approve(desk, revision, answer)) == "signature-expired"


def test_a_signature_for_a_revision_that_was_superseded_is_refused(
    desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]
) -> None:
    answer = sign(begin(desk, revision), keys["ada"])
    following = desk.assemble()
    assert refused(lambda: approve(desk, revision, answer)) == "is-superseded"
    desk.see(following, "ada")
    assert refused(lambda: approve(desk, following, answer)) == "signature-other-subject"


def test_a_key_that_was_removed_meanwhile_signs_nothing(
    desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]
) -> None:
    answer = sign(begin(desk, revision), keys["ada"])
    remove(desk.people["ada"])
    assert refused(lambda: approve(desk, revision, answer)) == "signature-key-removed"


def test_a_key_that_nobody_confirmed_signs_nothing(desk: Packets, revision: Revision) -> None:
    enrol(desk.people["cy"], desk.workspace, confirmed=False)
    assert refused(lambda: begin(desk, revision, "cy")) == "passkey-missing"


def test_a_role_that_was_lost_meanwhile_approves_nothing(
    desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]
) -> None:
    answer = sign(begin(desk, revision), keys["ada"])
    Membership.objects.filter(user=desk.people["ada"]).update(roles=["auditor"])
    with pytest.raises(Denied):
        approve(desk, revision, answer)


def test_a_copied_passkey_is_noticed(desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]) -> None:
    begun = begin(desk, revision)
    keys["ada"].counter = 0  # the copy has signed less often than the original
    answer = sign(begun, keys["ada"])
    assert refused(lambda: approve(desk, revision, answer)) == "signature-key-copied"


def test_a_key_that_two_people_have_signs_once(desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]) -> None:
    """Receivers refuse it: approved so, the revision could never be released."""
    approve(desk, revision, sign(begin(desk, revision), keys["ada"]))
    remove(desk.people["ben"])
    shared = enrol(desk.people["ben"], desk.workspace, like=keys["ada"])
    answer = sign(begin(desk, revision, "ben"), shared)
    assert refused(lambda: approve(desk, revision, answer, "ben")) == "signer-key-shared"
    assert VoteProof.objects.count() == 1


def test_a_vote_stops_counting_with_its_key_and_others_can_approve(
    desk: Packets, revision: Revision, keys: dict[str, SoftPasskey]
) -> None:
    for name, key in keys.items():
        approve(desk, revision, sign(begin(desk, revision, name), key), name)
    remove(desk.people["ben"])
    assert refused(lambda: desk.release(revision)) == "short-of-signers"
    revision.refresh_from_db()
    assert revision.state == "in_review"
    why = {vote.name: vote.why_not for vote in _votes(desk, revision)}
    assert why["ben@example.com"] == "their key was removed"
    key = enrol(desk.people["cy"], desk.workspace)
    approve(desk, revision, sign(begin(desk, revision, "cy"), key), "cy")
    desk.release(revision)
    assert revision.state == "released"


def _votes(desk: Packets, revision: Revision) -> Any:
    found = queries.get_packet(who(desk, "ada"), revision.packet.ref).votes
    assert found is not None
    return found.votes


def test_a_practice_click_stops_counting_once_the_installation_is_no_demo(db: None) -> None:
    with connected(Installation(None, tenant="ten_a", profile=SIGNED).packets) as desk:
        revision = desk.assemble()
        desk.approve(revision, "ada", "ben")
        assert revision.state == "approved"
        with in_production():
            assert refused(lambda: desk.release(revision)) == "short-of-signers"


def test_a_demo_says_so_to_the_vendor(db: None) -> None:
    with connected(Installation(None, tenant="ten_a", profile=SIGNED).packets) as desk:
        desk.deliver(desk.released())
        package = next(iter(desk.vendor.packages.values()))
        verdict = verify.verify(io.BytesIO(package), verify.Expectation(keys=RING, lane=LANE, at=now()))
        assert verdict.accepted
        assert Code.PRACTICE in verdict.codes
        assert b"as practice: in production it takes a passkey" in b" ".join(package.split())


def test_a_profile_that_asks_for_a_click_takes_no_signature(db: None) -> None:
    with in_production(), connected(Installation(None, tenant="ten_a").packets) as desk:
        enrol(desk.people["ada"], desk.workspace)
        revision = desk.assemble()
        desk.see(revision, "ada")
        assert refused(lambda: begin(desk, revision)) == "passkey-not-asked"


def test_a_second_factor_is_taken_where_it_is_asked_for(db: None) -> None:
    profile = PROFILE.replace(NEVER, f"{NEVER}, proof: {{escalation-owner: second-factor}}")
    with in_production(), connected(Installation(None, tenant="ten_a", profile=profile).packets) as desk:
        revision = desk.assemble()
        desk.see(revision, "ada")
        assert refused(lambda: approve(desk, revision, None)) == "second-factor-needed"
        votes.approve(**of(revision), by=dataclasses.replace(who(desk, "ada"), proven=just_now(ProofMethod.TOTP)))
        assert VoteProof.objects.get().proof == "second-factor"


def test_a_profile_that_asks_for_passkeys_has_no_manifest_where_none_work(db: None) -> None:
    with (
        signatures.settings.use(signatures.SigningSettings()),
        connected(Installation(None, tenant="ten_a", profile=SIGNED).packets) as desk,
    ):
        with passkeys.settings.use(RelyingParty("", ())):
            revision = desk.assemble()
        assert "asks for passkeys" in revision.assembly.fault


def test_of_one_signature_sent_twice_at_once_one_counts(committed_db: None) -> None:
    with in_production(), connected(Installation(None, tenant="ten_a", profile=SIGNED).packets) as desk:
        key = enrol(desk.people["ada"], desk.workspace)
        revision = desk.assemble()
        desk.see(revision, "ada")
        answer = sign(begin(desk, revision), key)
        by, found = who(desk, "ada"), []

        def send() -> None:
            from django.db import connection

            try:
                votes.approve(**of(revision), by=by, answer=answer)
                found.append("approved")
            except Conflict as error:
                found.append(error.code)
            finally:
                connection.close()

        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found.count("approved") == 1
        assert VoteProof.objects.count() == 1
