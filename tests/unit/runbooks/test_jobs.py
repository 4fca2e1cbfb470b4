"""Steps that start a job: polled until decided, and asked for by key when the answer was lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import MappingProxyType

import pytest

from handrail.connectors import registry
from handrail.connectors.finding import Finding
from handrail.connectors.jobs import LookUp, Poll, Start
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer, Failure, ReadFailed, Reading
from handrail.kernel.clock import after
from handrail.runbooks import evaluation, timing
from handrail.runbooks.models import Checkpoint, OperationRun
from handrail.runbooks.timing import Timing
from tests.factories.installation import Installation
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import RUNBOOK, BoardConnector, SwitchBoard

TEXT = (
    RUNBOOK.replace(
        'call: {connector: board, put: "/switches/{task.switch_id}", json: {state: "on"}}',
        'call: {connector: runner, start: flip, with: {switch: "{task.switch_id}"}}\n'
        "    poll: {every: 100ms, within: 300ms}",
    )
    .replace("answer: {status: string}", "answer: {id: string, status: string}")
    .replace(
        'succeeded: [{status: [200], when: answer.status == "done"}]',
        'succeeded: [{status: [200], when: answer.status == "done"}]\n'
        '      pending: [{status: [200, 202], when: answer.status == "running"}]',
    )
)
LOST = Answer(status=None, failure=Failure.TIMEOUT_AFTER_SEND)
ABSENT = Answer(status=404)


def job(status: str) -> Answer:
    return Answer(status=202 if status == "running" else 200, body={"id": "j1", "status": status})


@dataclass
class Runner:
    """A job runner at the connector's edge: each list is what the next start, poll or look-up is answered with."""

    board: SwitchBoard
    starts: list[Answer] = field(default_factory=list)
    polls: list[Answer] = field(default_factory=list)
    look_ups: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    name: str = "runner"
    kind: str = "jobs"
    deadline_seconds: float = 1.0

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        kinds = {Start: ("start", self.starts), Poll: ("poll", self.polls), LookUp: ("look-up", self.look_ups)}
        said, answers = kinds[type(operation)]
        self.asked.append(said)
        self.board.switches["s1"]["state"] = "on"
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
        raise ReadFailed("not asked here", retryable=False)

    def check(self) -> list[Finding]:
        return []


@pytest.fixture
def estate(db: None) -> Runs:
    return Installation(TEXT).runs


@pytest.fixture
def runner(estate: Runs) -> Iterator[Runner]:
    board = SwitchBoard()
    board.add("s1", owner=estate.tenant.key)
    world = Runner(board)
    both = {"runner": world, "board": BoardConnector(board)}
    with registry.use(registry.Registry(MappingProxyType(both))):
        yield world


def ending(run: OperationRun) -> str:
    packet = getattr(run, "exception_packet", None)
    return packet.reason if packet else run.state


def test_a_job_is_polled_until_it_is_done(estate: Runs, runner: Runner) -> None:
    runner.starts, runner.polls = [job("running")], [job("running"), job("done")]
    assert ending(estate.advance(estate.start())) == "completed"
    assert runner.asked == ["start", "poll", "poll"]


def test_a_job_that_stays_running_stops_when_the_window_is_over(estate: Runs, runner: Runner) -> None:
    runner.starts, runner.polls = [job("running")], [job("running")]
    assert ending(estate.advance(estate.start())) == "poll-window-over"


def test_a_poll_that_fails_is_asked_again(estate: Runs, runner: Runner) -> None:
    runner.starts, runner.polls = [job("running")], [LOST, job("done")]
    assert ending(estate.advance(estate.start())) == "completed"


def test_a_lost_answer_is_found_by_the_key_and_not_started_again(estate: Runs, runner: Runner) -> None:
    runner.starts, runner.look_ups = [LOST], [job("done")]
    run = estate.advance(estate.start())
    assert ending(run) == "completed"
    assert runner.asked == ["start", "look-up"]
    rows = list(Checkpoint.objects.filter(run=run).order_by("sequence"))
    assert [row.kind for row in rows][3:] == ["intent", "result", "reconciled", "result", "verified", "completed"]
    assert rows[5].detail == {"effect": "job-found"}
    assert rows[5].at == rows[6].at


