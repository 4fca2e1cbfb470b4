"""Request Tracker and Redmine as queues of delegated tasks, by their presets alone: no adapter, no code of their own.

What is asserted is what people see there: comments and statuses, read with another account.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.db.models.functions import Now

from handrail.audit.models import AuditEvent
from handrail.conf import wiring
from handrail.conf.config import Config
from handrail.connectors import registry
from handrail.connectors.http import Client
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer, Failure
from handrail.connectors.rest import Call, RestConfig, RestConnector
from handrail.kernel.secrets import Secrets
from handrail.runbooks import metrics, task_system, timing
from handrail.runbooks.actions import claims, exceptions, handover, pulling, reports, updates
from handrail.runbooks.models import Report, TaskPull, TaskUpdate
from handrail.runbooks.task_system import TaskSystem
from tests.factories.installation import Installation
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import BoardConnector, SwitchBoard
from tests.peers import redmine, request_tracker

pytestmark = [pytest.mark.peer, pytest.mark.django_db]
RT_AUTH = {"kind": "header", "name": "Authorization", "prefix": "token ", "secret": "env:T"}
KEY_AUTH = {"kind": "header", "name": "X-Redmine-API-Key", "secret": "env:T"}
WORK: dict[str, Any] = {"runbook": "flip-switch", "version": "1"}  # numbers as text, as people write them in fields


@dataclass
class TaskQueue:
    """One kind of system. ``add`` makes a task there from what its field holds; ``notes`` are its comments, oldest
    first; ``status`` is what people see. ``section``: its [tasks]. ``old_path``: where outcomes were sent before."""

    base_url: str
    auth: dict[str, str]
    token: str
    onlooker: str
    section: dict[str, Any]
    old_path: str
    done: str
    add: Callable[[str], str]
    notes: Callable[[str], list[str]]
    status: Callable[[str], str]


def asked(url: str, headers: dict[str, str], *, method: str = "GET", body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data=data, method=method, headers={**headers, "Content-Type": "application/json"})
    with urlopen(request, timeout=20) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def in_rt(desk: request_tracker.RequestTracker) -> TaskQueue:
    base = f"{desk.base_url}/REST/2.0"
    root = {"Authorization": "Basic cm9vdDpwYXNzd29yZA=="}  # root:password, of this throw-away server

    def add(text: str) -> str:
        fields = {"Queue": "Remediation", "Subject": "Please", "CustomFields": {"HandrailTask": text}}
        return str(asked(f"{base}/ticket", root, method="POST", body=fields)["id"])

    def notes(task: str) -> list[str]:
        history = asked(f"{base}/ticket/{task}/history?fields=Type&per_page=100", root)["items"]
        found = []
        for item in [one for one in history if one["Type"] == "Comment"]:
            parts = asked(f"{base}/transaction/{item['id']}/attachments?fields=Content,ContentType", root)["items"]
            found += [part["Content"] for part in parts if part["ContentType"] == "text/plain"]
        return found

    preset = {"preset": "request-tracker", "list_path": RT_LIST}
    return TaskQueue(
        base, RT_AUTH, desk.tasks_token, desk.watcher_token, preset, "/ticket/{task}", "resolved", add, notes,
        lambda task: str(asked(f"{base}/ticket/{task}", root)["Status"]),
    )  # fmt: skip


# As the preset's, but one task a page.
RT_LIST = "/tickets?query=Queue%3D'{queue}'%20AND%20Status%3D'new'&fields=Subject,CustomFields&orderby=id&per_page=1"


def in_redmine(found: redmine.Redmine) -> TaskQueue:
    ids, headers = found.accounts, {"X-Redmine-API-Key": found.accounts["handrail"]}

    def add(text: str) -> str:
        issue = {
            "project_id": "support",
            "tracker_id": int(ids["tracker"]),
            "subject": "Please",
            "custom_fields": [{"id": int(ids["field"]), "value": text}],
        }
        made = asked(f"{found.base_url}/issues.json", headers, method="POST", body={"issue": issue})
        return str(made["issue"]["id"])

    def shown(task: str) -> Any:
        return asked(f"{found.base_url}/issues/{task}.json?include=journals", headers)["issue"]

    preset = {
        "preset": "redmine",
        "list_path": "/issues.json?project_id={project}&tracker_id={tracker}&status_id={status_new}&sort=id&limit=1",
        "values": {"project": "support", "tracker": int(ids["tracker"]), "status_new": int(ids["new"])},
        "statuses": {
            "completed": int(ids["done"]),
            "exception": int(ids["handed"]),
            "resolved": int(ids["done"]),
        },
    }
    return TaskQueue(
        found.base_url, KEY_AUTH, ids["handrail"], ids["onlooker"], preset, "/issues/{task}.json", "Done", add,
        lambda task: [entry["notes"] for entry in shown(task)["journals"] if entry.get("notes")],
        lambda task: str(shown(task)["status"]["name"]),
    )  # fmt: skip


@pytest.fixture(scope="module", params=["request-tracker", "redmine"])
def queue(request: pytest.FixtureRequest) -> Iterator[TaskQueue]:
    in_ci = os.environ.get("CI") == "true"
    if request.param == "redmine":
        request_tracker.require(redmine.why_absent(), in_ci=in_ci)
        with redmine.running_redmine() as server:
            yield in_redmine(server)
    else:
        request_tracker.require(request_tracker.why_absent(), in_ci=in_ci)
        with request_tracker.running_request_tracker() as desk:
            yield in_rt(desk)


class Lossy(RestConnector):
    """Carries calls out, and loses the answers of so many of them."""

    lose = 0

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        answer = super().call(operation, deadline_seconds=deadline_seconds)
        if isinstance(operation, Call) and self.lose:
            self.lose -= 1
            return Answer(status=None, failure=Failure.TIMEOUT_AFTER_SEND)
        return answer


@dataclass
class Desk:
    estate: Runs
    board: SwitchBoard
    queue: TaskQueue
    connector: Lossy
    system: TaskSystem

    def text(self, switch: str = "s1", **more: Any) -> str:
        return json.dumps({**WORK, "payload": {"tenant_id": self.estate.tenant.key, "switch_id": switch}, **more})

    def pulled(self) -> dict[str, str]:
        return {one.task: one.outcome.value for one in pulling.pull(by=self.estate.worker)}

    def delivered(self) -> None:
        """Workers write everything that is due."""
        while True:
            Report.objects.filter(due_at__isnull=False).update(due_at=Now())
            TaskUpdate.objects.filter(due_at__isnull=False).update(due_at=Now())
            found = claims.claim_reports(10)
            if not found:
                return
            for claim in found:
                act = updates.deliver if claim.kind == "update" else reports.deliver
                act(claim=claim, by=self.estate.worker)

    def run_of(self, task: str) -> Any:
        return self.estate.workspace.operationrun_set.get(task_key=task)


@pytest.fixture
def desk(db: None, queue: TaskQueue) -> Iterator[Desk]:
    estate, board = Installation().runs, SwitchBoard()
    for switch in ("s1", "s2"):
        board.add(switch, owner=estate.tenant.key)
    with at(queue, queue.token) as (connector, system):
        both = {"queue": connector, "board": BoardConnector(board)}
        waits = replace(timing.get(), report_grace_seconds=0.0)
        with registry.use(registry.Registry(MappingProxyType(both))), task_system.use(system), timing.use(waits):
            yield Desk(estate, board, queue, connector, system)


class at:  # noqa: N801 - a context manager
    """The queue by its preset, with that token."""

    def __init__(self, queue: TaskQueue, token: str, **own: Any) -> None:
        section = {"connector": "queue", "workspace": "acme", **queue.section, **own}
        (self.system,) = wiring.task_systems(Config.model_validate({"tasks": section}))
        config = RestConfig(kind="rest", base_url=queue.base_url, auth=queue.auth, deadline_seconds=20)
        self.connector = Lossy("queue", Client(config, Secrets({"T": token})))

    def __enter__(self) -> tuple[Lossy, TaskSystem]:
        return self.connector, self.system

    def __exit__(self, *_: object) -> None:
        self.connector._client.close()


@pytest.mark.requirement("R2-01")
@pytest.mark.requirement("R2-09")
def test_tasks_are_pulled_over_pages_and_their_outcomes_are_seen_there(desk: Desk) -> None:
    tasks = [desk.queue.add(desk.text("s1")), desk.queue.add(f"Please: <pre>{desk.text('s2')}</pre>")]
    pulled = desk.pulled()
    assert {task: pulled[task] for task in tasks} == dict.fromkeys(tasks, "started")
    assert TaskPull.objects.get().code == ""
    for task in tasks:
        assert desk.estate.advance(desk.run_of(task)).state == "completed"
    desk.delivered()
    for task in tasks:
        run = desk.run_of(task)
        assert run.report.delivered_at is not None
        (note,) = desk.queue.notes(task)
        assert f"{run.ref} completed." in note
        assert f"Handrail OUT-{run.ref[4:]}" in note
        assert desk.queue.status(task) == desk.queue.done
    assert AuditEvent.objects.filter(event="run.reported").count() == 2


@pytest.mark.requirement("R2-17")
def test_exception_takeover_hand_back_and_resolution_are_seen_in_their_order(desk: Desk) -> None:
    desk.board.switches["s1"]["fuse"] = "sealed"
    task = desk.queue.add(desk.text())
    desk.pulled()
    run = desk.estate.advance(desk.run_of(task))
    ref = run.exception_packet.ref
    lead, other = as_person(desk.estate.worker), as_person(desk.estate.worker, "other@example.com")
    exceptions.take(ref=ref, by=lead)
    handover.hand_back(ref=ref, note="Not mine: call the customer at 555-1234.", by=lead)
    exceptions.take(ref=ref, by=other)
    exceptions.resolve(ref=ref, outcome="fixed-by-hand", note="A secret of the customer.", by=other)
    desk.delivered()
    notes = desk.queue.notes(task)
    assert [word for word, note in zip(WORDS, notes, strict=True) if word not in note] == []
    assert f"{ref}" in notes[0]
    assert "fuse-sealed" in notes[0]
    assert "Nothing was changed outside." in notes[0]
    assert "fixed-by-hand" in notes[4]
    assert not any("555-1234" in note or "secret" in note for note in notes)
    assert desk.queue.status(task) == desk.queue.done


WORDS = ["a person is needed", "Taken over", "Handed back", "Taken over", "Resolved"]


@pytest.mark.requirement("R2-02")
def test_task_that_can_t_become_a_run_is_told_why_once(desk: Desk) -> None:
    task = desk.queue.add(desk.text(payload={"tenant_id": desk.estate.tenant.key}))
    for _ in range(3):  # what is written there changes the task
        assert desk.pulled()[task] == "refused"
        desk.delivered()
    (note,) = desk.queue.notes(task)
    assert "could not become a run" in note
    assert "switch_id" in note


def test_outcome_whose_answer_was_lost_is_found_and_not_written_twice(desk: Desk) -> None:
    task = desk.queue.add(desk.text())
    desk.pulled()
    desk.estate.advance(desk.run_of(task))
    desk.connector.lose = 1
    desk.delivered()
    assert desk.connector.lose == 0
    assert len(desk.queue.notes(task)) == 1
    assert desk.run_of(task).report.delivered_at is not None


@pytest.mark.requirement("R2-09")
def test_outcome_that_is_answered_with_success_and_kept_nowhere_is_not_kept(desk: Desk) -> None:
    task = desk.queue.add(desk.text())
    desk.pulled()
    desk.estate.advance(desk.run_of(task))
    with task_system.use(replace(desk.system, outcome=None, outcome_path=desk.queue.old_path)):
        desk.delivered()
    report = desk.run_of(task).report
    assert (report.delivered_at, report.due_at, report.failure_code) == (None, None, "not-kept")
    assert AuditEvent.objects.filter(event="run.report_not_kept").count() == 1
    kept = next(metric.values for metric in metrics.read() if metric.name == "handrail_task_writes_not_kept")
    assert kept["outcome"] == 1
    assert desk.queue.notes(task) == []
    reports.repeat(ref=desk.run_of(task).ref, by=desk.estate.worker)  # with the preset again
    desk.delivered()
    assert len(desk.queue.notes(task)) == 1


def test_account_that_may_only_look_is_said_to_be_so_and_works_once_it_may_more(desk: Desk) -> None:
    task = desk.queue.add(desk.text())
    desk.pulled()
    run = desk.estate.advance(desk.run_of(task))
    with at(desk.queue, desk.queue.onlooker) as (connector, _):
        known = registry.Registry(MappingProxyType({"queue": connector, "board": BoardConnector(desk.board)}))
        with registry.use(known):
            desk.estate.report(run)
    report = desk.run_of(task).report
    assert report.delivered_at is None
    assert report.failure
    if report.due_at is None:
        reports.repeat(ref=run.ref, by=desk.estate.worker)
    desk.delivered()
    assert len(desk.queue.notes(task)) == 1


def test_task_that_is_not_there_any_more_ends_its_outcome_with_the_reason(desk: Desk) -> None:
    run = desk.estate.advance(desk.estate.start("999999"))
    desk.estate.report(run)
    report = Report.objects.get(run=run)
    assert report.delivered_at is None
    assert report.failure
