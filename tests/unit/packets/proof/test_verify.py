"""The receiver's decisions: lane, time, signers, supersession, keys; and what it says of a package."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Invalid
from handrail.packets.proof import bag, dsse, verify
from handrail.packets.proof.approvals import Approvals
from handrail.packets.proof.findings import Code
from handrail.packets.proof.keys import KeyRing, SigningKey
from handrail.packets.proof.manifest import Manifest
from handrail.packets.proof.package import SealedManifest
from tests.unit.packets.proof import making

MADE = making.make_manifest()
RAW = making.pack()


def sealed_anyway(approvals: Approvals, made: Manifest = MADE, key: SigningKey = making.KEY) -> bytes:
    """What a broken or hostile sender with the key could make: ``seal`` itself would refuse."""
    envelopes = dsse.sign(made.payload(), making.KEY), dsse.sign(approvals.payload(), key)
    return making.pack(SealedManifest(made, made.digest(), making.KEY.key_id, *envelopes))


def later(made: Manifest = MADE) -> Manifest:
    return making.make_manifest(revision=made.revision + 1, supersedes=made.digest())


def test_verify_accepts_a_package() -> None:
    verdict = making.check(RAW)
    assert verdict.accepted
    assert verdict.findings == ()
    assert verdict.manifest == MADE
    assert verdict.approvals == making.approve(MADE)
    assert verdict.key_id == making.KEY.key_id


def test_verify_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(RAW)
    assert verify.verify(path, making.expectation()).accepted


def test_verify_says_when_a_file_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="can't be read"):
        verify.verify(tmp_path / "absent.zip", making.expectation())


def test_expectation_refuses_a_naive_time() -> None:
    with pytest.raises(ValueError, match="timezone-aware"):
        making.expectation(at=datetime(2026, 3, 2))  # noqa: DTZ001 (what is refused)


def test_describe_says_what_it_is() -> None:
    rows = verify.describe(making.check(RAW))
    assert ("Packet", "PKT-7K3M9QX2ZA revision 2") in rows
    assert ("Lane", making.LANE) in rows
    assert ("Audience", "TLP:AMBER+STRICT: vendor-signing-support") in rows
    assert ("Held", "memory-dump (other): unsanitised-artifact") in rows
    approved = [text for label, text in rows if label == "Approved by"]
    assert approved[1] == "Ben Okafor, support-privacy, at 2026-03-02T10:30:00.123456Z"
    assert len(approved) == 2


def test_describe_says_nothing_that_is_not_proved() -> None:
    verdict = making.check(RAW, keys=KeyRing.of([making.OTHER_KEY.public]))
    assert verify.describe(verdict) == ()
    assert verdict.manifest is None


@pytest.mark.requirement("P-08")
def test_verify_refuses_another_lane() -> None:
    verdict = making.check(RAW, lane="vendor-billing-intake")
    assert verdict.codes == (Code.OTHER_LANE,)
    assert verdict.findings[0].message == (
        "the package is for the lane vendor-signing-intake, not for vendor-billing-intake"
    )


@pytest.mark.requirement("P-10")
def test_verify_refuses_from_the_instant_of_expiry() -> None:
    assert making.check(RAW, at=making.EXPIRES_AT - timedelta(microseconds=1)).accepted
    assert making.check(RAW, at=making.EXPIRES_AT).codes == (Code.EXPIRED,)


def test_verify_refuses_a_package_from_the_future() -> None:
    at_once = making.pack(making.package.seal(MADE, making.approve(MADE, after=timedelta()), key=making.KEY))
    assert making.check(at_once, at=making.CREATED_AT - timedelta(minutes=5)).accepted
    assert making.check(at_once, at=making.CREATED_AT - timedelta(minutes=6)).codes == (Code.NOT_YET,)


def test_verify_reports_every_refusal_at_once() -> None:
    verdict = making.check(RAW, lane="other", at=making.EXPIRES_AT)
    assert verdict.codes == (Code.OTHER_LANE, Code.EXPIRED)


@pytest.mark.requirement("P-10")
def test_verify_refuses_one_superseded_by_a_later_one() -> None:
    verdict = making.check(RAW, accepted=[later()])
    assert verdict.codes == (Code.SUPERSEDED,)
    assert "revision 3" in verdict.findings[0].message


def test_verify_refuses_one_that_an_accepted_one_replaced() -> None:
    """Also when the numbers say otherwise."""
    replacing = making.make_manifest(revision=2, supersedes=MADE.digest())
    assert making.check(RAW, accepted=[replacing]).codes == (Code.SUPERSEDED,)


def test_verify_refuses_two_packages_of_one_revision() -> None:
    twin = making.make_manifest(lane="another-lane")
    assert making.check(RAW, accepted=[twin]).codes == (Code.CONFLICTING,)


def test_verify_notes_what_it_replaces() -> None:
    raw = making.pack(making.seal(later()))
    verdict = making.check(raw, accepted=[MADE])
    assert verdict.accepted
    assert verdict.codes == (Code.SUPERSEDES,)


def test_verify_notes_what_it_replaces_though_a_revision_between_never_came() -> None:
    raw = making.pack(making.seal(later()))
    between = making.make_manifest(supersedes=making.digest_bytes(b"another"))
    verdict = making.check(raw, accepted=[between])
    assert verdict.accepted
    assert verdict.codes == (Code.SUPERSEDES,)


def test_verify_notes_one_accepted_before() -> None:
    verdict = making.check(RAW, accepted=[MADE])
    assert verdict.accepted
    assert verdict.codes == (Code.ALREADY_ACCEPTED,)


def test_verify_refuses_a_replay_when_asked() -> None:
    verdict = making.check(RAW, accepted=[MADE], once=True)
    assert not verdict.accepted
    assert verdict.codes == (Code.ALREADY_ACCEPTED,)


def test_verify_passes_over_other_packets() -> None:
    other = making.make_manifest(packet="PKT-0000000000", revision=9)
    assert making.check(RAW, accepted=[other]).findings == ()


def test_verify_refuses_too_few_signers() -> None:
    verdict = making.check(sealed_anyway(making.approve(MADE, "usr-ben")))
    assert verdict.codes == (Code.SHORT_OF_SIGNERS,)
    assert (
        str(verdict.findings[0])
        == "data/approvals.dsse.json: approvals are missing: 1 of 2 approvals; 0 of 1 from escalation-owner"
    )


def test_verify_refuses_the_assemblers_vote() -> None:
    verdict = making.check(sealed_anyway(making.approve(MADE, "usr-ada", "usr-ben", "usr-dee")))
    assert verdict.codes == (Code.NOT_A_SIGNER,)


def test_verify_refuses_a_vote_after_expiry() -> None:
    verdict = making.check(sealed_anyway(making.approve(MADE, after=timedelta(hours=13))))
    assert verdict.codes == (Code.APPROVED_OUT_OF_TIME,) * 2


def test_verify_refuses_a_vote_that_is_still_to_come() -> None:
    raw = making.pack(making.package.seal(MADE, making.approve(MADE, after=timedelta(hours=6)), key=making.KEY))
    assert making.check(raw).codes == (Code.APPROVED_OUT_OF_TIME,) * 2
    assert making.check(raw, at=making.CREATED_AT + timedelta(hours=6)).accepted


def test_verify_refuses_approvals_of_another_revision() -> None:
    verdict = making.check(sealed_anyway(making.approve(later())))
    assert verdict.codes == (Code.OTHER_MANIFEST,)


def test_verify_refuses_approvals_signed_with_another_key() -> None:
    raw = sealed_anyway(making.approve(MADE), key=making.OTHER_KEY)
    both = KeyRing.of([making.KEY.public, making.OTHER_KEY.public])
    assert making.check(raw, keys=both).codes == (Code.MIXED_KEYS,)
    assert making.check(raw).codes == (Code.UNKNOWN_KEY,)


@pytest.mark.parametrize(
    ("ring", "code"),
    [
        (KeyRing.of([making.OTHER_KEY.public]), Code.UNKNOWN_KEY),
        (KeyRing.of([]), Code.UNKNOWN_KEY),
        (KeyRing((), retired=frozenset({making.KEY.key_id})), Code.ROTATED_KEY),
        (KeyRing((), revoked=frozenset({making.KEY.key_id})), Code.REVOKED_KEY),
    ],
)
def test_verify_refuses_a_key_that_does_not_count(ring: KeyRing, code: Code) -> None:
    assert making.check(RAW, keys=ring).codes == (code,)


def test_verify_refuses_a_statement_of_another_kind() -> None:
    """Signed by the right key, but not a packet manifest."""
    files = {**making.entries(RAW)}
    name = next(name for name in files if name.endswith(bag.MANIFEST))
    files[name] = dsse.sign(making.approve(MADE).payload(), making.KEY)
    assert making.check(making.mended(files)).codes == (Code.MALFORMED_MANIFEST,)


@pytest.mark.parametrize("payload", [b"", b"{}", MADE.payload()])
def test_verify_refuses_a_signed_payload_that_is_no_approvals(payload: bytes) -> None:
    first = making.make_manifest(sender=None)  # of the form whose package follows from no approvals
    envelopes = dsse.sign(first.payload(), making.KEY), dsse.sign(payload, making.KEY)
    raw = making.pack(SealedManifest(first, first.digest(), making.KEY.key_id, *envelopes))
    assert making.check(raw).codes == (Code.MALFORMED_APPROVALS,)


def test_verify_leaves_the_digest_to_compare() -> None:
    verdict = verify.verify(io.BytesIO(RAW), making.expectation())
    assert verdict.manifest is not None
    assert verdict.manifest.digest() == digest_bytes(MADE.payload())
