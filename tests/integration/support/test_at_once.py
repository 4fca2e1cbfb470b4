"""Many submissions at once, on transactions that really commit."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection

from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Conflict
from handrail.support.models import SupportRequest
from handrail.support.states import HandoffOutcome
from tests.factories.installation import Installation
from tests.factories.support import desk_at
from tests.factories.switches import RUNBOOK
from tests.unit.connectors.peers import Peer, answering, hear_then_hang, peer, response
from tests.unit.support.test_database import row

TIMES = 50
TICKET = response(201, b'{"key": "T-7"}')


def all_at_once(submit: Callable[[int], Any], times: int = TIMES) -> list[Any]:
    """What ``submit`` gives to each of ``times`` threads that begin together."""
    barrier = Barrier(times)

    def one(number: int) -> Any:
        barrier.wait(30)
        try:
            return submit(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def slowly(server: Peer, conn: socket.socket) -> None:
    """An answer that takes a while, so that the others find the first one under way."""
    server.hear(conn)
    time.sleep(0.5)
    conn.sendall(TICKET)


def test_submit_fifty_times_at_once_makes_one_row_and_one_call(committed_db: str) -> None:
    house = Installation.named("Acme", RUNBOOK).support
    with peer(slowly) as server, desk_at(server.url):
        given = {"mode": "create_external_ticket", "submission_key": "one-and-the-same"}
        answers = all_at_once(lambda _: house.submit(**given))
        assert len(server.requests) == 1
    assert SupportRequest.objects.count() == 1
    assert sum(not answer.repeated for answer in answers) == 1
    assert len({answer.handoff for answer in answers}) == 1
    assert answers[0].handoff.outcome is HandoffOutcome.CREATED
    events = AuditEvent.objects.filter(subject=answers[0].handoff.ref).values_list("event", flat=True)
    assert list(events.order_by("pk")) == ["support_request.created", "support_request.external_ticket_created"]


def test_submit_other_content_at_once_with_one_key_stores_one(committed_db: str) -> None:
    house = Installation.named("Acme", RUNBOOK).support

    def submit(number: int) -> str:
        try:
            return house.submit(summary=f"Words {number}", submission_key="one-and-the-same").handoff.ref
        except Conflict as conflict:
            return conflict.code

    answers = all_at_once(submit, 10)
    assert sorted(answers) == sorted([SupportRequest.objects.get().ref] + ["submission-key-reused"] * 9)


@pytest.mark.requirement("H-04")
def test_finalizing_at_once_succeeds_once(committed_db: str) -> None:
    """Past Handrail's own code: each thread writes straight into the database."""
    request = row(Installation.named("Acme", RUNBOOK).support)

    def write(number: int) -> bool:
        try:
            SupportRequest.objects.filter(pk=request.pk).update(external_ticket_reference=f"T-{number}")
        except IntegrityError:
            return False
        return True

    written = all_at_once(write, 10)
    assert written.count(True) == 1
    assert SupportRequest.objects.get().external_ticket_reference == f"T-{written.index(True)}"


@pytest.mark.requirement("H-46")
def test_submit_while_the_desk_hangs_holds_no_transaction_and_no_lock(committed_db: str) -> None:
    """The row is committed and readable by others, and nothing of the submission is open in the database."""
    house = Installation.named("Acme", RUNBOOK).support
    with peer(hear_then_hang) as server, desk_at(server.url, budget_seconds=1.5), ThreadPoolExecutor(1) as pool:
        pending = pool.submit(lambda: (house.submit(mode="create_external_ticket"), connection.close())[0])
        while not server.requests:
            time.sleep(0.01)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
            )
            assert cursor.fetchone() == (0,)
        assert SupportRequest.objects.get().external_ticket_reference is None
        assert pending.result(10).handoff.outcome is HandoffOutcome.UNKNOWN


def test_submit_more_than_there_are_slots_tells_the_rest_at_once(committed_db: str) -> None:
    house = Installation.named("Acme", RUNBOOK).support
    with peer(hear_then_hang) as server, desk_at(server.url, budget_seconds=1.0, at_once=3):
        answers = all_at_once(lambda _: house.submit(mode="create_external_ticket"), 8)
        assert len(server.requests) == 3
    came = sorted(answer.handoff.outcome for answer in answers)
    assert came == [HandoffOutcome.FAILED] * 5 + [HandoffOutcome.UNKNOWN] * 3
    assert SupportRequest.objects.filter(external_handoff_failure_summary=None).count() == 0


def test_repeats_beyond_those_that_may_wait_are_told_at_once_that_it_is_under_way(committed_db: str) -> None:
    house = Installation.named("Acme", RUNBOOK).support
    given = {"mode": "create_external_ticket", "submission_key": "one-and-the-same"}
    with peer(hear_then_hang) as server, desk_at(server.url, budget_seconds=3.0, repeats=2):
        answers = all_at_once(lambda _: house.submit(**given), 8)
        assert len(server.requests) == 1
    came = sorted(answer.handoff.outcome for answer in answers)
    assert came == [HandoffOutcome.UNKNOWN] * 3 + [HandoffOutcome.UNDER_WAY] * 5
    assert len({answer.handoff.ref for answer in answers}) == 1


def test_submit_different_requests_at_once_makes_one_ticket_each(committed_db: str) -> None:
    house = Installation.named("Acme", RUNBOOK).support
    with peer(answering(TICKET)) as server, desk_at(server.url):
        all_at_once(lambda number: house.submit(mode="create_external_ticket", summary=f"Words {number}"), 10)
        assert len(server.requests) == 10
    assert SupportRequest.objects.filter(external_ticket_reference="T-7").count() == 10
