"""A database whose transactions are REPEATABLE READ from the start: who loses at a connector's row tries again."""

from __future__ import annotations

import threading
from dataclasses import replace

import psycopg
import pytest
from django.db import connection

from handrail.runbooks.actions import runs, waves
from handrail.runbooks.limits import store
from handrail.runbooks.models import OperationRun
from handrail.runbooks.wavemodels import Wave
from tests.factories.installation import Installation
from tests.factories.limits import guarded
from tests.factories.switches import SwitchBoard
from tests.unit.runbooks.waves.test_carrying import BY_EVENT

MANY, EACH = 4, 10


@pytest.fixture
def strict(committed_db: str) -> str:
    with psycopg.connect(committed_db, autocommit=True) as admin:
        name = psycopg.sql.Identifier(connection.settings_dict["NAME"])
        admin.execute(
            psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'repeatable read'").format(name)
        )
    connection.close()
    return committed_db


def test_callers_that_meet_at_a_connectors_row_all_get_through(strict: str) -> None:
    Installation().runs.start("TASK-1", "s1")
    failed: list[BaseException] = []

    def counts() -> None:
        try:
            for _ in range(EACH):
                store.change("board", lambda state, _: (replace(state, turn_at=state.turn_at + 1), None))
                store.count_refused("board")
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
            failed.append(error)
        finally:
            connection.close()

    with guarded(SwitchBoard()):
        threads = [threading.Thread(target=counts) for _ in range(MANY)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
    known = store.known(["board"])["board"]
    assert (known.state.turn_at, known.refused) == (MANY * EACH, MANY * EACH)


def test_workers_that_meet_at_a_wave_let_no_more_begin_than_its_canary(strict: str) -> None:
    estate = Installation(BY_EVENT).runs
    for number in range(8):
        runs.start(task=estate.task(f"T-{number}", f"s{number}", event="drift"), by=estate.worker)
    wave, failed = Wave.objects.get(), []
    together = threading.Barrier(MANY)

    def settles() -> None:
        try:
            together.wait(30)
            for _ in range(EACH):
                waves.settle(wave=wave.ref, by=estate.worker)
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=settles) for _ in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert OperationRun.objects.filter(wave=wave, wave_round__isnull=False).count() == 2
