"""A commit that waits too long, and a connection that ends between a call and what is written of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from django.db import connection

from handrail.audit.models import AuditEvent
from handrail.connectors import registry
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer
from handrail.kernel.clock import now
from handrail.runbooks import task_system, timing
from handrail.runbooks.actions import advancing, claims
from handrail.runbooks.engine import advance, holder
from handrail.runbooks.engine.position import Phase
from handrail.runbooks.models import Checkpoint, OperationRun, Report
from handrail.runbooks.timing import Timing
from handrail.work.lease import Claim
from tests.factories.changes import kinds
from tests.factories.installation import Installation
from tests.factories.postgres_gate import gate
from tests.factories.runs import Runs
from tests.factories.switches import RUNBOOK, BoardConnector, SwitchBoard, Turn, connected
from tests.factories.task_queue import SYSTEM, Queue
from tests.integration.worker.processes import wait_until

# A target that takes every call for a new one: an unknown outcome of it can only be left to a person.
REPEATS = RUNBOOK.replace("deduplicates: true", "deduplicates: false").replace("{status: [503]}, ", "")
SOON_OVER = Timing(intent_margin_seconds=0.3, result_margin_seconds=0.1)


@pytest.fixture
def board() -> SwitchBoard:
    return SwitchBoard()


@pytest.fixture
def estate(committed_db: str, board: SwitchBoard) -> Iterator[Runs]:
    estate = Installation(REPEATS).runs
    board.add("s1", owner=estate.tenant.key)
    with connected(board):
        yield estate


class Died(BaseException):
    """Stands for the end of the process: nothing after it runs."""


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Nobody can add to a ledger until an intent that waits for that has been waiting for longer than it has."""
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE runbooks_checkpoint IN SHARE MODE")
        thread = threading.Thread(target=_release, args=(url, holder))
        thread.start()
        try:
            yield
        finally:
            thread.join()


def _release(url: str, holder: psycopg.Connection) -> None:
    overdue = """
        SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                       AND query_start < clock_timestamp() - interval '1 second')"""
    with psycopg.connect(url, autocommit=True) as watching:
        for _ in range(400):
            if watching.execute(overdue).fetchone() == (True,):
                break
            threading.Event().wait(0.05)
    holder.rollback()


def results(run: OperationRun) -> list[str]:
    rows = Checkpoint.objects.filter(run=run, kind__in=("result", "unknown")).order_by("sequence")
    return [str(row.detail["class"]) for row in rows]


@pytest.mark.requirement("R2-05")
def test_intent_whose_commit_waited_for_longer_than_it_has_is_made_again(
    committed_db: str, estate: Runs, board: SwitchBoard
) -> None:
    run = estate.start()
    with timing.use(SOON_OVER), locked(committed_db):
        estate.advance(run)
    assert (run.state, results(run), len(board.calls)) == ("completed", ["not-sent", "succeeded"], 1)


@pytest.mark.requirement("R2-05")
def test_call_that_the_intents_commit_has_left_little_time_is_not_begun(committed_db: str, estate: Runs) -> None:
    """It would likely end without an answer, and its outcome would be unknown although nothing was lost."""
    board = SwitchBoard()
    board.add("s1", owner=estate.tenant.key)
    slow = BoardConnector(board, deadline_seconds=1.0)
    run = estate.start()
    with (
        registry.use(registry.Registry(MappingProxyType({"board": slow}))),
        timing.use(SOON_OVER),
        locked(committed_db),
    ):
        estate.advance(run)
    assert (run.state, results(run), len(board.calls)) == ("completed", ["not-sent", "succeeded"], 1)


@pytest.mark.requirement("R2-05")
def test_intent_that_was_late_already_is_never_taken_for_a_lost_workers_call(
    committed_db: str, estate: Runs, board: SwitchBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> advance.Next:
        raise Died

    run = estate.start()
    monkeypatch.setitem(advance.MOVES, Phase.IN_FLIGHT, die)
    with timing.use(SOON_OVER), locked(committed_db), suppress(Died):
        estate.advance(run)
    assert kinds(run)[-1] == "intent"
    monkeypatch.undo()
    estate.advance(run)
    assert (run.state, results(run), len(board.calls)) == ("completed", ["not-sent", "succeeded"], 1)


def ends_its_connection(url: str, pid: Callable[[], int]) -> Callable[[SwitchBoard, str], None]:
    def end(_: SwitchBoard, __: str) -> None:
        with psycopg.connect(url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid()])

    return end