def test_a_lost_answer_of_a_job_that_nobody_knows_is_started_again_with_the_same_key(
    estate: Runs, runner: Runner
) -> None:
    runner.starts, runner.look_ups = [LOST, job("done")], [ABSENT]
    run = estate.advance(estate.start())
    assert ending(run) == "completed"
    assert runner.asked == ["start", "look-up", "start"]


def test_a_runner_that_can_not_be_asked_is_asked_again_later(estate: Runs, runner: Runner) -> None:
    runner.starts, runner.look_ups = [LOST], [Answer(status=503)]
    run = estate.advance(estate.start())
    assert run.state == "invoking"
    assert run.due_at is not None


@pytest.mark.parametrize("busy", [Answer(status=503), Answer(status=429)])
def test_a_poll_that_is_turned_away_for_now_is_asked_again_and_nothing_is_started_anew(
    estate: Runs, runner: Runner, busy: Answer
) -> None:
    runner.starts, runner.polls = [job("running")], [busy, job("done")]
    run = estate.advance(estate.start(budget=0))
    assert ending(run) == "completed"
    assert runner.asked == ["start", "poll", "poll"]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_poll_that_is_refused_leaves_the_accepted_action_undecided(estate: Runs, runner: Runner, status: int) -> None:
    runner.starts, runner.polls = [job("running")], [Answer(status=status)]
    run = estate.advance(estate.start())
    assert (run.exception_packet.cause, runner.asked) == ("ambiguous-result", ["start", "poll"])
    assert run.exception_packet.attempts[-1]["why"] == f"polling: status {status}"


@pytest.mark.requirement("R2-20")
@pytest.mark.parametrize(("found", "then"), [("running", "completed"), ("gone", "ambiguous-result")])
def test_a_job_that_was_found_by_its_key_goes_on_from_what_it_says(
    estate: Runs, runner: Runner, found: str, then: str
) -> None:
    known = Answer(status=200, body={"id": "j1", "status": found})
    runner.starts, runner.look_ups, runner.polls = [LOST], [known], [job("done")]
    run = estate.advance(estate.start())
    assert ending(run) == then
    assert runner.asked == ["start", "look-up", *(["poll"] if found == "running" else [])]
    recovery = evaluation.evaluate(as_person(estate.worker)).total.recovery
    assert (recovery.unknown_outcomes, recovery.reconciled, recovery.effect_present) == (1, 1, 1)


@pytest.mark.requirement("R2-15")
@pytest.mark.parametrize("status", [401, 403, 202])
def test_a_look_up_that_is_refused_proves_nothing(estate: Runs, runner: Runner, status: int) -> None:
    runner.starts, runner.look_ups = [LOST], [Answer(status=status)]
    run = estate.advance(estate.start())
    assert (run.exception_packet.cause, runner.asked) == ("outcome-unknown", ["start", "look-up"])


def test_a_long_poll_is_given_back_and_leaves_the_thread_to_others(runner: Runner) -> None:
    estate = Installation(TEXT.replace("within: 300ms", "within: 30m"), workspace="patient", tenant="ten_patient").runs
    runner.board.add("s1", owner=estate.tenant.key)
    runner.starts, runner.polls = [job("running")], [job("running")]
    run = estate.advance(estate.start())
    assert run.state == "invoking"
    assert 1 < runner.asked.count("poll") <= Timing().in_process_wait_seconds / 0.1 + 1
    assert run.due_at is not None
    assert run.failures == 0


def test_a_run_that_waited_long_for_its_subject_is_woken_for_its_short_waits_too(estate: Runs, runner: Runner) -> None:
    runner.starts, runner.look_ups = [LOST], [Answer(status=503)]
    first, second = estate.start("TASK-1"), estate.start("TASK-2")
    OperationRun.objects.filter(pk=first.pk).update(state="checking")
    assert estate.advance(second).state == "received"
    OperationRun.objects.filter(pk=first.pk).update(state="cancelled", finished_at=first.created_at, due_at=None)
    OperationRun.objects.filter(pk=second.pk).update(due_at=second.created_at)
    assert estate.advance(second).state == "invoking"
    assert second.due_at is not None
    assert second.due_at < after(timing.get().subject_busy_seconds / 2)
