"""Follow-up runs while others act at the same moment: two are started, and the packet changes hands at an intent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event

import psycopg
import pytest
from django.db import connection, transaction

from handrail.access.actor import Actor
from handrail.connectors.operation import Operation, Performer
from handrail.connectors.outcome import Reading
from handrail.runbooks.actions import exceptions, follow_ups, handover, rereading
from handrail.runbooks.models import Checkpoint, ExceptionPacket, FollowUp, OperationRun
from tests.factories.changes import COPIED, PANEL, ending, senior, world
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import ODD, BoardConnector, SwitchBoard
from tests.integration.worker.test_closing_races import (
    GATE,
    PATIENCE_SECONDS,
    stop_before_inserting,
    threads,
    wait_for_waiting,
)

pytestmark = pytest.mark.requirement("R2-07")
FOLLOWED = PANEL.replace(COPIED, f"{COPIED[:-1]}, follow_up: [{{runbook: flip-switch, by: [senior-support]}}]}}")


@dataclass(frozen=True, slots=True)
class Taken:
    estate: Runs
    board: SwitchBoard
    packet: ExceptionPacket
    person: Actor
    connectors: dict[str, Performer]

    def start(self, number: int = 1) -> Callable[[], object]:
        given = {"ref": self.packet.ref, "runbook": "flip-switch", "by": self.person, "number": number}
        return lambda: follow_ups.start(**given)  # type: ignore[arg-type]

    def begun(self) -> OperationRun:
        self.start()()
        return OperationRun.objects.select_related("definition").get(follow_up__packet=self.packet)


@pytest.fixture
def taken(committed_db: str) -> Iterator[Taken]:
    """A packet of a stop behind a call, and the person who has it; the switch is off again."""
    with world(FOLLOWED) as (estate, board, connectors):
        board.script = [ODD]
        packet = ExceptionPacket.objects.get(run=estate.advance(estate.start()))
        board.switches["s1"]["state"] = "off"
        person = as_person(senior(estate), "senior@example.com", roles=frozenset({"senior-support"}))
        exceptions.take(ref=packet.ref, by=person)
        yield Taken(estate, board, packet, person, connectors)


@pytest.mark.parametrize(("numbers", "codes"), [((1, 1), {"done"}), ((1, 2), {"done", "follow-up-open"})])
def test_of_two_started_at_once_there_is_one(taken: Taken, numbers: tuple[int, int], codes: set[str]) -> None:
    go = Event()

    def slowly() -> None:
        with transaction.atomic():
            taken.start(numbers[0])()
            go.set()
            wait_for_waiting(1)

    with threads() as start:
        first = start(slowly)
        assert go.wait(PATIENCE_SECONDS)
        second = start(taken.start(numbers[1]))
        assert {first.result(PATIENCE_SECONDS), second.result(PATIENCE_SECONDS)} == codes
    assert FollowUp.objects.count() == 1
    assert OperationRun.objects.count() == 2


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_intent_waits_for_who_changes_the_packet_and_is_not_written_then(
    committed_db: str, taken: Taken, isolation: str
) -> None:
    with psycopg.connect(committed_db, autocommit=True) as admin:
        name = psycopg.sql.Identifier(connection.settings_dict["NAME"])
        set_so = psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = {}")
        admin.execute(set_so.format(name, psycopg.sql.Literal(isolation)))
    connection.close()
    run, calls = taken.begun(), len(taken.board.calls)
    changed = Event()

    def slowly() -> None:
        with transaction.atomic():
            packet = ExceptionPacket.objects.filter(pk=taken.packet.pk)
            packet.update(handling="open", taken_at=None, taken_by=None)
            changed.set()
            wait_for_waiting(1)

    with threads() as start:
        first = start(slowly)
        assert changed.wait(PATIENCE_SECONDS)
        second = start(lambda: taken.estate.advance(run))
        assert (first.result(PATIENCE_SECONDS), second.result(PATIENCE_SECONDS)) == ("done", "done")
    assert ending(run) == "follow-up-not-held"
    assert len(taken.board.calls) == calls


def test_who_hands_the_packet_back_waits_for_an_intent_that_was_first(taken: Taken) -> None:
    run = taken.begun()
    stop_before_inserting("runbooks_checkpoint")
    with threads() as start:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [GATE])
            first = start(lambda: taken.estate.advance(run))
            wait_for_waiting(1)
            second = start(lambda: handover.hand_back(ref=taken.packet.ref, note="Not mine.", by=taken.person))
            wait_for_waiting(2)
        assert (first.result(PATIENCE_SECONDS), second.result(PATIENCE_SECONDS)) == ("done", "done")
    intent = Checkpoint.objects.get(run=run, kind="intent")
    assert intent.at < taken.packet.notes.get(kind="handed-back").at
    run.refresh_from_db()
    assert run.state == "completed"  # what has begun is verified, and nothing was left to call


def test_no_transaction_is_open_while_sources_are_read(taken: Taken) -> None:
    open_meanwhile = []

    class Watches(BoardConnector):
        def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
            open_meanwhile.append(connection.in_atomic_block)
            return super().read(operation, deadline_seconds=deadline_seconds)

    taken.connectors["panel"] = Watches(taken.board, name="panel")
    rereading.read_again(ref=taken.packet.ref, by=taken.person)
    follow_ups.preview(ref=taken.packet.ref, runbook="flip-switch", by=taken.person)
    assert open_meanwhile == [False, False]
