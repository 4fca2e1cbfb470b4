"""Rows that wait to be sealed and can't be what they call themselves are named, and nothing is signed over them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import DatabaseError, transaction

from handrail.access import evidence
from handrail.access import queries as access
from handrail.audit import actions, guards, queries, sealing, store, structure, watch
from handrail.audit.actions import accept, seal, seal_all
from handrail.audit.arrivals import LATE
from handrail.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf, AuditNode
from handrail.audit.signing import Signing
from handrail.audit.verification import verify
from handrail.audit.watch import SealRefused
from handrail.cli import checks
from handrail.kernel.clock import now
from tests.factories.installation import Installation
from tests.factories.log import event, keep_mark, old_event, run, sealed_events, superuser
from tests.factories.support import unfinished

EVENTS, LEAVES, NODES, CHECKPOINTS = "audit_auditevent", "audit_auditleaf", "audit_auditnode", "audit_auditcheckpoint"
SEALER = access.worker("worker-1", 0)
FAR = datetime(2099, 1, 1, tzinfo=UTC)
INSERT = (
    "INSERT INTO audit_auditevent (at, actor_kind, actor, event, outcome, subject_kind, subject, context)"
    " VALUES (%s, 'worker', 'w', 'run.received', 'done', 'run', 'r', '{}') RETURNING id"
)
TRIGGER = "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$"


def refused() -> SealRefused:
    before = AuditCheckpoint.objects.count()
    with pytest.raises(SealRefused) as caught:
        seal_all(by=SEALER)
    assert AuditCheckpoint.objects.count() == before
    return caught.value


def differences() -> list[tuple[str, int | None]]:
    return [(d.kind.value, d.row_id) for d in verify().differences]


def in_log() -> list[str]:
    return [finding.message for finding in queries.inspect() if finding.subject == "log"]


@pytest.mark.parametrize("age", [LATE * 2, timedelta(days=365)])
def test_row_put_into_the_past_is_named_and_not_sealed(committed_db: str, signer: Signing, age: timedelta) -> None:
    sealed_events(3)
    put_in = old_event(now() - age)
    assert differences() == [("extra", put_in)]
    assert [f"audit.event {put_in} calls itself older" in message for message in in_log()] == [True]
    stopped = refused()
    assert (stopped.lasting, stopped.difference.source, stopped.difference.row_id) == (True, "audit.event", put_in)
    assert "older than a seal that left nothing out" in str(watch.stopped())


def test_decision_put_into_the_past_is_named_and_not_sealed(committed_db: str, signer: Signing) -> None:
    sealed_events(3)
    at = now() - timedelta(days=2)
    run(
        "INSERT INTO access_workspace (id, slug, name, created_at) VALUES (77, 'w', 'w', now())",
    )
    with transaction.atomic():
        run("ALTER TABLE packets_vote DISABLE TRIGGER ALL")
        run(
            "INSERT INTO packets_vote (at, kind, user_id, name, manifest_digest, reason, revision_id, tenant_id,"
            " workspace_id) VALUES (%s, 'approve', 1, 'x', 'sha256:x', '', 1, 1, 77)",
            at,
        )
        run("ALTER TABLE packets_vote ENABLE TRIGGER ALL")
        run("ALTER TABLE packets_vote ENABLE ALWAYS TRIGGER handrail_append_only")
    assert [(d.kind.value, d.source) for d in verify().differences] == [("extra", "packets.vote")]
    assert refused().difference.source == "packets.vote"


def test_row_of_a_transaction_that_was_open_at_the_seal_is_sealed(committed_db: str, signer: Signing) -> None:
    """However long it lasts: its number is lower than that of the seal."""
    with psycopg.connect(committed_db) as slow:
        slow.execute(INSERT, [now() - LATE * 3])
        sealed_events(2)
        slow.commit()
    assert [sealed.rows for sealed in seal_all(by=SEALER)] == [2]


def test_old_row_of_a_source_that_the_seal_did_not_know_is_sealed(
    committed_db: str, signer: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an upgrade to a version that seals more."""
    tenant = Installation().runs.tenant
    with monkeypatch.context() as before:
        before.setattr("handrail.audit.actions.SOURCES", 1)
        sealed_events(2)
    at = now() - timedelta(days=7)
    unfinished(tenant, created_at=at, updated_at=at, handoff_deadline_at=at)
    assert len(seal_all(by=SEALER)) == 1
    assert verify().whole


def test_row_a_little_late_is_sealed(committed_db: str, signer: Signing) -> None:
    """Clocks of honest machines differ."""
    sealed_events(2)
    old_event(now() - LATE / 2)
    assert [sealed.rows for sealed in seal_all(by=SEALER)] == [2]
    assert verify().whole


