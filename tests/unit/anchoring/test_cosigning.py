"""Witnesses cosign what was sealed: real ones in processes of their own, and ones that lie, are away or slow."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import DatabaseError, transaction

from handrail.access import queries as access
from handrail.anchoring import actions
from handrail.audit import anchors, checkpoint, cosignature, cosigned, merkle, policy, queries, signing, store
from handrail.audit.checkpoint import LogCheckpoint
from handrail.audit.cosignature import CosignatureType
from handrail.audit.models import Anchor, AuditCheckpoint, AuditEvent, Cosignature
from handrail.audit.signing import Signing
from handrail.audit.verification import verify
from handrail.audit.witness.protocol import SIZE_TYPE, AddCheckpoint
from handrail.audit.witness.server import WitnessServer
from handrail.kernel.clock import now
from handrail.worker import recurring
from tests.factories import witnesses
from tests.factories.log import run, sealed_events, superuser
from tests.factories.witnesses import forked, lying, witnessed

pytestmark = pytest.mark.django_db
BY = access.worker("worker-1", 0)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LIAR = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
LIAR_KEY = cosignature.public_of("liar.example", LIAR)
LINES = "text/plain; charset=utf-8"


@pytest.fixture
def signer() -> Iterator[Signing]:
    made = Signing("example.com/log", KEY)
    with signing.use(made):
        yield made


@pytest.fixture
def witness(tmp_path: Path, signer: Signing) -> Iterator[WitnessServer]:
    """A new witness that knows the log, and cosigns with ML-DSA-44."""
    key = witnesses.made(tmp_path / "w1", "w1.example", signer.verifier())
    with witnesses.served(tmp_path / "w1") as server, witnessed({"w1": server.url}, {"w1": key}):
        yield server


def anchor() -> None:
    Anchor.objects.update(due_at=now() - timedelta(seconds=1))
    actions.anchor(by=BY)


def problem(name: str = "w1") -> str:
    return Anchor.objects.get(kind="witness", name=name).problem


def recorded(event: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(event=event))


def test_witness_cosigns_each_checkpoint_with_the_proof_from_the_last(witness: WitnessServer) -> None:
    for count in (3, 1, 7):
        sealed_events(count)
        anchor()
    sizes = list(AuditCheckpoint.objects.order_by("size").values_list("size", flat=True))
    assert list(Cosignature.objects.order_by("size").values_list("size", flat=True)) == sizes
    found = verify()
    assert found.whole
    assert found.quorum.reached
    assert found.quorum.by == ("w1.example",)
    assert (found.quorum.waiting_since, problem()) == (None, "")
    text = cosigned.text_of(AuditCheckpoint.objects.latest("size"))
    checkpoint.verify(text, origin="example.com/log", keys=list(anchors.trust.get().witnesses.values()))


def test_checkpoint_that_is_cosigned_is_not_sent_again(witness: WitnessServer) -> None:
    sealed_events(2)
    anchor()
    events = AuditEvent.objects.count()
    witness.server_close()
    anchor()
    assert (problem(), AuditEvent.objects.count()) == ("", events)


def test_checkpoints_that_were_never_sent_are_skipped(witness: WitnessServer) -> None:
    sealed_events(2)
    sealed_events(2)
    anchor()
    assert Cosignature.objects.get().size == store.size()


def test_cosignature_whose_answer_was_lost_is_given_once_more(witness: WitnessServer) -> None:
    sealed_events(5)
    anchor()
    with superuser("audit_cosignature"):
        run("DELETE FROM audit_cosignature")
    anchor()
    assert (Cosignature.objects.get().size, problem()) == (store.size(), "")
    with superuser("audit_cosignature"):
        run("DELETE FROM audit_cosignature")
    sealed_events(2)
    anchor()
    assert (Cosignature.objects.get().size, problem()) == (store.size(), "")


@pytest.mark.parametrize("grown", [1, 3, 20], ids=["behind", "as long", "longer"])
def test_log_that_was_rolled_back_and_grew_otherwise_is_refused_and_reported(
    witness: WitnessServer, grown: int
) -> None:
    sealed_events(2)
    anchor()
    sealed_events(3)
    anchor()
    forked(3)
    sealed_events(grown)
    anchor()
    assert problem() in ("ahead", "forked")
    assert Cosignature.objects.filter(size__gt=3).count() == 0
    (event,) = recorded("audit.witness_refused")
    assert (event.outcome, event.context["anchor"]) == ("failed", "w1")
    found = verify()
    assert not found.whole
    assert [one.kind for one in found.differences] == ["witness"]
    assert any(one.subject == "witness w1" and not one.ok for one in queries.inspect())
    anchor()
    assert len(recorded("audit.witness_refused")) == 1


def test_copy_of_the_database_that_grew_otherwise_is_refused(tmp_path: Path, signer: Signing) -> None:
    """Two installations with one key, each with its own mark: the witness, a process of its own, sees both."""
    key = witnesses.made(tmp_path / "w1", "w1.example", signer.verifier())
    with witnesses.process(tmp_path / "w1") as served, witnessed({"w1": served.url}, {"w1": key}):
        sealed_events(4)
        anchor()
        sealed_events(6)
        anchor()
        assert verify().whole
        forked(5)
        sealed_events(6)  # as long as the first was, with other leaves
        anchor()
        assert (problem(), len(recorded("audit.witness_refused"))) == ("forked", 1)
        assert [one.kind for one in verify().differences] == ["witness"]


def line_of(asked: AddCheckpoint, *, of: LogCheckpoint | None = None, at: float | None = None) -> bytes:
    when = int(time.time() if at is None else at)
    return (cosignature.line(of or asked.signed.checkpoint, LIAR, name="liar.example", timestamp=when) + "\n").encode()


def other_root(asked: AddCheckpoint) -> LogCheckpoint:
    return LogCheckpoint(asked.signed.checkpoint.origin, asked.signed.checkpoint.size, bytes(32))


STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
LIES = {
    "another root": (lambda a: (200, LINES, line_of(a, of=other_root(a))), "wrong-signature"),
    "another key": (
        lambda a: (
            200,
            LINES,
            (cosignature.line(a.signed.checkpoint, STRANGER, name="liar.example", timestamp=1) + "\n").encode(),
        ),
        "wrong-signature",
    ),
    "a day ahead": (lambda a: (200, LINES, line_of(a, at=time.time() + 86400)), "wrong-time"),
    "a day ago": (lambda a: (200, LINES, line_of(a, at=time.time() - 86400)), "wrong-time"),
    "no lines": (lambda a: (200, LINES, b""), "not-understood"),
    "a page": (lambda a: (200, "text/html", b"<html>ok</html>\n"), "not-understood"),
    "not UTF-8": (lambda a: (200, LINES, b"\xff\n"), "not-understood"),
    "huge": (lambda a: (200, LINES, b"x" * 1_000_000), "unreachable"),
    "more than there is": (lambda a: (409, SIZE_TYPE, b"99999\n"), "ahead"),
    "a size that is none": (lambda a: (409, SIZE_TYPE, b"x\n"), "forked"),
    "its own size refused": (lambda a: (409, SIZE_TYPE, f"{a.old}\n".encode()), "not-understood"),
    "another size each time": (
        lambda a: (409, SIZE_TYPE, f"{(a.old + 1) % a.signed.checkpoint.size}\n".encode()),
        "unreachable",
    ),
    "no proof": (lambda a: (422, LINES, b""), "forked"),
    "unknown": (lambda a: (404, LINES, b""), "unknown-log"),
    "forbidden": (lambda a: (403, LINES, b""), "refused"),
    "bad request": (lambda a: (400, LINES, b""), "refused"),
    "too many": (lambda a: (429, LINES, b""), "unreachable"),
    "broken": (lambda a: (500, LINES, b""), "unreachable"),
    "moved": (lambda a: (302, LINES, b""), "unreachable"),
}
EVIDENCE = {"ahead", "forked", "wrong-signature", "wrong-time"}


@pytest.mark.parametrize("lie", list(LIES))
def test_what_a_witness_answers_wrongly_is_kept_apart_and_counts_for_nothing(signer: Signing, lie: str) -> None:
    answer, expected = LIES[lie]
    sealed_events(3)
    with lying(answer) as liar, witnessed({"w1": liar.url}, {"w1": LIAR_KEY}):
        anchor()
        assert problem() == expected
        assert not cosigned.quorum().reached
    assert Cosignature.objects.count() == 0
    assert len(recorded("audit.witness_refused")) == (expected in EVIDENCE)
    assert Anchor.objects.get(kind="witness").due_at > now()


def test_lines_of_others_beside_the_right_one_are_passed_over(signer: Signing) -> None:
    def answer(asked: AddCheckpoint) -> tuple[int, str, bytes]:
        other = cosignature.line(other_root(asked), STRANGER, name="other.example", timestamp=1)
        return 200, LINES, other.encode() + b"\n" + line_of(asked)

    sealed_events(1)
    with lying(answer) as liar, witnessed({"w1": liar.url}, {"w1": LIAR_KEY}):
        anchor()
        assert cosigned.quorum().reached


def test_witness_that_recovers_is_asked_from_where_it_is(signer: Signing) -> None:
    sealed_events(3)
    broken = [True]
    with lying(lambda a: (503, LINES, b"") if broken else (200, LINES, line_of(a))) as liar:
        with witnessed({"w1": liar.url}, {"w1": LIAR_KEY}):
            anchor()
            assert problem() == "unreachable"
            broken.clear()
            anchor()
            assert (problem(), cosigned.quorum().reached) == ("", True)
        assert [asked.old for asked in liar.asked] == [0, 0]


def test_no_call_is_made_before_a_witness_is_due_again(signer: Signing) -> None:
    sealed_events(1)
    with lying(lambda a: (503, LINES, b"")) as liar, witnessed({"w1": liar.url}, {"w1": LIAR_KEY}):
        actions.anchor(by=BY)
        actions.anchor(by=BY)
        assert len(liar.asked) == 1


def test_slow_and_missing_witnesses_keep_no_other_from_cosigning(tmp_path: Path, signer: Signing) -> None:
    """Two of three are enough, and one is silent beyond its deadline, another not there."""
    names = ("a", "b", "c", "d")
    keys = {
        name: witnesses.made(tmp_path / name, f"{name}.example", signer.verifier(), kind=CosignatureType.ED25519)
        for name in names
    }
    group = policy.WitnessGroup(2, tuple(name.encode() for name in names))
    quorum = policy.TrustPolicy((), {n.encode(): k for n, k in keys.items()}, {b"g": group}, b"g")
    sealed_events(3)
    with (
        witnesses.served(tmp_path / "a") as a,
        witnesses.served(tmp_path / "b") as b,
        lying(lambda _: time.sleep(1) or (500, LINES, b"")) as slow,  # type: ignore[func-returns-value]
        witnessed(
            {"a": a.url, "b": b.url, "c": slow.url, "d": "http://127.0.0.1:9"}, keys, quorum=quorum, deadline=0.5
        ),
    ):
        anchor()
        found = cosigned.quorum()
        assert (found.reached, sorted(found.by)) == (True, ["a.example", "b.example"])
        assert sorted(found.missing) == ["c.example", "d.example"]
        assert (problem("c"), problem("d")) == ("unreachable", "unreachable")


def test_quorum_that_is_missing_for_too_long_is_reported_once_and_its_end_too(signer: Signing) -> None:
    sealed_events(2)
    away = [True]
    with lying(lambda a: (503, LINES, b"") if away else (200, LINES, line_of(a))) as liar:  # noqa: SIM117
        with witnessed({"w1": liar.url}, {"w1": LIAR_KEY}):
            anchor()
            assert not cosigned.quorum().late
            assert recorded("audit.quorum_missing") == []
            with superuser("audit_auditcheckpoint"):
                run("UPDATE audit_auditcheckpoint SET at = at - interval '1 hour'")
            anchor()
            anchor()
            found = cosigned.quorum()
            assert (found.late, found.size) == (True, None)
            assert found.waiting_since == AuditCheckpoint.objects.latest("size").at
            assert len(recorded("audit.quorum_missing")) == 1
            away.clear()
            anchor()
            assert not cosigned.quorum().late
            assert len(recorded("audit.quorum_reached")) == 1


def test_cosignature_that_was_put_in_or_changed_is_a_difference_and_counts_for_nothing(witness: WitnessServer) -> None:
    sealed_events(2)
    anchor()
    row = Cosignature.objects.get()
    with superuser("audit_cosignature"):
        run("UPDATE audit_cosignature SET timestamp = timestamp + 1")
    assert [one.kind for one in verify().differences] == ["cosignature"]
    assert not cosigned.quorum().reached
    with superuser("audit_cosignature"):
        run("UPDATE audit_cosignature SET timestamp = timestamp - 1, size = size + 1")
    assert "no such checkpoint" in verify().differences[0].message
    assert row.line not in cosigned.text_of(AuditCheckpoint.objects.latest("size"))


def test_nothing_is_shown_to_a_witness_that_this_installation_has_not_signed(signer: Signing) -> None:
    sealed_events(2)
    text = checkpoint.sign(LogCheckpoint("example.com/log", 3, bytes(32)), LIAR)
    with superuser("audit_auditcheckpoint"):
        run("UPDATE audit_auditcheckpoint SET text = %s", text)
    with lying(lambda a: (200, LINES, line_of(a))) as liar, witnessed({"w1": liar.url}, {"w1": LIAR_KEY}):
        anchor()
        assert liar.asked == []


def test_proofs_sent_lead_from_one_size_to_the_next(signer: Signing) -> None:
    with lying(lambda a: (200, LINES, line_of(a))) as liar, witnessed({"w1": liar.url}, {"w1": LIAR_KEY}):
        for count in (3, 1, 7, 2):
            sealed_events(count)
            anchor()
        roots = {0: merkle.EMPTY_ROOT} | {c.size: bytes(c.root) for c in AuditCheckpoint.objects.all()}
        for asked in liar.asked:
            new = asked.signed.checkpoint
            assert merkle.verify_consistency(
                first=asked.old,
                second=new.size,
                first_root=roots[asked.old],
                second_root=new.root,
                proof=asked.proof,
            )
        assert [asked.old for asked in liar.asked] == [0, *sorted(roots)[1:-1]]


def test_second_key_signs_checkpoints_that_every_reader_takes(signer: Signing) -> None:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

    second = MLDSA44PrivateKey.generate()
    with signing.use(Signing("example.com/log", KEY, second=second)):
        sealed_events(2)
        text = AuditCheckpoint.objects.get().text
        assert [len(base64.b64decode(line.split()[-1])) for line in text.split("\n")[4:6]] == [68, 4 + 8 + 2420]
        for key in signing.get().verifiers():
            assert checkpoint.verify(text, origin="example.com/log", keys=[key]).size == 3
        assert verify().whole
    with signing.use(Signing("example.com/log", KEY)):  # a machine that was not given the second key
        assert verify().whole


def test_what_is_wrong_is_kept_only_with_its_event(signer: Signing) -> None:
    sealed_events(2)
    with lying(LIES["no proof"][0]) as liar, witnessed({"w1": liar.url}, {"w1": LIAR_KEY}):
        run(
            "CREATE FUNCTION refuse_audit() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the audit insert is broken'; END $$"
        )
        run(
            "CREATE TRIGGER refuse_audit BEFORE INSERT ON audit_auditevent FOR EACH ROW EXECUTE FUNCTION refuse_audit()"
        )
        with pytest.raises(DatabaseError, match="broken"), transaction.atomic():
            anchor()
        assert not Anchor.objects.exists()
        run("DROP TRIGGER refuse_audit ON audit_auditevent")
        anchor()
        assert (problem(), len(recorded("audit.witness_refused"))) == ("forked", 1)


def test_duty_of_a_worker_asks_in_no_workspace(witness: WitnessServer) -> None:
    sealed_events(2)
    recurring.anchor()
    assert cosigned.quorum().reached
