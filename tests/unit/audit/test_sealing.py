"""Every recorded row is sealed exactly once, in whatever order it became visible."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from handrail.access import queries as access
from handrail.audit import checkpoint, guards, sealing
from handrail.audit.actions import seal, seal_all
from handrail.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf, AuditNode
from handrail.audit.signing import Signing
from handrail.audit.sources import SOURCES
from handrail.audit.verification import verify
from handrail.kernel.clock import now
from tests.factories.installation import Installation
from tests.factories.log import event, sealed_events
from tests.factories.switches import SwitchBoard, connected

SEALER = access.worker("worker-1", 0)


def leaves(source: str = "audit.event") -> list[int]:
    return list(AuditLeaf.objects.filter(source=source).order_by("index").values_list("row_id", flat=True))


@pytest.mark.django_db
def test_seal_takes_each_row_once_and_its_own_event_last(signer: Signing) -> None:
    ids = sealed_events(3)
    own = AuditEvent.objects.get(event="audit.sealed")
    assert leaves() == [*ids, own.pk]
    assert own.context == {"rows": 3, "complete": True, "sources": SOURCES}
    assert own.workspace_id is None


@pytest.mark.django_db
def test_seal_with_nothing_waiting_writes_nothing(signer: Signing) -> None:
    sealed_events(1)
    before = AuditEvent.objects.count()
    assert seal(by=SEALER) is None
    assert (AuditEvent.objects.count(), AuditCheckpoint.objects.count()) == (before, 1)


@pytest.mark.django_db
def test_seal_makes_a_checkpoint_that_the_public_key_alone_verifies(signer: Signing) -> None:
    sealed_events(5)
    kept = AuditCheckpoint.objects.get()
    public = checkpoint.VerifierKey.from_text(signer.verifier().to_text())
    signed = checkpoint.verify(kept.text, origin="example.com/log", keys=[public])
    assert (signed.size, signed.root) == (6, bytes(kept.root))


@pytest.mark.django_db
def test_seal_keeps_only_subtrees_above_the_leaves(signer: Signing) -> None:
    sealed_events(6)
    sealed_events(2)
    levels = sorted(AuditNode.objects.values_list("level", "index"))
    assert levels == [(1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (2, 0), (2, 1), (3, 0)]


@pytest.mark.django_db
def test_seal_of_a_backlog_goes_in_batches(signer: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 4)
    ids = [event().pk for _ in range(9)]
    done = seal_all(by=SEALER)
    assert [(s.rows, s.more) for s in done] == [(5, True), (5, True), (2, False)]
    assert sorted(leaves()) == sorted(AuditEvent.objects.values_list("pk", flat=True))
    assert set(ids) <= set(leaves())
    assert verify().whole


@pytest.mark.django_db
def test_seal_all_stops_after_its_batches(signer: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 2)
    for _ in range(9):
        event()
    assert len(seal_all(by=SEALER, batches=2)) == 2


@pytest.mark.django_db
def test_ordinary_seal_looks_back_only_so_far_and_a_whole_one_everywhere(
    signer: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "LOOK_BACK", 0)
    first = event().pk
    late = AuditEvent.objects.get(pk=first)
    late.pk = first + 1_000
    late.save(force_insert=True)
    seal_all(by=SEALER)
    late.pk = first + 500
    late.save(force_insert=True)
    assert seal(by=SEALER, whole=None) is None
    assert seal(by=SEALER, whole=True) is not None
    assert first + 500 in leaves()


@pytest.mark.django_db
def test_ordinary_seal_looks_everywhere_when_the_last_time_is_long_ago(
    signer: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed_events(1)
    event()
    assert seal(by=SEALER, whole=None) is not None
    event()
    monkeypatch.setattr(sealing, "now", lambda: now() + timedelta(seconds=sealing.WHOLE_SECONDS + 1))
    seal(by=SEALER, whole=None)
    assert list(AuditCheckpoint.objects.order_by("size").values_list("complete", flat=True)) == [True, False, True]


@pytest.mark.django_db
def test_seal_covers_the_ledgers_of_runs(signer: Signing) -> None:
    estate, board = Installation().runs, SwitchBoard()
    board.add("s1", owner=estate.tenant.key)
    board.add("s2", owner="ten_other")
    with connected(board):
        estate.advance(estate.start("TASK-1", "s1"))
        estate.advance(estate.start("TASK-2", "s2"))
    seal_all(by=SEALER)
    for name in ("checkpoint", "retry_ledger_entry", "completion_record", "exception_packet"):
        assert leaves(f"runbooks.{name}"), name
    assert verify().whole
    assert verify().unsealed == 0


@pytest.mark.django_db
def test_seal_without_its_event_seals_nothing(signer: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    event()
    monkeypatch.setattr(guards, "differences", list)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_auditevent ADD CONSTRAINT broken CHECK (event <> 'audit.sealed')")
    with pytest.raises(DatabaseError), transaction.atomic():
        seal(by=SEALER)
    assert (AuditLeaf.objects.count(), AuditNode.objects.count(), AuditCheckpoint.objects.count()) == (0, 0, 0)


def test_seal_rows_that_commit_out_of_order_once(committed_db: str, signer: Signing) -> None:
    insert = (
        "INSERT INTO audit_auditevent (at, actor_kind, actor, event, outcome, subject_kind, subject, context)"
        " VALUES (now(), 'worker', 'w', 'run.received', 'done', 'run', %s, '{}') RETURNING id"
    )
    with psycopg.connect(committed_db) as slow, psycopg.connect(committed_db) as quick:
        first = slow.execute(insert, ["first"]).fetchone()
        second = quick.execute(insert, ["second"]).fetchone()
        quick.commit()
        assert first is not None
        assert second is not None
        seal_all(by=SEALER)
        assert first[0] not in leaves()
        assert second[0] in leaves()
        slow.commit()
        seal_all(by=SEALER, whole=None)
    assert first[0] < second[0]
    assert sorted(leaves()) == sorted(AuditEvent.objects.values_list("pk", flat=True))
    assert verify().whole


def test_two_sealers_at_once_seal_each_row_once(committed_db: str, signer: Signing) -> None:
    for _ in range(40):
        event()
    barrier = threading.Barrier(4)

    def work(_: int) -> None:
        try:
            barrier.wait()
            seal_all(by=SEALER)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert sorted(leaves()) == sorted(AuditEvent.objects.values_list("pk", flat=True))
    assert verify().whole
