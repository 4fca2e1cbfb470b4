"""A worker that stops in the middle of opening a circuit breaker: it keeps the connector's row from nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import connection

from handrail.audit.models import AuditEvent
from handrail.kernel.scope import entered
from handrail.runbooks.limits import gate, store
from handrail.runbooks.limits.circuit import CallVerdict, CircuitState
from handrail.runbooks.limits.verdicts import Heard
from tests.factories.installation import Installation
from tests.factories.limits import AT_ONCE, guarded
from tests.factories.switches import SwitchBoard


def test_worker_that_stops_while_it_opens_a_breaker_stops_nobody_else(
    committed_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, estate = SwitchBoard(), Installation().runs
    monkeypatch.setattr(store, "STALLED_AFTER", "200ms")
    stopped, goes_on, answers = threading.Event(), threading.Event(), []

    def stops(execute: Callable[..., object], sql: str, *more: object) -> object:
        if sql.startswith("INSERT") and AuditEvent._meta.db_table in sql:
            stopped.set()
            goes_on.wait(30)
        return execute(sql, *more)

    def opens(slot: gate.Slot) -> None:
        try:
            with entered(estate.worker.scope), connection.execute_wrapper(stops):
                answers.append(gate.leave(slot, Heard(CallVerdict.FAILS, why="status 503")))
        finally:
            connection.close()

    with guarded(board):
        slot = gate.enter("board", seconds=30, turn_wait=AT_ONCE)
        assert slot is not None
        thread = threading.Thread(target=opens, args=(slot,))
        thread.start()
        try:
            assert stopped.wait(20)
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '5s'")
            store.change("board", lambda state, now: (replace(state, turn_at=now), None))
        finally:
            goes_on.set()
            thread.join()
    assert answers == [None]  # the call's own answer is not lost with the slot
    assert store.known(["board"])["board"].state.circuit.state is CircuitState.CLOSED
    assert not AuditEvent.objects.filter(event="breaker.opened").exists()
