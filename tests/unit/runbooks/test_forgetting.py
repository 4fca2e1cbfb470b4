"""What of a run is forgotten, when, what keeps it, and what remains."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection

from handrail.access import queries as access
from handrail.access import subjects
from handrail.access.models import LegalHold
from handrail.access.subjects import ForgetReason, SubjectKeysUnavailable
from handrail.audit import signing, verification
from handrail.audit.actions import seal_all
from handrail.audit.models import AuditEvent
from handrail.kernel.clock import now
from handrail.runbooks import metrics
from handrail.runbooks.actions import exceptions, forgetting
from handrail.runbooks.models import ExceptionPacket, OperationRun, Report
from handrail.runbooks.queries import exceptions as exception_queries
from handrail.runbooks.queries import runs as queries
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.log import superuser
from tests.factories.runs import Runs
from tests.factories.switches import RUNBOOK, SwitchBoard, connected

SWITCH = "unmistakable-switch"
KEEPING = RUNBOOK.replace("tenant: task.tenant_id", "keep: 30d\ntenant: task.tenant_id", 1)


@pytest.fixture
def estate(db: None) -> Runs:
    return Installation(KEEPING).runs


@pytest.fixture
def board(estate: Runs) -> Iterator[SwitchBoard]:
    world = SwitchBoard()
    world.add(SWITCH, owner=estate.tenant.key)
    world.add("bad", owner="ten_other")
    with connected(world):
        yield world


def aged(run: OperationRun, *, days: int, at: datetime | None = None) -> OperationRun:
    """``run`` as if it had ended, and had been reported, so many days ago."""
    Report.objects.filter(run=run).update(due_at=None)
    with superuser("runbooks_operationrun"):
        OperationRun.objects.filter(pk=run.pk).update(finished_at=(at or now()) - timedelta(days=days))
    run.refresh_from_db()
    return run


def completed(estate: Runs, *, days: int) -> OperationRun:
    run = estate.advance(estate.start(switch=SWITCH))
    assert run.state == "completed"
    return aged(run, days=days)


def forget() -> int:
    subjects.forget_cached()
    done = forgetting.forget_due(name="worker")
    subjects.forget_cached()
    return done


def everything() -> str:
    """Every row of every table about runs, as text."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'runbooks_%%'")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} t")
            found += [row for (row,) in cursor.fetchall()]
    return "\n".join(found)


def auditor(estate: Runs) -> Any:
    return access.actor_for(rows.member(estate.workspace, "senior-support"))


def test_nothing_is_forgotten_before_its_time(estate: Runs, board: SwitchBoard) -> None:
    run = completed(estate, days=29)
    assert forget() == 0
    assert run.task["switch_id"] == SWITCH


def test_values_are_nowhere_in_the_tables(estate: Runs, board: SwitchBoard) -> None:
    completed(estate, days=31)
    assert SWITCH in everything()
    assert forget() == 1
    assert SWITCH not in everything()


def test_run_says_when_and_why(estate: Runs, board: SwitchBoard) -> None:
    run = completed(estate, days=31)
    assert queries.get_run(auditor(estate), run.ref).erased is None
    forget()
    found = queries.get_run(auditor(estate), run.ref)
    assert found.erased is not None
    assert (found.erased.at.date(), found.erased.reason) == (now().date(), "retention")
    assert found.fields["switch_id"] == "erased"
    assert found.summary.subject == f"erased {run.ref}"


def test_runbook_without_it_keeps_runs_for_ever(db: None) -> None:
    estate, world = Installation().runs, SwitchBoard()
    world.add(SWITCH, owner=estate.tenant.key)
    with connected(world):
        completed(estate, days=36_000)
        assert forget() == 0