def test_row_of_an_incomplete_backlog_is_sealed(
    committed_db: str, signer: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH", 2)
    for days in range(5, 0, -1):
        old_event(now() - timedelta(days=days))
    assert len(seal_all(by=SEALER)) == 3
    assert verify().whole


@pytest.mark.parametrize("at", [FAR, "infinity"])
def test_row_of_the_future_is_named_and_not_sealed(committed_db: str, signer: Signing, at: object) -> None:
    sealed_events(2)
    with psycopg.connect(committed_db, autocommit=True) as owner:
        found = owner.execute(INSERT, [at]).fetchone()
    assert found is not None
    assert differences() == [("extra", found[0])]
    assert ["calls itself later than it was there" in message for message in in_log()] == [True]
    assert refused().difference.row_id == found[0]


def test_row_of_a_clock_a_little_ahead_is_sealed(committed_db: str, signer: Signing) -> None:
    old_event(now() + LATE / 2)
    seal_all(by=SEALER)
    assert verify().whole


def test_row_of_the_future_that_was_accepted_stays_named(committed_db: str, signer: Signing) -> None:
    sealed_events(2)
    put_in = old_event(FAR)
    refused()
    accept(reason="The clock of a web server was wrong.", by=SEALER)
    assert differences() == [("extra", put_in)]
    sealed_events(2)
    assert differences() == [("extra", put_in)]


def test_rows_that_were_accepted_are_all_sealed(
    committed_db: str, signer: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed_events(2)
    put_in = {old_event(now() - timedelta(days=2)) for _ in range(5)}
    refused()
    monkeypatch.setattr(sealing, "BATCH", 2)
    accept(reason="An import.", by=SEALER)
    assert put_in <= set(AuditLeaf.objects.values_list("row_id", flat=True))
    event()
    seal_all(by=SEALER)


def test_event_of_a_seal_that_none_wrote_is_named_and_not_sealed(committed_db: str, signer: Signing) -> None:
    """It would make all that honestly comes later look late."""
    sealed_events(2)
    put_in = old_event(now(), event="audit.sealed", context={"complete": True, "rows": 1, "sources": 2})
    assert differences() == [("extra", put_in)]
    assert "no seal wrote it" in refused().message


def test_row_with_a_negative_id_is_sealed(committed_db: str, signer: Signing) -> None:
    """Else it could be changed for ever, and be complete all the same."""
    old_event(now(), id=-5)
    seal_all(by=SEALER)
    assert ("audit.event", -5) in AuditLeaf.objects.values_list("source", "row_id")


@pytest.mark.parametrize(
    ("minutes", "side"), [(45, "45 minutes ahead of"), (-45, "45 minutes behind"), (20, None), (-20, None)]
)
def test_machine_whose_clock_is_wrong_does_not_seal(
    committed_db: str, signer: Signing, monkeypatch: pytest.MonkeyPatch, minutes: int, side: str | None
) -> None:
    event()
    with monkeypatch.context() as wrong:
        wrong.setattr(watch, "now", lambda: now() + timedelta(minutes=minutes))
        if side is None:
            seal_all(by=SEALER)
            return
        stopped = refused()
        assert f"The clock of this machine is {side} the database's" in stopped.message
        assert not stopped.lasting
    assert len(seal_all(by=SEALER)) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("at = '2099-01-01Z'", "is of 2099-01-01T00:00:00+00:00, its event of another time"),
        ("at = at - interval '1 second'", "its event of another time"),
        ("complete = NOT complete", "says that something was left out, its event says the opposite"),
    ],
)
@pytest.mark.django_db
def test_checkpoint_that_contradicts_its_event_is_named_and_nothing_sealed(
    signer: Signing, change: str, words: str
) -> None:
    sealed_events(3)
    with superuser(CHECKPOINTS):
        run(f"UPDATE {CHECKPOINTS} SET {change}")
    found = verify().differences
    assert [(d.kind.value, d.index) for d in found] == [("checkpoint", 4)]
    assert words in found[0].message
    assert [words in message for message in in_log()] == [True]
    event()
    assert words in refused().message


