"""What a superuser does to the record behind its back is found, and the row is named."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handrail.access import queries as access
from handrail.audit import comparison, merkle, proofs, signing, store, verification
from handrail.audit.actions import seal_all
from handrail.audit.checkpoint import LogCheckpoint, parse, sign
from handrail.audit.differences import DifferenceKind
from handrail.audit.models import AuditCheckpoint, AuditLeaf
from handrail.audit.signing import Signing
from handrail.audit.verification import Verification, verify
from handrail.audit.watch import SealRefused
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Invalid
from tests.factories.installation import Installation
from tests.factories.log import event, old_event, run, sealed_events, superuser
from tests.factories.switches import SwitchBoard, connected

pytestmark = pytest.mark.django_db
EVENTS, LEAVES, NODES, CHECKPOINTS = "audit_auditevent", "audit_auditleaf", "audit_auditnode", "audit_auditcheckpoint"
SEALER = access.worker("worker-1", 0)


def named(found: Verification) -> list[tuple[str, str | None, int | None]]:
    assert not found.whole
    return [(d.kind.value, d.source, d.row_id) for d in found.differences]


def test_verify_untouched_record_is_whole(signer: Signing) -> None:
    sealed_events(5)
    sealed_events(3)
    event()
    found = verify()
    assert (found.whole, found.first_difference, found.sealed_size, found.unsealed) == (True, None, 10, 1)
    last = AuditCheckpoint.objects.latest("size")
    assert (found.root, found.checkpoint_at) == (last.text.split("\n")[2], last.at)


def test_verify_empty_record_is_whole(signer: Signing) -> None:
    found = verify()
    assert (found.whole, found.sealed_size, found.checkpoint_at) == (True, 0, None)


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'somebody.else@example.com'",
        "outcome = 'failed'",
        "at = at + interval '1 microsecond'",
        "at = 'infinity'",
        "tenant_id = 7",
        "context = context || '{\"b\": null}'",
        "context = '{\"a\": 9007199254740993}'",
        "context = '{\"a\": 1.00000000000000000001}'",
        "context = '{\"a\": 1e400}'",
    ],
)
def test_verify_names_the_altered_row(signer: Signing, change: str) -> None:
    ids = sealed_events(7)
    with superuser(EVENTS):
        run(f"UPDATE {EVENTS} SET {change} WHERE id = %s", ids[4])
    found = verify()
    assert named(found) == [("altered", "audit.event", ids[4])]
    assert found.differences[0].index == 4


def test_verify_names_the_missing_row(signer: Signing) -> None:
    ids = sealed_events(7)
    with superuser(EVENTS):
        run(f"DELETE FROM {EVENTS} WHERE id = ANY(%s)", [ids[2], ids[5]])
    assert named(verify()) == [("missing", "audit.event", ids[2]), ("missing", "audit.event", ids[5])]


def test_verify_names_a_row_put_in_anothers_place(signer: Signing) -> None:
    ids = sealed_events(4)
    with superuser(EVENTS):
        run(f"DELETE FROM {EVENTS} WHERE id = %s", ids[1])
        old_event(now(), id=ids[1])
    assert named(verify()) == [("altered", "audit.event", ids[1])]


@pytest.mark.parametrize("sealed_since", [False, True])
def test_verify_names_a_row_put_into_a_hole_of_the_past(signer: Signing, sealed_since: bool) -> None:
    ids = sealed_events(2)
    hole = ids[0] - 1
    extra = old_event(now() - timedelta(days=1), id=hole)
    if sealed_since:
        seal_all(by=SEALER)
    assert named(verify()) == [("extra", "audit.event", extra)]


def test_verify_takes_a_row_of_a_backlog_for_what_it_is(signer: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handrail.audit.sealing.BATCH", 2)
    for days in range(9, 0, -1):
        old_event(now() - timedelta(days=days))
    seal_all(by=SEALER)
    assert verify().whole


@pytest.mark.requirement("R2-21")
def test_verify_names_the_altered_row_of_a_ledger(signer: Signing) -> None:
    estate, board = Installation().runs, SwitchBoard()
    board.add("s1", owner=estate.tenant.key)
    with connected(board):
        carried = estate.advance(estate.start())
    seal_all(by=SEALER)
    with superuser("runbooks_completionrecord", "runbooks_checkpoint"):
        run("UPDATE runbooks_completionrecord SET fields = '{}' WHERE run_id = %s", carried.pk)
        run("DELETE FROM runbooks_checkpoint WHERE run_id = %s AND kind = 'result'", carried.pk)
    assert [(kind, source) for kind, source, _ in named(verify())] == [
        ("missing", "runbooks.checkpoint"),
        ("altered", "runbooks.completion_record"),
    ]


def test_verify_finds_a_leaf_taken_out(signer: Signing) -> None:
    sealed_events(5)
    with superuser(LEAVES):
        run(f"DELETE FROM {LEAVES} WHERE index = 3")
    found = verify()
    assert [(d.kind, d.index) for d in found.differences] == [(DifferenceKind.LEAF, 3)]


def test_verify_finds_a_subtree_changed(signer: Signing) -> None:
    sealed_events(5)
    with superuser(NODES):
        run(f"UPDATE {NODES} SET hash = sha256('x') WHERE level = 1 AND index = 1")
    found = verify()
    assert [(d.kind, d.index) for d in found.differences] == [(DifferenceKind.SUBTREE, 3)]


@pytest.mark.parametrize(("level", "index"), [(1, 3), (1, 40), (5, 0), (62, 0)])
def test_subtree_put_in_before_its_leaves_is_named_and_nothing_sealed(signer: Signing, level: int, index: int) -> None:
    """The serving role may add subtrees, and the next seal would meet it there."""
    sealed_events(5)  # and the seal itself: six leaves, three subtrees of two
    run(f"INSERT INTO {NODES} (level, index, hash) VALUES (%s, %s, sha256('x'))", level, index)
    assert [d.kind for d in verify().differences] == [DifferenceKind.SUBTREE]
    event()
    with pytest.raises(SealRefused, match=f"level {level}, place {index}, is over leaves that are not there"):
        seal_all(by=SEALER)


def rewrite(index: int) -> None:
    """The row at ``index`` changed, and with it the leaf and all subtrees above: the whole log made anew."""
    leaf = AuditLeaf.objects.get(index=index)
    run(f"UPDATE {EVENTS} SET actor = 'x' WHERE id = %s", leaf.row_id)
    rows = list(AuditLeaf.objects.order_by("index"))
    run(f"DELETE FROM {LEAVES}")
    run(f"DELETE FROM {NODES}")
    store.append([row for leaf in rows for row in comparison.rows_of([(0, leaf.source, leaf.row_id, b"")]).values()])


def test_verify_finds_a_log_made_anew_by_its_checkpoint(signer: Signing) -> None:
    sealed_events(3)
    sealed_events(3)
    with superuser(EVENTS, LEAVES, NODES):
        rewrite(5)
    found = verify()
    assert [(d.kind, d.index) for d in found.differences] == [(DifferenceKind.ROOT, 4)]
    assert "from 4 to 7" in found.differences[0].message


def test_verify_finds_a_checkpoint_of_another_key(signer: Signing) -> None:
    sealed_events(3)
    size = store.size()
    with superuser(EVENTS, LEAVES, NODES, CHECKPOINTS):
        rewrite(1)
        root = store.frontier(size).root()
        forged = sign(LogCheckpoint(signer.origin, size, root), Ed25519PrivateKey.generate())
        run(f"UPDATE {CHECKPOINTS} SET root = %s, text = %s", root, forged)
    assert [d.kind for d in verify().differences] == [DifferenceKind.CHECKPOINT]


def test_verify_finds_a_checkpoint_beside_another_text(signer: Signing) -> None:
    sealed_events(3)
    with superuser(CHECKPOINTS):
        run(f"UPDATE {CHECKPOINTS} SET root = sha256('x')")
    assert [d.kind for d in verify().differences] == [DifferenceKind.CHECKPOINT]


def test_verify_finds_leaves_under_no_checkpoint(signer: Signing) -> None:
    sealed_events(3)
    sealed_events(3)
    with superuser(CHECKPOINTS):
        run(f"DELETE FROM {CHECKPOINTS} WHERE size > 4")
    assert [(d.kind, d.index) for d in verify().differences] == [(DifferenceKind.LEAF, 4)]


def set_back(size: int) -> None:
    """The database as it was at ``size`` leaves: what restoring an old backup makes."""
    ids = AuditLeaf.objects.filter(index__gte=size).values_list("row_id", flat=True)
    run(f"DELETE FROM {EVENTS} WHERE id = ANY(%s)", list(ids))
    run(f"DELETE FROM {LEAVES} WHERE index >= %s", size)
    run(f"DELETE FROM {NODES} WHERE (index + 1) << level > %s", size)
    run(f"DELETE FROM {CHECKPOINTS} WHERE size > %s", size)


def test_verify_finds_a_database_set_back_by_a_kept_checkpoint(signer: Signing) -> None:
    sealed_events(3)
    sealed_events(3)
    kept = AuditCheckpoint.objects.latest("size").text
    with superuser(EVENTS, LEAVES, NODES, CHECKPOINTS):
        set_back(4)
    assert verify().whole
    found = verify(kept=[kept])
    assert [d.kind for d in found.differences] == [DifferenceKind.CUT_OFF]
    with pytest.raises(Conflict) as caught:
        proofs.consistency(parse(kept).checkpoint.size)
    assert caught.value.code == "log-shorter"


def test_verify_finds_a_database_set_back_and_grown_again(signer: Signing) -> None:
    sealed_events(3)
    sealed_events(3)
    kept = parse(AuditCheckpoint.objects.latest("size").text)
    with superuser(EVENTS, LEAVES, NODES, CHECKPOINTS):
        set_back(4)
    sealed_events(6)
    assert verify().whole
    found = verify(kept=[kept.text])
    assert [(d.kind, d.index) for d in found.differences] == [(DifferenceKind.ROOT, 4)]
    proof = proofs.consistency(kept.checkpoint.size)
    now_signed = parse(proof.checkpoint).checkpoint
    assert not merkle.verify_consistency(
        first=kept.checkpoint.size,
        second=now_signed.size,
        first_root=kept.checkpoint.root,
        second_root=now_signed.root,
        proof=[proofs.decoded(part) for part in proof.proof],
    )


def test_verify_takes_kept_checkpoints_of_an_untouched_log(signer: Signing) -> None:
    sealed_events(3)
    kept = AuditCheckpoint.objects.latest("size").text
    sealed_events(3)
    assert verify(kept=[kept]).whole


def test_verify_refuses_a_kept_checkpoint_of_another_key(signer: Signing) -> None:
    sealed_events(3)
    foreign = sign(LogCheckpoint(signer.origin, 1, bytes(32)), Ed25519PrivateKey.generate())
    with pytest.raises(Invalid) as caught:
        verify(kept=[foreign])
    assert caught.value.code == "checkpoint-signature"


def test_verify_takes_checkpoints_of_an_earlier_key(signer: Signing) -> None:
    sealed_events(3)
    rotated = Signing(signer.origin, Ed25519PrivateKey.generate(), earlier=(signer.verifier(),))
    with signing.use(rotated):
        sealed_events(3)
        assert verify().whole
    forgotten = Signing(signer.origin, rotated.key)
    with signing.use(forgotten):
        assert [d.kind for d in verify().differences] == [DifferenceKind.CHECKPOINT]


def test_verify_walks_more_leaves_than_a_chunk(signer: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "CHUNK", 4)
    ids = [sealed_events(3), sealed_events(6), sealed_events(1)]
    assert verify().whole
    with superuser(EVENTS):
        run(f"UPDATE {EVENTS} SET actor = 'x' WHERE id = %s", ids[1][4])
    assert named(verify()) == [("altered", "audit.event", ids[1][4])]


def test_verify_tells_no_more_than_a_hundred_differences(signer: Signing) -> None:
    ids = sealed_events(150)
    with superuser(EVENTS):
        run(f"UPDATE {EVENTS} SET actor = 'x'")
    found = verify()
    assert len(found.differences) == 100
    assert found.first_difference is not None
    assert found.first_difference.row_id == ids[0]
