"""Tasks from the task system: pulled page by page, refused once where they can't become a run."""

from __future__ import annotations

import dataclasses

import pytest
from django.db.models.functions import Now

from handrail.audit.models import AuditEvent
from handrail.connectors.outcome import Answer, Failure
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, Invalid, Misconfigured
from handrail.runbooks import outgoing, task_system
from handrail.runbooks.actions import claims, pulling, reports, tasks
from handrail.runbooks.models import OperationRun, Report, TaskRefusal
from handrail.runbooks.queries import refusals as refusal_queries
from handrail.runbooks.queries import runs as queries
from tests.factories.runs import Runs, born
from tests.factories.switches import SwitchBoard
from tests.factories.task_queue import SYSTEM, Queue, item


@pytest.mark.requirement("R2-01")
def test_pull_starts_every_task_of_every_page(estate: Runs, queue: Queue) -> None:
    queue.pages = {
        "/tasks": {"items": [item(estate, "T1")], "next": "/tasks?page=2"},
        "/tasks?page=2": {"items": [item(estate, "T2")], "next": None},
    }
    received = pulling.pull(by=estate.worker)
    assert [(r.task, r.outcome) for r in received] == [("T1", "started"), ("T2", "started")]


def test_pull_again_starts_nothing(estate: Runs, queue: Queue) -> None:
    queue.pages["/tasks"] = {"items": [item(estate, "T1")]}
    pulling.pull(by=estate.worker)
    assert [r.outcome for r in pulling.pull(by=estate.worker)] == ["duplicate"]
    assert OperationRun.objects.count() == 1


@pytest.mark.requirement("R2-02")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"payload": {"tenant_id": "ten_one"}}, "task"),
        ({"runbook": "no-such"}, "not-found"),
        ({"version": "one"}, "task-malformed"),
        ({"version": True}, "task-malformed"),
        ({"id": "x" * 129}, "task-malformed"),
        ({"payload": None}, "task-malformed"),
    ],
)
def test_receive_refuses_and_writes_down_why_once(
    estate: Runs, queue: Queue, change: dict[str, object], code: str
) -> None:
    wrong = item(estate, "T1") | change
    for _ in range(2):
        received = tasks.receive(item=wrong, by=estate.worker)
        assert received.outcome == "refused"
    assert TaskRefusal.objects.get().code == received.code
    assert AuditEvent.objects.filter(event="task.refused").count() == 1
    assert received.code == code


def test_refused_tasks_are_for_those_who_are_entitled_to_all_tenants(estate: Runs, queue: Queue) -> None:
    tasks.receive(item=item(estate, "T1") | {"version": 0}, by=estate.worker)
    one = dataclasses.replace(estate.worker, tenant_ids=frozenset({estate.tenant.pk}))
    elsewhere = dataclasses.replace(estate.worker, workspace_id=0)
    blind = dataclasses.replace(estate.worker, capabilities=frozenset())
    assert [(r.task, r.code) for r in refusal_queries.list_refusals(estate.worker)] == [("T1", "task-malformed")]
    assert [refusal_queries.list_refusals(actor) for actor in (one, elsewhere)] == [[], []]
    assert refusal_queries.list_refusals(estate.worker, since=now()) == []
    with pytest.raises(Denied):
        refusal_queries.list_refusals(blind)


def test_receive_a_changed_task_is_refused(estate: Runs, queue: Queue) -> None:
    tasks.receive(item=item(estate, "T1"), by=estate.worker)
    received = tasks.receive(item=item(estate, "T1", budget=2), by=estate.worker)
    assert (received.outcome, received.code) == ("refused", "task-changed")


def test_pull_of_what_is_no_list_says_so(estate: Runs, queue: Queue) -> None:
    queue.pages["/tasks"] = {"items": "none"}
    with pytest.raises(Invalid, match="list"):
        pulling.pull(by=estate.worker)


def test_pull_without_a_task_system_says_what_to_add(estate: Runs) -> None:
    with task_system.use(None), pytest.raises(Misconfigured, match=r"add \[tasks\]"):
        pulling.pull(by=estate.worker)


@pytest.mark.requirement("R2-09")
def test_deliver_tells_the_task_system_once(estate: Runs, queue: Queue) -> None:
    run = estate.advance(estate.start("T/1"))
    for _ in range(2):
        assert estate.report(run) is None
    call = queue.told[0]
    assert (len(queue.told), call.path, call.idempotency_key) == (1, "/tasks/T%2F1/outcome", run.ref)
    assert call.json_body["completion"]["fields"] == {"task.switch_id": "s1", "switch.state": "on"}  # type: ignore[index,call-overload]
    assert AuditEvent.objects.filter(event="run.reported").count() == 1


