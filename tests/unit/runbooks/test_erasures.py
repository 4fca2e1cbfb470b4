"""Erasing a tenant: two people, what is in the way, what is forgotten, and what goes on where somebody was killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from handrail.access import closing, erasures, forgetting, kept_erasures, queries, subjects
from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.access.models import Tenant
from handrail.audit import signing
from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Conflict, Denied, Invalid, Misconfigured
from handrail.runbooks.models import OperationRun, Report
from tests.factories import rows
from tests.factories.runs import Runs
from tests.factories.switches import SwitchBoard

pytestmark = pytest.mark.django_db
KEY, SWITCH = "ten_one", "unmistakable-switch"


class Killed(BaseException):
    """What a process that is killed never catches."""


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    with kept_erasures.configured.use(tmp_path / "kept-erasures") as path:
        assert path is not None
        yield path


@pytest.fixture
def house(estate: Runs, board: SwitchBoard, kept: Path) -> Runs:
    """A tenant with a run that has completed and was reported."""
    board.add(SWITCH, owner=KEY)
    run = estate.advance(estate.start(switch=SWITCH))
    assert run.state == "completed"
    Report.objects.update(due_at=None, delivered_at="2026-01-01T00:00:00Z")
    return estate


def somebody(house: Runs, role: Role = Role.GOVERNANCE_OWNER) -> Actor:
    return queries.actor_for(rows.member(house.workspace, role))


def asked(house: Runs) -> str:
    return erasures.ask(key=KEY, reason="The contract ended.", by=somebody(house))


def dumped() -> str:
    """Every row of every table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = []
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM \"{table}\" t")
            found.append(cursor.fetchone()[0])
    return "\n".join(found)


@pytest.mark.requirement("R2-23")
def test_an_erasure_takes_two_people(house: Runs) -> None:
    by = somebody(house)
    ref = erasures.ask(key=KEY, reason="The contract ended.", by=by)
    with pytest.raises(Conflict) as caught:
        erasures.confirm(ref=ref, by=by)
    assert caught.value.code == "another-person"
    assert not kept_erasures.entries()
    assert erasures.confirm(ref=ref, by=somebody(house)).state == "finished"


def test_values_are_in_no_row_afterwards(house: Runs) -> None:
    assert KEY in dumped()
    erasures.confirm(ref=asked(house), by=somebody(house))
    after = dumped()
    for value in (KEY, "One Ltd", SWITCH):
        assert value not in after, value


def test_the_certificate_says_what_was_forgotten_and_names_nobody(house: Runs) -> None:
    done = erasures.confirm(ref=asked(house), by=somebody(house))
    stated = json.loads(signing.open_text(done.envelope, signing.get().accepted()))
    assert stated == json.loads(done.certificate)
    assert stated["keys"]["destroyed"] >= 1
    assert "runbooks_checkpoint.detail" in [one["column"] for one in stated["forgotten"]]
    assert "access_tenant.name" in stated["overwritten"]
    assert KEY not in done.certificate
    assert "One Ltd" not in done.certificate


def test_a_changed_certificate_is_not_taken_for_one(house: Runs) -> None:
    done = erasures.confirm(ref=asked(house), by=somebody(house))
    with pytest.raises(Invalid):
        signing.open_text(done.envelope.replace("TEN-", "TEN-9"), signing.get().accepted())


def test_a_preview_counts_and_forgets_nothing(house: Runs) -> None:
    before = dumped()
    seen = erasures.preview(somebody(house), KEY)
    assert ("runbooks_operationrun", "task", 1, 0) in [(c.table, c.column, c.sealed, c.clear) for c in seen.forgotten]
    assert seen.in_the_way == ()
    assert {"packages at vendors", "backups"} <= {one.what for one in seen.stays}
    assert dumped().count(SWITCH) == before.count(SWITCH)
    assert OperationRun.objects.get().task["switch_id"] == SWITCH


def test_rows_in_clear_from_before_are_counted_as_what_stays(house: Runs) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO runbooks_checkpoint (workspace_id, tenant_id, run_id, sequence, kind, step, idempotency_key,"
            " worker, at, detail) SELECT workspace_id, tenant_id, id, 99, 'result', '', '', 'w', now(),"
            ' \'{"answer": {"a": 1}}\' FROM runbooks_operationrun'
        )
    stays = {one.what: one for one in erasures.preview(somebody(house), KEY).stays}
    assert stays["runbooks_checkpoint.detail"].rows == 1
    assert stays["runbooks_checkpoint.detail"].why == forgetting.CLEAR_BEFORE