@pytest.mark.django_db
def test_older_checkpoint_that_contradicts_its_event_is_named(signer: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sealer reads the newest complete one also where another is newer."""
    sealed_events(3)
    event()
    seal(by=SEALER, whole=None)
    assert list(AuditCheckpoint.objects.order_by("size").values_list("complete", flat=True)) == [True, False]
    with superuser(CHECKPOINTS):
        run(f"UPDATE {CHECKPOINTS} SET at = '2099-01-01Z' WHERE size = 4")
    assert [(d.kind.value, d.index) for d in verify().differences] == [("checkpoint", 4)]
    event()
    assert "over 4 leaves" in refused().message


@pytest.mark.django_db
def test_checkpoint_that_was_accepted_stops_nothing(signer: Signing) -> None:
    sealed_events(3)
    with superuser(CHECKPOINTS):
        run(f"UPDATE {CHECKPOINTS} SET at = '2099-01-01Z'")
    assert len(list(watch._seals(3))) == 1
    assert list(watch._seals(4)) == []


@pytest.mark.django_db
def test_checkpoint_of_the_future_does_not_keep_the_sealer_from_looking_everywhere(signer: Signing) -> None:
    sealed_events(2)
    assert sealing._due() is False
    with superuser(CHECKPOINTS):
        run(f"UPDATE {CHECKPOINTS} SET at = '2099-01-01Z'")
    assert sealing._due() is True


@pytest.mark.django_db
def test_checkpoint_that_was_taken_out_of_the_middle_is_named(signer: Signing) -> None:
    for _ in range(3):
        sealed_events(1)
    with superuser(CHECKPOINTS):
        run(f"DELETE FROM {CHECKPOINTS} WHERE size = 4")
    assert [(d.kind.value, d.index) for d in verify().differences] == [("checkpoint", 3)]


@pytest.mark.django_db
def test_checkpoint_that_ends_with_another_row_is_named(signer: Signing) -> None:
    from handrail.audit.checkpoint import LogCheckpoint, sign

    sealed_events(5)
    root = store.frontier(4).root()
    text = sign(LogCheckpoint(signer.origin, 4, root), signer.key)
    AuditCheckpoint.objects.create(size=4, root=root, text=text, at=now(), complete=True)
    assert ["doesn't end with the event of its seal" in d.message for d in verify().differences] == [True]


@pytest.mark.parametrize("table", [LEAVES, NODES, CHECKPOINTS])
@pytest.mark.parametrize("body", ["RETURN NULL;", "NEW.id := -NEW.id; RETURN NULL;"])
@pytest.mark.django_db
def test_log_table_that_drops_rows_is_a_sentence(
    signer: Signing, monkeypatch: pytest.MonkeyPatch, table: str, body: str
) -> None:
    """Also where the trigger came after the look at the guards."""
    sealed_events(1)
    event()
    run(TRIGGER.format(body))
    run(f"CREATE TRIGGER quiet BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION quiet()")
    assert f"The trigger quiet on {table} is not one of the migrations" in refused().message
    monkeypatch.setattr(guards, "differences", list)
    assert "The database did not keep" in refused().message


@pytest.mark.parametrize(
    ("table", "change"),
    [
        (LEAVES, "NEW.leaf_hash := sha256('x')"),
        (LEAVES, "NEW.row_id := NEW.row_id + 1000"),
        (NODES, "NEW.hash := sha256('x')"),
        (CHECKPOINTS, "NEW.root := sha256('x')"),
        (CHECKPOINTS, "NEW.complete := NOT NEW.complete"),
        (CHECKPOINTS, "NEW.at := NEW.at - interval '1 day'"),
        (CHECKPOINTS, "NEW.text := 'x'"),
        (CHECKPOINTS, "NEW.size := NEW.size + 1"),
    ],
)
@pytest.mark.django_db
def test_log_table_that_changes_rows_is_a_sentence(
    signer: Signing, monkeypatch: pytest.MonkeyPatch, table: str, change: str
) -> None:
    sealed_events(1)
    event()
    event()
    run(TRIGGER.format(f"{change}; RETURN NEW;"))
    run(f"CREATE TRIGGER quiet BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION quiet()")
    monkeypatch.setattr(guards, "differences", list)
    assert "The database did not keep" in refused().message


@pytest.mark.django_db
def test_event_that_the_database_drops_is_a_sentence_for_every_door(signer: Signing) -> None:
    sealed_events(1)
    event()
    run(TRIGGER.format("RETURN NULL;"))
    run(f"CREATE TRIGGER quiet BEFORE INSERT ON {EVENTS} FOR EACH ROW EXECUTE FUNCTION quiet()")
    with pytest.raises(DatabaseError, match="The database dropped an audit event"), transaction.atomic():
        event()
    assert "The trigger quiet on audit_auditevent is not one of the migrations" in refused().message
    with pytest.raises(SealRefused, match="The trigger quiet"):
        accept_cut()


def accept_cut() -> None:
    keep_mark()
    with superuser(CHECKPOINTS):
        run(f"DELETE FROM {CHECKPOINTS}")
    accept(reason="A restore.", by=SEALER)


def test_planted_subtree_is_no_traceback_when_the_log_is_accepted(committed_db: str, signer: Signing) -> None:
    sealed_events(5)
    run(f"INSERT INTO {NODES} (level, index, hash) VALUES (1, 3, sha256('x'))")
    event()
    refused()
    with pytest.raises(SealRefused, match=r"it was put in\. Remove it first, as the owner of the tables: docs/guides"):
        accept(reason="Looked into.", by=SEALER)
    assert AuditEvent.objects.filter(event="audit.log_accepted").count() == 0
    with superuser(NODES):
        run(f"DELETE FROM {NODES} WHERE (index + 1) << level > (SELECT max(index) + 1 FROM {LEAVES})")
    accept(reason="Looked into, and removed.", by=SEALER)
    assert verify().whole


def test_leaf_that_was_put_in_at_the_end_is_no_traceback(committed_db: str, signer: Signing) -> None:
    sealed_events(2)
    waiting = event()
    run(f"INSERT INTO {LEAVES} (index, source, row_id, leaf_hash) VALUES (9, 'audit.event', 999999, sha256('x'))")
    refused()
    with pytest.raises(SealRefused, match="Leaves or subtrees of the log are missing"):
        accept(reason="Looked into.", by=SEALER)
    assert not AuditLeaf.objects.filter(row_id=waiting.pk).exists()


def test_checkpoint_that_was_put_in_over_more_leaves_is_no_traceback(committed_db: str, signer: Signing) -> None:
    """With it in place the next look would take the log for one that was cut."""
    sealed_events(2)
    event()
    AuditCheckpoint.objects.create(size=999, root=bytes(32), text="x", at=now(), complete=True)
    refused()
    with pytest.raises(SealRefused, match="did not keep the checkpoint over 7 leaves"):
        accept(reason="Looked into.", by=SEALER)


def test_sequence_that_was_set_back_is_a_sentence(committed_db: str, signer: Signing) -> None:
    sealed_events(3)
    run(f"SELECT setval(pg_get_serial_sequence('{NODES}', 'id'), 1)")
    for _ in range(3):
        event()
    assert "The database did not keep the subtree" in refused().message
    assert AuditNode.objects.count() == 3


def test_check_names_what_the_next_seal_stops_at(committed_db: str, signer: Signing) -> None:
    sealed_events(2)
    old_event(now() - timedelta(days=1))
    found = {finding.name: (finding.ok, finding.fix) for finding in checks.audit_log()}
    assert found["audit log"] == (False, checks.FIX_AUDIT)
    assert [one.subject for one in evidence.inspect() if not one.ok] == ["log"]
    actions.keep_sealed(by=SEALER, batches=1)
    assert watch.stopped() is not None


class Clock:
    """The clock of the database's machine and all others, set back and forth."""

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self._patched = patched

    def set(self, offset: timedelta) -> None:
        for module in (actions, sealing, watch):
            self._patched.setattr(module, "now", lambda: now() + offset)
        run("CREATE SCHEMA IF NOT EXISTS shifted")
        run("GRANT USAGE ON SCHEMA shifted TO PUBLIC")
        run(
            "CREATE OR REPLACE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
            f"$$ SELECT pg_catalog.clock_timestamp() + interval '{offset.total_seconds()} s' $$"
        )
        run("SET search_path = shifted, pg_catalog, public")


@pytest.fixture
def clock(committed_db: str, monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(structure, "lookalikes", lambda: iter(()))  # it names the clock of this test
    return Clock(monkeypatch)


def test_work_goes_on_after_a_clock_was_set_back(signer: Signing, clock: Clock) -> None:
    clock.set(timedelta(hours=2))
    sealed_events(2)
    clock.set(timedelta(0))
    sealed_events(2)  # they call themselves two hours older than a seal that left nothing out
    assert verify().whole
    event()
    assert (verify().whole, in_log()) == (True, [])
    for hours in (1, 2, 3):
        clock.set(timedelta(hours=hours))
        sealed_events(2)
        assert verify().whole


def test_rows_from_before_a_clock_was_set_back_wait_until_their_time(signer: Signing, clock: Clock) -> None:
    clock.set(timedelta(hours=2))
    sealed_events(2)
    early = event().pk
    clock.set(timedelta(0))
    event()
    stopped = refused()
    assert (stopped.lasting, stopped.difference.row_id, watch.stopped()) == (False, early, None)
    clock.set(timedelta(hours=1, minutes=1))
    event()
    assert len(seal_all(by=SEALER)) == 1
    assert verify().whole


def test_row_put_into_the_past_is_named_also_after_a_clock_was_set_back(signer: Signing, clock: Clock) -> None:
    clock.set(timedelta(hours=2))
    sealed_events(2)
    clock.set(timedelta(0))
    sealed_events(2)
    put_in = old_event(now() - LATE * 2)
    assert differences() == [("extra", put_in)]
    assert refused().lasting
    accept(reason="Looked into.", by=SEALER)
    assert differences() == [("extra", put_in)]