def test_deliver_of_a_stopped_run_names_the_packet_and_its_reason(
    estate: Runs, queue: Queue, board: SwitchBoard
) -> None:
    board.switches["s1"]["fuse"] = "sealed"
    run = estate.advance(estate.start())
    told = outgoing.outcome_of(run)
    assert told["exception"] == {"packet": run.exception_packet.ref, "cause": "boundary", "reason": "fuse-sealed"}


@pytest.mark.parametrize("answer", [Answer(status=503), Answer(status=None, failure=Failure.CONNECT)])
def test_deliver_that_fails_is_tried_again_later(estate: Runs, queue: Queue, answer: Answer) -> None:
    run = estate.advance(estate.start())
    queue.answer = answer
    first = estate.report(run)
    second = estate.report(run)
    assert first is not None
    assert second is not None
    assert second > first > now()
    report = Report.objects.get(run=run)
    assert (report.attempts, report.delivered_at) == (2, None)
    assert "did not accept" in report.failure


@pytest.mark.parametrize("status", [400, 404, 409, 410, 422])
def test_deliver_that_is_refused_for_good_ends_with_what_was_answered(estate: Runs, queue: Queue, status: int) -> None:
    run = estate.advance(estate.start())
    queue.answer = Answer(status=status)
    assert [estate.report(run) for _ in range(2)] == [None, None]
    told = queries.get_run(estate.worker, run.ref).report
    assert told is not None
    assert (len(queue.told), claims.claim_reports(9), told.refused) == (1, [], True)
    assert str(status) in told.failure
    assert AuditEvent.objects.get(event="run.report_refused").context == {"status": status}


@pytest.mark.parametrize("status", [401, 403, 408, 425, 429])
def test_deliver_that_may_be_heard_later_goes_on(estate: Runs, queue: Queue, status: int) -> None:
    run = estate.advance(estate.start())
    queue.answer = Answer(status=status)
    assert estate.report(run) is not None


def test_repeat_tells_what_was_refused(estate: Runs, queue: Queue) -> None:
    run = estate.advance(estate.start())
    queue.answer = Answer(status=404)
    estate.report(run)
    queue.answer = Answer(status=200)
    reports.repeat(ref=run.ref, by=estate.worker)
    estate.report(run)
    assert Report.objects.get(run=run).delivered_at is not None
    with pytest.raises(Conflict, match="has already accepted"):
        reports.repeat(ref=run.ref, by=estate.worker)


def test_repeat_for_a_run_that_has_not_ended_is_refused(estate: Runs, queue: Queue) -> None:
    with pytest.raises(Conflict, match="has not ended"):
        reports.repeat(ref=estate.start().ref, by=estate.worker)


def test_deliver_tells_nothing_of_another_workspaces_runs(estate: Runs, queue: Queue) -> None:
    run = estate.advance(estate.start())
    with task_system.use(dataclasses.replace(SYSTEM, workspace="other")):
        assert estate.report(run) is None
    assert queue.told == []


def test_without_a_task_system_no_report_is_claimed(estate: Runs, board: SwitchBoard) -> None:
    estate.advance(estate.start())
    Report.objects.update(due_at=now().replace(year=2020))
    with task_system.use(None):
        assert claims.claim_reports(9) == []


def test_deliver_without_a_task_system_waits(estate: Runs, board: SwitchBoard) -> None:
    run = estate.advance(estate.start())
    with task_system.use(None):
        assert estate.report(run) is None
    assert Report.objects.get(run=run).delivered_at is None


def test_report_is_born_leased_and_claimed_by_another_when_its_worker_is_gone(estate: Runs, queue: Queue) -> None:
    run = estate.advance(estate.start())
    assert claims.claim_reports(9) == []
    Report.objects.filter(run=run).update(due_at=now().replace(year=2020))
    (claim,) = claims.claim_reports(9)
    assert (claim.id, claims.claim_reports(9)) == (run.pk, [])
    assert Report.objects.get(run=run).attempts == 2


def test_report_of_another_workspace_is_not_claimed(estate: Runs, queue: Queue) -> None:
    estate.advance(estate.start())
    Report.objects.update(due_at=now().replace(year=2020))
    with task_system.use(dataclasses.replace(SYSTEM, workspace="other")):
        assert claims.claim_reports(9) == []


def test_of_two_workers_that_have_had_one_report_only_the_later_tells(estate: Runs, queue: Queue) -> None:
    run = estate.advance(estate.start())
    first = born(run)
    Report.objects.filter(run=run).update(due_at=Now())
    second = claims.claim_report(run.pk)
    assert second is not None
    assert reports.deliver(claim=first, by=estate.worker) is None
    assert queue.told == []
    assert reports.deliver(claim=second, by=estate.worker) is None
    assert (len(queue.told), Report.objects.get(run=run).attempts) == (1, 2)
