"""A report ends: delivered, refused, impossible, or after its window. It is never repeated without an end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now

from handrail.audit.models import AuditEvent
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer
from handrail.kernel.clock import now
from handrail.runbooks import metrics, task_system, timing
from handrail.runbooks.actions import claims, reports, runs
from handrail.runbooks.delegated import IncomingTask
from handrail.runbooks.models import OperationRun, Report
from handrail.runbooks.queries import runs as queries
from tests.factories.runs import Runs
from tests.factories.task_queue import SYSTEM, Queue
from tests.lanes import rounds


def pass_time(span: timedelta) -> None:
    """As if ``span`` had gone by."""
    for name in ("due_at", "tried_until"):
        Report.objects.filter(**{f"{name}__isnull": False}).update(**{name: F(name) - span})


def work(estate: Runs, *, sweeps: int, every: timedelta) -> int:
    """How many attempts workers make in so many rounds: that of whoever ended the run, and then what is claimed."""
    taken = 0
    for report in Report.objects.filter(attempts=1, failure="", due_at__gt=now()):
        estate.report(report.run)
        taken += 1
    for _ in range(sweeps):
        for claim in claims.claim_reports(10):
            reports.deliver(claim=claim, by=estate.worker)
            taken += 1
        pass_time(every)
    return taken


def ended(estate: Runs, key: str = "T1") -> OperationRun:
    return estate.advance(estate.start(key))


def stopped_metric() -> object:
    return next(metric.values for metric in metrics.read() if metric.name == "handrail_reports_stopped")


def received_before_the_check(estate: Runs, key: str) -> OperationRun:
    """A run whose key an earlier version took."""
    task = IncomingTask("T1", "flip-switch", 1, {"tenant_id": estate.tenant.key, "switch_id": "s1"})
    object.__setattr__(task, "key", key)
    ref = runs.start(task=task, by=estate.worker).ref
    return estate.advance(OperationRun.objects.get(ref=ref))


@pytest.mark.parametrize("key", ["..", ".", "a/../b", "%2e%2e", "\x01", " "])
def test_report_of_a_key_from_before_the_check_ends_with_its_reason(estate: Runs, queue: Queue, key: str) -> None:
    run = received_before_the_check(estate, key)
    assert work(estate, sweeps=200, every=timedelta(seconds=5)) == 1
    report = Report.objects.get()
    assert (report.attempts, report.due_at, report.delivered_at) == (1, None, None)
    assert "can't stand in the path" in report.failure
    event = AuditEvent.objects.get(event="run.report_stopped")
    assert event.context == {"code": "refused-path", "attempts": 1}
    shown = queries.get_run(estate.worker, run.ref).report
    assert shown is not None
    assert shown.refused
    assert (queue.told, stopped_metric()) == ([], {"": 1})


@pytest.mark.parametrize(
    "fault",
    [
        {"connector": "gone"},
        {"outcome_path": "/" + "x" * 2001 + "{task}"},
        {"outcome_path": "{task}"},
        {"outcome_path": "/a b/{task}"},
    ],
    ids=["no-connector", "too-long", "no-slash", "space"],
)
def test_fault_of_the_configuration_ends_a_report_until_it_is_redelivered(
    estate: Runs, queue: Queue, fault: dict[str, str]
) -> None:
    run = ended(estate)
    with task_system.use(dataclasses.replace(SYSTEM, **fault)):
        assert work(estate, sweeps=300, every=timedelta(seconds=5)) == 1
    assert Report.objects.get().attempts == 1
    reports.repeat(ref=run.ref, by=estate.worker)
    assert work(estate, sweeps=3, every=timedelta(seconds=5)) == 1
    assert Report.objects.get().delivered_at is not None
    assert (len(queue.told), stopped_metric()) == (1, {"": 0})


@pytest.mark.parametrize("how", ["status", "error"])
def test_report_to_a_task_system_that_never_answers_gets_rarer_and_ends(
    estate: Runs, queue: Queue, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "status":
        queue.answer = Answer(status=503)
    else:
        monkeypatch.setattr(queue, "call", failing(queue))
    hours = rounds(6, 24)
    with timing.use(dataclasses.replace(timing.get(), report_window_seconds=hours * 3600)):
        run = ended(estate)
        taken = work(estate, sweeps=hours * 25, every=timedelta(minutes=2.5))
    report = Report.objects.get()
    assert report.attempts == taken == len(queue.told)
    assert hours * 10.4 < taken < hours * 13.4  # every five minutes, once it has become rare
    assert (report.due_at, report.delivered_at) == (None, None)
    assert f"in {taken} attempts" in report.failure
    assert AuditEvent.objects.get(event="run.report_stopped").context["code"] == "report-given-up"
    assert queries.get_run(estate.worker, run.ref).report.refused  # type: ignore[union-attr]


def failing(queue: Queue) -> Callable[..., Answer]:
    def call(operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        queue.told.append(operation)  # type: ignore[arg-type]
        raise ArithmeticError

    return call


def test_attempt_is_counted_also_where_its_worker_dies_in_the_call(estate: Runs, queue: Queue) -> None:
    run = ended(estate)

    class Killed(BaseException):
        pass

    def die(_: object, *, deadline_seconds: float | None = None) -> Answer:
        raise Killed

    queue.call = die  # type: ignore[method-assign,assignment]
    for attempts in (1, 2, 3):
        with pytest.raises(Killed):
            estate.report(run)
        report = Report.objects.get()
        assert report.attempts == attempts
        assert report.due_at is not None
        assert report.due_at > now()
        assert claims.claim_reports(9) == []
        Report.objects.update(due_at=Now())


def test_report_whose_workers_die_in_the_call_ends_with_its_window(estate: Runs, queue: Queue) -> None:

    def die(_: object, *, deadline_seconds: float | None = None) -> Answer:
        raise SystemExit

    queue.call = die  # type: ignore[method-assign,assignment]
    died = 0
    with timing.use(dataclasses.replace(timing.get(), report_window_seconds=86_400)):
        run = ended(estate)
        while Report.objects.filter(due_at__isnull=False).exists() and died < 2000:
            try:
                estate.report(run)
            except SystemExit:
                died += 1
            pass_time(timedelta(minutes=6))
    report = Report.objects.get()
    assert report.attempts == died
    assert 230 < died < 250  # a day, every six minutes
    assert (report.due_at, report.delivered_at) == (None, None)
    assert AuditEvent.objects.get(event="run.report_stopped").context["code"] == "report-given-up"


def test_task_system_that_asks_for_a_pause_of_years_gets_a_day(estate: Runs, queue: Queue) -> None:
    run = ended(estate)
    queue.answer = Answer(status=503, retry_after_seconds=1e9)
    until = estate.report(run)
    assert until is not None
    assert until - now() <= timedelta(days=1)


def test_report_can_be_tried_more_often_than_a_small_number_holds(estate: Runs, queue: Queue) -> None:
    run = ended(estate)
    Report.objects.update(attempts=40_000)
    queue.answer = Answer(status=503)
    assert estate.report(run) is not None
    assert Report.objects.get().attempts == 40_001


def test_outcome_in_a_workspace_without_a_task_system_waits_untried_until_it_has_one(
    estate: Runs, queue: Queue
) -> None:
    with task_system.use(dataclasses.replace(SYSTEM, workspace="elsewhere")):
        run = ended(estate)
        estate.report(run)
        report = Report.objects.get()
        assert (report.attempts, report.tried_until, queue.told) == (0, None, [])
        assert report.due_at is not None
        pass_time(timedelta(days=365))
        assert claims.claim_reports(10) == []
    (claim,) = claims.claim_reports(10)
    reports.deliver(claim=claim, by=estate.worker)
    assert Report.objects.get().delivered_at is not None
    assert len(queue.told) == 1