def test_it_is_recorded_once(estate: Runs, board: SwitchBoard) -> None:
    run = completed(estate, days=31)
    assert (forget(), forget()) == (1, 0)
    [event] = AuditEvent.objects.filter(event="run.forgotten")
    assert (event.subject, event.context["reason"]) == (run.ref, "retention")
    [metric] = [one for one in metrics.read() if one.name == "handrail_runs_erased"]
    assert list(metric.values.values()) == [1]


def test_worker_killed_between_key_and_record_leaves_it_to_the_next(estate: Runs, board: SwitchBoard) -> None:
    run = completed(estate, days=31)
    subjects.destroy(run.tenant_id, record=run.ref, reason=ForgetReason.RETENTION, at=now())
    assert forget() == 1
    assert AuditEvent.objects.filter(event="run.forgotten", subject=run.ref).count() == 1


def test_store_that_is_away_leaves_nothing_recorded(
    estate: Runs, board: SwitchBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = completed(estate, days=31)

    def away(*_: Any) -> None:
        raise SubjectKeysUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(subjects.store(), "replace", away)
        with pytest.raises(SubjectKeysUnavailable):
            forget()
    run.refresh_from_db()
    assert run.subject == SWITCH
    assert forget() == 1


def test_legal_hold_stops_it(estate: Runs, board: SwitchBoard) -> None:
    run = completed(estate, days=31)
    hold = LegalHold.objects.create(
        ref="HLD-1", workspace=estate.workspace, tenant_id=run.tenant_id, at=now(), by="cy", reason="A court asked."
    )
    assert forget() == 0
    LegalHold.objects.filter(pk=hold.pk).update(
        lifted_at=now(), lifted_by="ben", lift_asked_at=now(), lift_asked_by="cy", lift_reason="It is over."
    )
    assert forget() == 1


def test_outcome_that_is_on_its_way_keeps_it(estate: Runs, board: SwitchBoard) -> None:
    run = completed(estate, days=31)
    Report.objects.filter(run=run).update(due_at=now())
    assert forget() == 0


def test_run_of_the_same_subject_under_way_keeps_it(estate: Runs, board: SwitchBoard) -> None:
    completed(estate, days=31)
    other = estate.start("TASK-2", SWITCH)
    assert forget() == 0
    aged(estate.advance(other), days=0)
    assert forget() == 1


def test_run_that_begins_while_the_key_goes_is_not_overtaken(
    estate: Runs, board: SwitchBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, destroy = completed(estate, days=31), subjects.destroy

    def meanwhile(*given: Any, **named: Any) -> Any:
        estate.start("TASK-2", SWITCH)
        return destroy(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(subjects, "destroy", meanwhile)
        assert forget() == 0
    run.refresh_from_db()
    assert (run.subject, run.turn) == (SWITCH, 1)


def test_exception_packet_keeps_its_run_until_it_was_resolved_as_long_ago(estate: Runs, board: SwitchBoard) -> None:
    run = aged(estate.advance(estate.start(switch="bad")), days=31)
    packet, by = run.exception_packet, auditor(estate)
    assert forget() == 0
    exceptions.take(ref=packet.ref, by=by)
    exceptions.resolve(ref=packet.ref, note="unmistakable note", outcome="not-needed", by=by)
    aged(run, days=31)
    assert forget() == 0
    with superuser("runbooks_exceptionpacket"):
        ExceptionPacket.objects.filter(pk=packet.pk).update(resolved_at=now() - timedelta(days=31))
    assert forget() == 1
    found = exception_queries.get_exception(by, packet.ref)
    assert found.erased is not None
    assert found.note.startswith("erased on ")


def test_log_that_sealed_it_stays_whole(estate: Runs, board: SwitchBoard) -> None:
    with signing.use(signing.Signing("example.com/log", Ed25519PrivateKey.generate())):
        completed(estate, days=31)
        sealer = access.worker("worker", 0)
        seal_all(by=sealer)
        forget()
        seal_all(by=sealer)
        found = verification.verify()
    assert (found.whole, found.unsealed) == (True, 0)