def test_work_under_way_is_named_and_has_to_end_first(house: Runs) -> None:
    ref = asked(house)
    with closing.open_work.use(lambda _: ("2 runs",)):
        assert "2 runs" in erasures.preview(somebody(house), KEY).in_the_way[0]
        with pytest.raises(Conflict) as caught:
            erasures.confirm(ref=ref, by=somebody(house))
    assert caught.value.code == "open-work"
    assert "2 runs" in caught.value.message


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.ESCALATION_OWNER])
def test_other_roles_neither_ask_nor_confirm(house: Runs, role: Role) -> None:
    ref = asked(house)
    with pytest.raises(Denied):
        erasures.preview(somebody(house, role), KEY)
    with pytest.raises(Denied):
        erasures.confirm(ref=ref, by=somebody(house, role))


def test_no_process_asks_or_confirms(house: Runs) -> None:
    ref = asked(house)
    with pytest.raises(Denied) as caught:
        erasures.ask(key=KEY, reason="x", by=queries.command_line(house.workspace.slug))
    assert caught.value.code == "not-a-person"
    with pytest.raises(Denied):
        erasures.confirm(ref=ref, by=house.worker)


def test_a_reason_that_names_the_tenant_is_refused(house: Runs) -> None:
    with pytest.raises(Invalid):
        erasures.ask(key=KEY, reason="one ltd has left", by=somebody(house))


def test_what_was_withdrawn_is_not_confirmed(house: Runs) -> None:
    ref = asked(house)
    erasures.withdraw(ref=ref, by=somebody(house))
    with pytest.raises(Conflict) as caught:
        erasures.confirm(ref=ref, by=somebody(house))
    assert caught.value.code == "withdrawn"
    assert SWITCH in json.dumps(OperationRun.objects.get().task)


def test_an_erased_tenant_is_not_reopened(house: Runs) -> None:
    done = erasures.confirm(ref=asked(house), by=somebody(house))
    with pytest.raises(Conflict) as caught:
        closing.reopen_tenant(key=done.tenant, by=somebody(house, Role.WORKSPACE_ADMINISTRATOR))
    assert caught.value.code == "erased"


STEPS = ("kept_erasures.add", "forgetting.destroy_keys", "forgetting.overwrite", "forgetting.signed")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_who_is_killed_at_a_step_leaves_the_rest_to_the_next(
    house: Runs, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    ref = asked(house)
    module, _, name = step.partition(".")
    place = {"kept_erasures": kept_erasures, "forgetting": forgetting}[module]
    real = getattr(place, name)

    def killed(*args: Any, **kwargs: Any) -> Any:
        if after:
            real(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(place, name, killed)
        with pytest.raises(Killed):
            erasures.confirm(ref=ref, by=somebody(house))
    assert erasures.unfinished(house.workspace.pk) == [ref]
    assert erasures.proceed(ref, by=house.worker)
    assert not erasures.proceed(ref, by=house.worker)
    assert SWITCH not in dumped()
    assert len(kept_erasures.entries()) == 1
    assert AuditEvent.objects.filter(event="erasure.finished").count() == 1


def test_keys_that_came_back_are_destroyed_before_anything_is_served(house: Runs) -> None:
    """An old copy of the store and an old backup, both from before the erasure."""
    name = next(one for one in subjects.keys(house.tenant.pk) if subjects.destroyed(one) is None)
    record = subjects.store().read(name)
    assert record is not None
    task = OperationRun.objects.values("task").get()
    erasures.confirm(ref=asked(house), by=somebody(house))
    subjects.store().replace(name, record)
    subjects.forget_cached()
    Tenant.objects.update(key=KEY, name="One Ltd")
    applied = kept_erasures.apply(by=queries.operator())
    assert (applied.keys, len(applied.tenants)) == (1, 1)
    assert SWITCH not in json.dumps(OperationRun.objects.get().task)
    assert SWITCH in json.dumps(task["task"])
    assert Tenant.objects.get().name == forgetting.ERASED
    assert AuditEvent.objects.filter(event="erasure.applied").count() == 1
    assert kept_erasures.apply(by=queries.operator()) == kept_erasures.Applied(0, ())


def test_a_list_that_was_changed_is_refused(house: Runs, kept: Path) -> None:
    erasures.confirm(ref=asked(house), by=somebody(house))
    kept.write_text(kept.read_text().replace("ERA-", "ERB-"))
    with pytest.raises(Misconfigured) as caught:
        kept_erasures.apply(by=queries.operator())
    assert "line 1" in caught.value.message


def test_a_list_of_another_database_forgets_nobody(house: Runs) -> None:
    erasures.confirm(ref=asked(house), by=somebody(house))
    Tenant.objects.update(key=KEY, name="Another Ltd", created_at="2020-01-01T00:00:00Z")
    assert kept_erasures.apply(by=queries.operator()) == kept_erasures.Applied(0, ())
    assert Tenant.objects.get().name == "Another Ltd"
