"""Time stamps of checkpoints by OpenSSL's service, verified by OpenSSL; and services that lie."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from handrail.access import queries as access
from handrail.anchoring import actions
from handrail.audit import signing, stamped, stamps
from handrail.audit.models import Anchor, AuditCheckpoint, AuditEvent, CheckpointTimestamp
from handrail.audit.signing import Signing
from handrail.audit.stamps import ANSWER_TYPE, StampTrust, WrongStamp
from handrail.audit.verification import verify
from handrail.kernel.clock import now
from tests.factories.log import run, sealed_events, superuser
from tests.factories.timestamping import Answer, Authority, honest, stamping

pytestmark = pytest.mark.django_db
BY = access.worker("worker-1", 0)
TEXT = "example.com/log\n1\nAAAA\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("tsa") / "good")


@pytest.fixture(autouse=True)
def signer() -> Iterator[None]:
    with signing.use(Signing("example.com/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))):
        yield


def anchor() -> None:
    Anchor.objects.update(due_at=now() - timedelta(seconds=1))
    actions.anchor(by=BY)


def problem() -> str:
    return Anchor.objects.get(kind="timestamp", name="tsa").problem


def test_stamp_is_kept_and_openssl_verifies_it(authority: Authority, tmp_path: Path) -> None:
    sealed_events(2)
    with stamping(honest(authority), authority.trust()):
        anchor()
        assert verify().whole
    found = stamped.newest()
    assert found is not None
    signed, response, service = found
    assert (signed.text, service, problem()) == (AuditCheckpoint.objects.get().text, "tsa", "")
    (tmp_path / "checkpoint").write_text(signed.text)
    (tmp_path / "checkpoint.tsr").write_bytes(response)
    words = ["openssl", "ts", "-verify", "-data", "checkpoint", "-in", "checkpoint.tsr", "-CAfile"]
    done = subprocess.run(
        [*words, authority.folder / "ca.pem"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "Verification: OK"), done.stderr


def test_checkpoint_is_stamped_as_often_as_configured_and_no_more(authority: Authority) -> None:
    sealed_events(1)
    with stamping(honest(authority), authority.trust()) as asked:
        anchor()
        anchor()
        sealed_events(1)
        anchor()
        assert len(asked) == 1
    with stamping(honest(authority), authority.trust(), every=0) as asked:
        anchor()
        anchor()
        assert len(asked) == 1
    assert CheckpointTimestamp.objects.count() == 2


def test_stamp_says_when_how_exactly_and_under_which_policy(authority: Authority) -> None:
    asked = stamps.request(TEXT)
    found = stamps.verify(authority.reply(asked.query), TEXT, authority.trust(), nonce=asked.nonce)
    assert abs(found.at - now()) < timedelta(minutes=1)
    assert (found.accuracy_seconds, found.policy) == (1.5, "1.3.6.1.4.1.99999.1")


def other(authority: Authority) -> Answer:
    """A good time stamp, of another checkpoint."""
    return lambda _: (200, ANSWER_TYPE, authority.reply(stamps.request(TEXT).query))


def replayed(authority: Authority) -> Answer:
    """A good time stamp of the very checkpoint, which somebody asked for before."""
    return lambda _: (200, ANSWER_TYPE, authority.reply(stamps.request(AuditCheckpoint.objects.get().text).query))


def rejected(authority: Authority) -> Answer:
    """PKIStatus 2, rejection: what OpenSSL's service answers to what is no request."""
    return lambda _: (200, ANSWER_TYPE, authority.reply(b"\x30\x03\x02\x01\x01"))


