"""The high-water mark outside the database: how it is kept, and that the sealer signs nothing but what extends it."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handrail.access import queries as access
from handrail.audit import mark, metrics, sealing, signing, store, watch
from handrail.audit.actions import _announce, accept, export, seal_all
from handrail.audit.checkpoint import LogCheckpoint, sign
from handrail.audit.mark import MarkStore, SealingStop
from handrail.audit.models import AuditCheckpoint, AuditEvent
from handrail.audit.signing import Signing
from handrail.audit.verification import verify
from handrail.audit.watch import MarkStatus, SealRefused
from handrail.cli import checks
from handrail.kernel.errors import Conflict, Invalid, Misconfigured
from tests.factories.log import event, keep_mark, run, sealed_events, superuser
from tests.lanes import rounds

EVENTS, LEAVES, NODES, CHECKPOINTS = "audit_auditevent", "audit_auditleaf", "audit_auditnode", "audit_auditcheckpoint"
SEALER = access.worker("worker-1", 0)


def cut(size: int) -> None:
    """Events, leaves, subtrees and checkpoints from ``size`` on taken away together, so that what is left fits."""
    with superuser(EVENTS, LEAVES, NODES, CHECKPOINTS):
        run(f"DELETE FROM {EVENTS} WHERE id IN (SELECT row_id FROM {LEAVES} WHERE index >= %s)", size)
        run(f"DELETE FROM {LEAVES} WHERE index >= %s", size)
        run(f"DELETE FROM {NODES} WHERE (index + 1) << level > %s", size)
        run(f"DELETE FROM {CHECKPOINTS} WHERE size > %s", size)


def refused() -> SealRefused:
    before = AuditCheckpoint.objects.count()
    with pytest.raises(SealRefused) as caught:
        seal_all(by=SEALER)
    assert AuditCheckpoint.objects.count() == before
    return caught.value


@pytest.fixture
def cut_log(signer: Signing) -> int:
    """A log of 8 leaves of which the database has 4; both sizes were signed. Gives the size of the mark."""
    sealed_events(3)
    sealed_events(3)
    keep_mark()
    size = store.size()
    cut(4)
    return size


def test_seal_keeps_its_checkpoint_after_the_commit(committed_db: str, signer: Signing) -> None:
    sealed_events(3)
    newest = AuditCheckpoint.objects.get()
    assert mark.get().read() == newest.text
    assert stat.S_IMODE(mark.get().path.stat().st_mode) == 0o600
    assert [size for size, _ in mark.get().state().earlier] == [4]
    assert list(mark.get().directory.glob(".*")) == []


@pytest.mark.django_db
def test_log_that_was_cut_is_named_and_not_signed(cut_log: int) -> None:
    found = verify()
    assert (found.mark.status, found.mark.size) == (MarkStatus.AHEAD, cut_log)
    assert [(d.kind.value, d.index) for d in found.differences] == [("cut-off", 4)]
    event()
    assert refused().difference.kind == "mark"
    assert "signed 8 leaves, but the log ends at 4" in refused().message


@pytest.mark.django_db
def test_sealing_stays_stopped_though_the_log_would_do_again(cut_log: int) -> None:
    event()
    refused()
    mark.get().path.unlink()
    assert "the log ends at 4" in refused().message
    assert "the log ends at 4" in str(verify().sealing_stopped)
    recorded = AuditEvent.objects.filter(event="audit.seal_refused")
    assert [(one.outcome, one.context["kind"]) for one in recorded] == [("failed", "mark")]


@pytest.mark.django_db
def test_log_that_was_cut_and_grew_again_elsewhere_is_named(cut_log: int) -> None:
    with mark.use(MarkStore(mark.get().directory / "other")):
        sealed_events(9)
    found = verify()
    assert found.mark.status is MarkStatus.DIFFERS
    assert [(d.kind.value, d.index) for d in found.differences] == [("root", 4)]
    assert "was rewritten" in refused().message


@pytest.mark.django_db
def test_machine_that_is_behind_catches_up(signer: Signing) -> None:
    sealed_events(3)
    keep_mark()
    with mark.use(MarkStore(mark.get().directory / "other")):
        sealed_events(9)
    assert verify().mark.status is MarkStatus.BEHIND
    assert seal_all(by=SEALER) == []
    assert verify().mark.status is MarkStatus.CURRENT


@pytest.mark.django_db
def test_lost_mark_is_named_in_the_event_of_the_next_seal(signer: Signing) -> None:
    sealed_events(3)
    keep_mark()
    mark.get().path.unlink()
    found = verify()
    assert (found.whole, found.mark.status) == (True, MarkStatus.NONE)
    sealed_events(1)
    keep_mark()
    sealed_events(1)
    seals = AuditEvent.objects.filter(event="audit.sealed").order_by("pk")
    assert [one.context.get("mark") for one in seals] == [None, "none", None]


@pytest.mark.django_db
def test_mark_of_another_installation_is_named_and_nothing_is_signed(signer: Signing) -> None:
    sealed_events(3)
    foreign = sign(LogCheckpoint(signer.origin, 1, bytes(32)), Ed25519PrivateKey.generate())
    mark.get().advance(foreign, size=1, root=bytes(32))
    event()
    assert [d.kind.value for d in verify().differences] == ["mark"]
    assert "does not belong to this log" in refused().message


@pytest.mark.django_db
def test_mark_that_cannot_be_read_is_named_and_nothing_is_signed(signer: Signing) -> None:
    sealed_events(3)
    mark.get().path.mkdir(parents=True)
    event()
    assert verify().mark.status is MarkStatus.UNREADABLE
    with pytest.raises(Misconfigured, match="can't be read"):
        seal_all(by=SEALER)


@pytest.mark.django_db
def test_mark_of_an_earlier_key_counts(signer: Signing) -> None:
    sealed_events(3)
    keep_mark()
    with signing.use(Signing(signer.origin, Ed25519PrivateKey.generate(), earlier=(signer.verifier(),))):
        sealed_events(3)
        assert verify().whole


def test_log_is_accepted_with_a_reason_and_sealed_from_there(
    committed_db: str, signer: Signing, caplog: pytest.LogCaptureFixture
) -> None:
    sealed_events(3)
    sealed_events(3)
    cut(4)
    refused()
    with pytest.raises(Invalid, match="Say why"):
        accept(reason=" ", by=SEALER)
    assert accept(reason="Restored the backup of Sunday.", by=SEALER).size == 7
    accepted = AuditEvent.objects.get(event="audit.log_accepted")
    assert accepted.context["reason"] == "Restored the backup of Sunday."
    assert (accepted.context["size"], accepted.context["mark_size"]) == (4, 8)
    found = verify()
    assert (found.whole, found.mark.status, found.sealing_stopped) == (True, MarkStatus.CURRENT, None)
    sealed_events(2)
    assert "sealed" in caplog.text


@pytest.mark.django_db
def test_log_with_nothing_to_accept_is_not_accepted(signer: Signing) -> None:
    sealed_events(3)
    keep_mark()
    with pytest.raises(Conflict) as caught:
        accept(reason="To be sure.", by=SEALER)
    assert caught.value.code == "log-unchanged"


def test_accepted_rows_are_not_held_against_the_log_again(committed_db: str, signer: Signing) -> None:
    ids = sealed_events(3)
    with superuser(EVENTS):
        run(f"UPDATE {EVENTS} SET actor = 'x' WHERE id = %s", ids[1])
    assert f"audit.event {ids[1]} has changed" in refused().message
    accept(reason="Corrected by the data protection officer.", by=SEALER)
    sealed_events(2)
    assert [d.row_id for d in verify().differences] == [ids[1]]  # verification still says so


@pytest.mark.django_db
def test_check_names_the_mark_the_stop_and_each_guard(cut_log: int) -> None:
    event()
    refused()
    run(f"ALTER TABLE {EVENTS} DISABLE TRIGGER handrail_append_only")
    found = [(finding.name, finding.ok, finding.fix != "") for finding in checks.audit_log()]
    assert found == [("audit mark", False, True), ("audit sealing", False, True), ("audit guards", False, True)]


@pytest.mark.django_db
def test_check_of_an_untouched_log_finds_nothing(signer: Signing) -> None:
    sealed_events(3)
    keep_mark()
    assert [(finding.name, finding.ok, finding.fix) for finding in checks.audit_log()] == [
        ("audit mark", True, ""),
        ("audit guards", True, ""),
    ]


@pytest.mark.django_db
def test_metrics_show_what_an_outsider_can_keep(cut_log: int) -> None:
    event()
    refused()
    values = {metric.name: metric.values[""] for metric in metrics.read()}
    assert values["handrail_audit_log_size"] == 4
    assert values["handrail_audit_mark_size"] == cut_log
    assert values["handrail_audit_mark_mismatch"] == 1
    assert values["handrail_audit_sealing_stopped"] == 1


@pytest.mark.django_db
def test_export_carries_the_mark_also_where_sealing_has_stopped(cut_log: int, signer: Signing) -> None:
    from handrail.audit import exportcheck

    lines = list(export(by=SEALER, workspace_id=1, tenant_ids=None))
    with pytest.raises(Invalid, match=f"the log was cut: {cut_log} leaves were signed once, and it has 4"):
        exportcheck.check(lines, origin=signer.origin, keys=[signer.verifier()])


@pytest.mark.django_db
def test_rows_are_compared_window_by_window(signer: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "WINDOW", 3)
    monkeypatch.setattr(watch._Cursor, "at", 0)
    ids = sealed_events(8)
    with superuser(EVENTS):
        run(f"UPDATE {EVENTS} SET actor = 'x' WHERE id = %s", ids[7])
    for _ in range(2):
        assert seal_all(by=SEALER) == []
    assert f"audit.event {ids[7]} has changed" in refused().message


@pytest.mark.django_db
def test_earlier_marks_narrow_down_where_the_log_differs(signer: Signing) -> None:
    for _ in range(4):
        sealed_events(1)
        keep_mark()
    with superuser(EVENTS, LEAVES, NODES, CHECKPOINTS):
        run(f"UPDATE {EVENTS} SET actor = 'x' WHERE id = (SELECT row_id FROM {LEAVES} WHERE index = 2)")
        for table in (LEAVES, NODES, CHECKPOINTS):
            run(f"DELETE FROM {table}")
    with mark.use(MarkStore(mark.get().directory / "other")):  # and a sealer that asks nothing
        sealing.seal_batch(_announce(SEALER), whole=True, accepting=True)
    assert [d.index for d in verify().differences if d.kind.value == "root"] == [2]


def test_kept_sizes_are_thinned_out(tmp_path: Path) -> None:
    kept, count = MarkStore(tmp_path / "state"), rounds(300, 1000)
    for size in range(1, count + 1):
        kept.advance("note", size=size, root=bytes(32))
    sizes = [size for size, _ in kept.state().earlier]
    assert len(sizes) <= mark.EARLIER
    assert sizes[-1] == count
    assert sizes == sorted(sizes)


def test_mark_of_a_database_made_blank_is_forgotten(tmp_path: Path) -> None:
    kept = MarkStore(tmp_path / "state")
    kept.forget()
    kept.advance("note", size=1, root=bytes(32))
    kept.stop(SealingStop("now", "mark", "why"))
    kept.forget()
    assert (kept.read(), kept.state()) == (None, mark.SealingState())


def test_reason_for_stopping_is_not_lost_to_a_seal_that_ends_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, reading, go_on = MarkStore(tmp_path), Event(), Event()

    def slowly(of: MarkStore) -> None:
        reading.set()
        go_on.wait(10)

    monkeypatch.setattr(MarkStore, "read", slowly)  # a seal has read the state, and has not yet written it
    with ThreadPoolExecutor(2) as pool:
        seal = pool.submit(store.advance, "note", size=1, root=b"r" * 32)
        assert reading.wait(10)
        stop = pool.submit(store.stop, SealingStop("2026-11-26T10:00:00", "mark", "It was cut."))
        wait([stop], timeout=0.2)
        go_on.set()
        seal.result()
        stop.result()
    assert store.state().stopped is not None


def test_mark_is_never_an_older_seal_than_another_process_has_kept(tmp_path: Path) -> None:
    store = MarkStore(tmp_path)
    store.advance("note 20", size=20, root=b"b" * 32)
    store.advance("note 10", size=10, root=b"a" * 32)
    assert store.read() == "note 20"


def test_first_reason_for_stopping_is_kept(tmp_path: Path) -> None:
    kept = MarkStore(tmp_path / "state")
    kept.stop(SealingStop("then", "mark", "first"))
    kept.stop(SealingStop("now", "guard", "second"))
    stopped = kept.state().stopped
    assert stopped is not None
    assert stopped.message == "first"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stopped": 1, "earlier": [], "rows_from": 0}', '{"earlier": []}'])
def test_damaged_state_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / mark.STATE_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured, match="is damaged"):
        MarkStore(tmp_path).state()


def test_mark_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = MarkStore(tmp_path)
    kept.advance("one", size=1, root=bytes(32))

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Misconfigured, match="No space left on device"):
        kept.advance("two", size=2, root=bytes(32))
    assert kept.read() == "one"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [mark.MARK_FILE, mark.STATE_FILE]
