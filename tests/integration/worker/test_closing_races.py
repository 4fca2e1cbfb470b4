"""A tenant is closed, or given another key, at the moment in which something begins for it: locks hold either order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
from django.db import connection, transaction

from handrail.access import actions, queries
from handrail.access.capabilities import Role
from handrail.access.models import Tenant
from handrail.kernel.errors import HandrailError
from handrail.packets.models import Revision
from handrail.runbooks.actions import runs
from handrail.runbooks.models import OperationRun
from handrail.support.actions import support_requests
from handrail.support.input import SupportRequestInput
from handrail.support.models import SupportRequest
from tests.factories.installation import Installation
from tests.factories.rows import member

PATIENCE_SECONDS = 20
GATE = 20_003
Act = Callable[[], object]


def a_run(house: Installation) -> Act:
    estate = house.runs
    task = estate.task()
    return lambda: runs.start(task=task, by=estate.worker)


def a_support_request(house: Installation) -> Act:
    by, given = queries.actor_for(member(house.workspace, Role.OPERATOR)), SupportRequestInput(summary="Help")
    return lambda: support_requests.submit(by=by, given=given, tenant=house.tenant.key, submission_key="form-000001")


def a_packet(house: Installation) -> Act:
    return house.packets.ask


BEGINNINGS: dict[str, tuple[Callable[[Installation], Act], type]] = {
    "run": (a_run, OperationRun),
    "support request": (a_support_request, SupportRequest),
    "packet": (a_packet, Revision),
}


def built(kind: str) -> Installation:
    return Installation(None, tenant="ten_a") if kind == "packet" else Installation()


def ended(act: Act) -> str:
    """The code of what ``act`` was refused with, or "done"."""
    try:
        act()
    except HandrailError as refused:
        return refused.code
    finally:
        connection.close()
    return "done"


def wait_for_waiting(count: int) -> None:
    """Until so many sessions of this database wait for a lock."""
    until = time.monotonic() + PATIENCE_SECONDS
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees what it saw before
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0] >= count:
                return
            assert time.monotonic() < until, "nobody waits"
            time.sleep(0.02)


@contextmanager
def threads() -> Iterator[Callable[[Act], Future[str]]]:
    with ThreadPoolExecutor(4) as pool:
        yield lambda act: pool.submit(ended, act)


def close(house: Installation) -> Act:
    return lambda: actions.close_tenant(
        key=house.tenant.key, reason="left", by=queries.command_line(house.workspace.slug)
    )


def rename(house: Installation) -> Act:
    by = queries.command_line(house.workspace.slug)
    return lambda: actions.rename_tenant(key=house.tenant.key, new_key="ten_new", by=by)


@pytest.mark.parametrize("kind", BEGINNINGS)
@pytest.mark.parametrize(("change", "code"), [(close, "tenant-closed"), (rename, "tenant-renamed")])
def test_beginning_that_comes_second_is_refused(
    committed_db: str, kind: str, change: Callable[[Installation], Act], code: str
) -> None:
    house = built(kind)
    make, rows = BEGINNINGS[kind]
    begin, act, changed, commit = make(house), change(house), Event(), Event()

    def slowly() -> None:
        with transaction.atomic():
            act()
            changed.set()
            assert commit.wait(PATIENCE_SECONDS)

    with threads() as start:
        first = start(slowly)
        assert changed.wait(PATIENCE_SECONDS)
        second = start(begin)
        wait_for_waiting(1)
        commit.set()
        assert (first.result(PATIENCE_SECONDS), second.result(PATIENCE_SECONDS)) == ("done", code)
    assert rows.objects.count() == 0  # type: ignore[attr-defined]


def stop_before_inserting(table: str) -> None:
    """From now on each insertion into ``table`` waits for the GATE right before its row is there, with all locks that
    it took on its way: a lock of the whole table would stop a statement that does more before it has done anything."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN PERFORM pg_advisory_xact_lock_shared({GATE}); RETURN NEW; END $$"
        )
        cursor.execute(
            f'CREATE TRIGGER wait_at_gate BEFORE INSERT ON "{table}" FOR EACH ROW EXECUTE FUNCTION wait_at_gate()'
        )


@pytest.mark.parametrize("kind", BEGINNINGS)
@pytest.mark.parametrize("change", [close, rename])
def test_change_that_comes_second_sees_what_has_begun(
    committed_db: str, kind: str, change: Callable[[Installation], Act]
) -> None:
    house = built(kind)
    make, rows = BEGINNINGS[kind]
    begin, act = make(house), change(house)
    table = rows._meta.db_table  # type: ignore[attr-defined]
    stop_before_inserting(table)
    with threads() as start:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [GATE])
            first = start(begin)
            wait_for_waiting(1)
            second = start(act)
            wait_for_waiting(2)
        began, code = first.result(PATIENCE_SECONDS), second.result(PATIENCE_SECONDS)
    assert began == "done"
    assert rows.objects.count() == 1  # type: ignore[attr-defined]
    # A support request is done as soon as it is there; runs and packets keep the tenant open, under their key.
    assert code == ("done" if kind == "support request" else "open-work")
    tenant = Tenant.objects.get(pk=house.tenant.pk)
    assert (tenant.closed_at is None, tenant.key == house.tenant.key) == (
        (True, True) if kind != "support request" else (change is rename, change is close)
    )


@pytest.mark.parametrize(("change", "code"), [(close, "tenant-closed"), (rename, "not-found")])
def test_run_whose_statement_waits_for_its_table_has_no_hold_of_the_tenant_yet(
    committed_db: str, change: Callable[[Installation], Act], code: str
) -> None:
    house = Installation()
    begin, act = a_run(house), change(house)
    with threads() as start:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE runbooks_operationrun IN SHARE MODE")
            first = start(begin)
            wait_for_waiting(1)
            assert start(act).result(PATIENCE_SECONDS) == "done"
        assert first.result(PATIENCE_SECONDS) == code
    assert not OperationRun.objects.exists()