@pytest.mark.requirement("R2-05")
@pytest.mark.parametrize("answer", [Turn(), Turn(effect=False)])
def test_answer_is_written_over_a_new_connection_where_the_old_one_ended_during_the_call(
    committed_db: str, estate: Runs, board: SwitchBoard, answer: Turn
) -> None:
    ended = []

    def pid() -> int:
        ended.append(connection.connection.info.backend_pid)
        return ended[-1]

    board.script = [replace(answer, also=ends_its_connection(committed_db, pid))]
    run = estate.advance(estate.start())
    assert (results(run), len(board.calls), len(ended)) == (["succeeded"], 1, 1)
    assert run.state == ("completed" if answer.effect else "exception")
    assert "unknown" not in kinds(run)


@pytest.mark.requirement("R2-05")
def test_answer_is_written_over_a_new_connection_where_the_old_ones_server_takes_no_writes_any_more(
    committed_db: str, estate: Runs, board: SwitchBoard
) -> None:
    def demote(_: SwitchBoard, __: str) -> None:
        connection.cursor().execute("SET default_transaction_read_only = on")

    board.script = [Turn(also=demote)]
    run = estate.advance(estate.start())
    assert (run.state, results(run), len(board.calls)) == ("completed", ["succeeded"], 1)


@pytest.mark.requirement("R2-05")
def test_intent_is_acted_on_though_the_connection_ends_while_the_time_is_asked(
    committed_db: str, estate: Runs, board: SwitchBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the intent, as if writing it had been slow."""
    monkeypatch.setattr(holder, "UNSURE_SECONDS", 0.0)
    asked: list[str] = []

    def ends(execute: Callable[..., object], sql: str, *more: object) -> object:
        if sql == "SELECT clock_timestamp()" and not asked:
            asked.append(sql)
            connection.connection.close()
        return execute(sql, *more)

    run = estate.start()
    with connection.execute_wrapper(ends):
        estate.advance(run)
    assert (run.state, kinds(run).count("unknown"), len(board.calls)) == ("completed", 0, 1)
    assert asked


def claimed_by_another(_: SwitchBoard, __: str) -> None:
    """The lease ends while the call is under way, as after an outage, and another worker is about to look."""
    OperationRun.objects.update(due_at=now())
    assert claims.claim_run(OperationRun.objects.get().pk) is not None


@pytest.mark.requirement("R2-05")
def test_answer_counts_without_the_lease_while_nobody_has_written_anything_else(
    committed_db: str, estate: Runs, board: SwitchBoard
) -> None:
    board.script = [Turn(also=claimed_by_another)]
    run = estate.advance(estate.start())
    assert (run.state, results(run), len(board.calls)) == ("completed", ["succeeded"], 1)


@contextmanager
def losing(url: str, *messages: bytes) -> Iterator[list[bytes]]:
    """This thread's connection loses the answer to the first message that contains the first of ``messages``, then the
    next; the list holds those that are left."""
    lost = list(messages)
    before = dict(connection.settings_dict)
    [directory] = parse_qs(urlsplit(url).query)["host"]
    with gate("127.0.0.1", directory, lost=lost) as port:
        connection.close()
        connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": port}
        try:
            yield lost
        finally:
            connection.close()
            connection.settings_dict |= before


@pytest.mark.requirement("R2-05")
@pytest.mark.parametrize("kind", ["intent", "result", "completed"])
def test_commit_whose_answer_was_lost_is_not_made_twice(
    committed_db: str, estate: Runs, board: SwitchBoard, kind: str
) -> None:
    run = estate.start()
    with losing(committed_db, f'"kind": "{kind}"'.encode()) as left:
        estate.advance(run)
        assert left == []
    assert kinds(run) == ["received", "claimed", "checked", "intent", "result", "verified", "completed"]
    assert (run.state, len(board.calls)) == ("completed", 1)


class Ending(Queue):
    """A task system during whose answer the caller's connection to the database ends."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        ends_its_connection(self.url, lambda: connection.connection.info.backend_pid)(SwitchBoard(), "")
        return super().call(operation)


@pytest.mark.requirement("R2-05")
@pytest.mark.parametrize(("answer", "state"), [(200, "run.reported"), (410, "run.report_refused"), (503, "")])
def test_answer_of_the_task_system_is_written_over_a_new_connection(
    committed_db: str, estate: Runs, board: SwitchBoard, answer: int, state: str
) -> None:
    """Or it would be told again."""
    run, queue = estate.advance(estate.start()), Ending(committed_db)
    queue.answer = Answer(status=answer)
    queues = registry.Registry(MappingProxyType({"queue": queue}))
    with registry.use(queues), task_system.use(SYSTEM):
        estate.report(run)
    report = Report.objects.get(run=run)
    assert (len(queue.told), report.delivered_at is not None) == (1, answer == 200)
    assert AuditEvent.objects.filter(event__startswith="run.report").count() == (1 if state else 0)
    assert report.failure == ("" if answer == 200 else report.failure)
    assert (report.due_at is not None) == (answer == 503)


@pytest.mark.requirement("R2-05")
def test_outcome_whose_record_was_committed_without_an_answer_is_recorded_once(
    committed_db: str, estate: Runs, board: SwitchBoard
) -> None:
    run, queue = estate.advance(estate.start()), Queue()
    with (
        registry.use(registry.Registry(MappingProxyType({"queue": queue}))),
        task_system.use(SYSTEM),
        losing(committed_db, b"SET delivered_at") as left,
    ):
        estate.report(run)
        assert left == []
    assert len(queue.told) == AuditEvent.objects.filter(event="run.reported").count() == 1
    assert Report.objects.get(run=run).delivered_at is not None


@contextmanager
def stalling_commits(url: str) -> Iterator[None]:
    """A commit that adds an intent takes longer than the intent has, though its statement was in time."""
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("""
            CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_sleep(extract(epoch FROM NEW.deadline_at - clock_timestamp()) + 0.2);
                RETURN NULL;
            END $$""")
        other.execute("""
            CREATE CONSTRAINT TRIGGER stalls AFTER INSERT ON runbooks_checkpoint DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN (NEW.kind = 'intent' AND NEW.sequence < 6) EXECUTE FUNCTION stall()""")
        yield


@pytest.mark.requirement("R2-05", "R2-20")
def test_worker_that_finds_an_intent_overdue_gives_its_writer_time_to_say_what_became_of_it(
    estate: Runs, board: SwitchBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call came back at the last moment, and its writer is about to write that when the other one comes."""
    run, called, goes_on = estate.start(), threading.Event(), threading.Event()

    def takes_long(*_: object) -> None:
        called.set()
        goes_on.wait(10)

    def writes() -> None:
        estate.advance(OperationRun.objects.get(pk=run.pk))
        connection.close()

    def waits(_: float) -> None:
        goes_on.set()
        writer.join(30)

    board.script = [Turn(also=takes_long)]
    writer = threading.Thread(target=writes)
    with timing.use(SOON_OVER):
        writer.start()
        assert called.wait(30)
        monkeypatch.setattr(advance, "time", SimpleNamespace(sleep=waits))
        found: list[Claim] = []
        wait_until(
            lambda: bool(found) or bool(found.extend(filter(None, [claims.claim_run(run.pk)]))), seconds=30, what="due"
        )
        advancing.advance(claim=found[0], by=estate.worker)
        writer.join(30)
    run.refresh_from_db()
    assert (run.state, results(run), len(board.calls)) == ("completed", ["succeeded"], 1)
    assert "unknown" not in kinds(run)


@pytest.mark.requirement("R2-05")
def test_intent_whose_commit_waited_behind_its_statement_is_not_taken_for_a_lost_workers_call(
    committed_db: str, estate: Runs, board: SwitchBoard
) -> None:
    """Another worker claims the run the moment that it can: before the writer has written what it knows."""
    run, ended = estate.start(), threading.Event()

    def claims_at_once() -> None:
        while not ended.is_set():
            if (claim := claims.claim_run(run.pk)) is not None:
                advancing.advance(claim=claim, by=estate.worker)
            ended.wait(0.002)
        connection.close()

    with timing.use(SOON_OVER), stalling_commits(committed_db):
        claim = claims.claim_run(run.pk)
        assert claim is not None
        other = threading.Thread(target=claims_at_once)
        other.start()
        advancing.advance(claim=claim, by=estate.worker)
        wait_until(
            lambda: not OperationRun.objects.filter(pk=run.pk, finished_at=None).exists(), seconds=30, what="end"
        )
        ended.set()
        other.join()
    run.refresh_from_db()
    assert (run.state, results(run), len(board.calls)) == ("completed", ["not-sent", "succeeded"], 1)