LIES = {
    "another checkpoint": (other, "wrong-stamp"),
    "another nonce": (replayed, "wrong-stamp"),
    "rejected": (rejected, "refused"),
    "empty": (lambda _: lambda q: (200, ANSWER_TYPE, b""), "wrong-stamp"),
    "garbage": (lambda _: lambda q: (200, ANSWER_TYPE, b"\x30\x80" * 200), "wrong-stamp"),
    "huge": (lambda _: lambda q: (200, ANSWER_TYPE, b"x" * 1_000_000), "unreachable"),
    "wrong content type": (lambda a: lambda q: (200, "text/html", a.reply(q)), "unreachable"),
    "error": (lambda _: lambda q: (500, ANSWER_TYPE, b""), "unreachable"),
    "cut": (lambda a: lambda q: (200, ANSWER_TYPE, a.reply(q)[:-40]), "wrong-stamp"),
    "flipped": (lambda a: lambda q: (200, ANSWER_TYPE, a.reply(q)[:-1] + b"\x00"), "wrong-stamp"),
}


@pytest.mark.parametrize("lie", list(LIES))
def test_what_a_service_answers_wrongly_is_not_kept(authority: Authority, lie: str) -> None:
    answer, expected = LIES[lie]
    sealed_events(1)
    text = AuditCheckpoint.objects.get().text
    if lie == "another nonce":  # asked here: the server's thread has another connection
        reply = authority.reply(stamps.request(text).query)
        answer = lambda _: lambda q: (200, ANSWER_TYPE, reply)  # noqa: E731
    with stamping(answer(authority), authority.trust()):
        anchor()
    assert (problem(), CheckpointTimestamp.objects.count()) == (expected, 0)
    assert AuditEvent.objects.filter(event="audit.timestamp_refused").count() == (expected == "wrong-stamp")


def test_certificate_that_has_expired_is_refused(tmp_path: Path) -> None:
    gone = Authority.made(tmp_path / "gone", ended=True)
    asked = stamps.request(TEXT)
    with pytest.raises(WrongStamp, match="certificate"):
        stamps.verify(gone.reply(asked.query), TEXT, gone.trust(), nonce=asked.nonce)


def test_certificate_of_another_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    mine = Authority.made(tmp_path / "mine")
    asked = stamps.request(TEXT)
    with pytest.raises(WrongStamp, match="certificate"):
        stamps.verify(authority.reply(asked.query), TEXT, mine.trust(), nonce=asked.nonce)


def test_another_policy_is_refused(authority: Authority) -> None:
    asked = stamps.request(TEXT)
    with pytest.raises(WrongStamp, match="policy"):
        stamps.verify(authority.reply(asked.query), TEXT, authority.trust("1.2.3.4"), nonce=asked.nonce)


@pytest.mark.parametrize("minutes", [-30, 30])
def test_time_before_the_checkpoint_or_still_to_come_is_refused(authority: Authority, minutes: int) -> None:
    asked = stamps.request(TEXT)
    found = stamps.verify(authority.reply(asked.query), TEXT, authority.trust(), nonce=asked.nonce)
    stamps.check_time(found, not_before=now(), at=now())
    moved = now() - timedelta(minutes=minutes)
    with pytest.raises(WrongStamp, match="time"):
        stamps.check_time(found, not_before=moved, at=moved)


def test_stamp_that_was_moved_to_another_checkpoint_is_a_difference(authority: Authority) -> None:
    sealed_events(1)
    with stamping(honest(authority), authority.trust()):
        anchor()
        sealed_events(1)
        newest = AuditCheckpoint.objects.latest("size").size
        with superuser("audit_checkpointtimestamp"):
            run("UPDATE audit_checkpointtimestamp SET size = %s", newest)
        assert [one.kind for one in verify().differences] == ["timestamp"]


@given(st.binary(max_size=300), st.integers(0, 2000))
def test_any_bytes_are_refused_and_nothing_else_happens(data: bytes, place: int) -> None:
    for given_ in (
        data,
        b"\x30\x82" + data,
        b"\x30\x03\x02\x01\x00" + data,
        b"\x30\x05\x30\x03\x02\x01\x00",  # granted, and no token
        b"\x30\x84" + place.to_bytes(4, "big") + data,
    ):
        with pytest.raises(WrongStamp):
            stamps.verify(given_, TEXT, StampTrust([]))
