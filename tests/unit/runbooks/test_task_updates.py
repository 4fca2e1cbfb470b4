"""Messages to the task system beside outcomes: written with their act, in order, each there once, and with an end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.access import queries as access
from handrail.audit.models import AuditEvent
from handrail.connectors import registry
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer, Failure, ReadFailed, Reading
from handrail.connectors.rest import Call, Get
from handrail.connectors.tasksystem import LookFor, MessageKind, WriteCall
from handrail.definitions import actions as definitions
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Invalid, NotFound
from handrail.runbooks import metrics, task_system, timing
from handrail.runbooks.actions import claims, exceptions, follow_ups, handover, reports, runs, tasks, updates
from handrail.runbooks.models import OperationRun, Report, TaskUpdate
from handrail.runbooks.queries import task_systems
from handrail.runbooks.queries.runs import get_run
from tests.factories.installation import Installation
from tests.factories.people import as_person
from tests.factories.runs import Runs, born
from tests.factories.switches import RUNBOOK, BoardConnector, SwitchBoard
from tests.factories.task_queue import SYSTEM, item
from tests.lanes import examples
from tests.unit.runbooks import test_follow_ups as follow_ups_of

NOTE = WriteCall(
    path="/tasks/{task}/notes",
    body={"text": "{text}"},
    look=LookFor(path="/tasks/{task}/notes", at="notes", settle_seconds=0),
)
NOTES = dataclasses.replace(SYSTEM, outcome=NOTE, messages=NOTE)


class Killed(BaseException):
    """The worker's process ends here."""


class Notes:
    """A task system without idempotency: each call adds a note. ``script``: what comes of the next calls and looks."""

    name, kind, deadline_seconds = "queue", "rest", 1.0

    def __init__(self) -> None:
        self.notes: dict[str, list[str]] = {}
        self.hidden: dict[str, list[str]] = {}
        self.script: list[str] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.sent = 0

    def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
        assert isinstance(operation, Get)
        what = self.script.pop(0) if self.script and self.script[0].startswith("look") else ""
        if what == "look-killed":
            raise Killed
        if what == "look-fails":
            raise ReadFailed("queue could not be read.", failure=Failure.TIMEOUT_AFTER_SEND, retryable=True)
        if what.startswith("look-4"):
            raise ReadFailed("queue could not be read.", status=int(what[5:]), retryable=False)
        value = {"notes": self.notes.get(operation.path, [])}
        return Reading(value, None, digest_bytes(repr(value).encode()), 200, now())

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        assert isinstance(operation, Call)
        what = self.script.pop(0) if self.script and not self.script[0].startswith("look") else ""
        if what == "killed-before":
            raise Killed
        if what in ("refused", "busy", "unsent", "html", "denied"):
            return {
                "refused": Answer(422, body={"errors": ["no"]}),
                "busy": Answer(429, retry_after_seconds=3),
                "unsent": Answer(None, failure=Failure.CONNECT),
                "html": Answer(200, failure=Failure.NOT_JSON),
                "denied": Answer(403),
            }[what]
        self.sent += 1
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        if what not in ("forgotten", "accepted"):
            self.notes.setdefault(operation.path, []).append(operation.json_body["text"])  # type: ignore[index,call-overload,arg-type]
        if what == "killed-after":
            raise Killed
        if what == "lost":
            return Answer(None, failure=Failure.TIMEOUT_AFTER_SEND)
        if what == "failed":
            return Answer(502)
        return Answer(202 if what == "accepted" else 204)

    def check(self) -> list[Any]:
        return []


@pytest.fixture
def notes(estate: Runs, board: SwitchBoard) -> Iterator[Notes]:
    world = Notes()
    both = {"queue": world, "board": BoardConnector(board)}
    waits = dataclasses.replace(timing.get(), report_grace_seconds=0.0)
    with registry.use(registry.Registry(MappingProxyType(both))), task_system.use(NOTES), timing.use(waits):
        yield world


def stopped(estate: Runs, board: SwitchBoard, key: str = "T1") -> str:
    board.switches["s1"]["fuse"] = "sealed"
    return str(estate.advance(estate.start(key)).exception_packet.ref)


def due(*, every: bool = True) -> None:
    for model in (Report, TaskUpdate):
        model.objects.filter(due_at__isnull=False).update(due_at=Now() - timedelta(seconds=1))  # type: ignore[attr-defined]


def work(estate: Runs, rounds: int = 12) -> None:
    """Workers, one after the other, each perhaps killed in the middle of an attempt."""
    for _ in range(rounds):
        due()
        found = claims.claim_reports(5)
        if not found:
            return
        for claim in found:
            try:
                with transaction.atomic():
                    act = updates.deliver if claim.kind == "update" else reports.deliver
                    act(claim=claim, by=estate.worker)
            except Killed:
                pass


def kinds(notes: Notes, key: str = "T1") -> list[str]:
    """The notes of a task by their first words."""
    return [text.split(" (")[0].splitlines()[0] for text in notes.notes.get(f"/tasks/{key}/notes", [])]


def test_what_people_do_is_written_in_its_order_behind_the_outcome(
    estate: Runs, board: SwitchBoard, notes: Notes
) -> None:
    ref = stopped(estate, board)
    first, second = as_person(estate.worker), as_person(estate.worker, "second@example.com")
    exceptions.take(ref=ref, by=first)
    handover.hand_back(ref=ref, note="Call 555-1234.", by=first)
    exceptions.take(ref=ref, by=second)
    exceptions.resolve(ref=ref, outcome="fixed-by-hand", note="The password was hunter2.", by=second)
    assert [row.kind for row in TaskUpdate.objects.order_by("pk")] == ["taken", "handed-back", "taken", "resolved"]
    work(estate)
    run = OperationRun.objects.get()
    written = kinds(notes)
    assert written[0].startswith(f"{run.ref} stopped")
    assert written[1:] == ["Taken over by a person", "Handed back", "Taken over by a person", "Resolved"]
    texts = "\n".join(notes.notes["/tasks/T1/notes"])
    assert "Code: fixed-by-hand" in texts
    assert "By: second@example.com" in texts
    assert "hunter2" not in texts
    assert "555" not in texts
    assert {row.kind: row.delivered_at is not None for row in TaskUpdate.objects.all()} == {
        "taken": True, "handed-back": True, "resolved": True,
    }  # fmt: skip
    assert AuditEvent.objects.filter(event="task.message_delivered").count() == 4
    shown = get_run(estate.worker, run.ref).messages
    assert [one.standing for one in shown] == ["kept"] * 4


def test_follow_up_run_is_told_under_the_task_of_the_run_that_stopped(
    estate: Runs, board: SwitchBoard, notes: Notes
) -> None:
    named = RUNBOOK.replace("version: 1", "version: 2").replace(
        "switch.marker]}", "switch.marker], follow_up: [{runbook: flip-switch, by: [senior-support]}]}"
    )
    proposed = definitions.propose(text=named, by=estate.worker)
    person = as_person(estate.worker, "owner@example.com", roles=frozenset({"senior-support"}))
    definitions.approve(definition_id=proposed.id, by=person)
    board.switches["s1"]["fuse"] = "sealed"
    task = dataclasses.replace(estate.task("T1"), version=2)
    stop = estate.advance(OperationRun.objects.get(ref=runs.start(task=task, by=estate.worker).ref))
    exceptions.take(ref=stop.exception_packet.ref, by=person)
    board.switches["s1"]["fuse"] = "ok"
    ref = follow_ups.start(ref=stop.exception_packet.ref, runbook="flip-switch", by=person).ref
    board.switches["s1"]["fuse"] = "sealed"
    again = estate.advance(OperationRun.objects.get(ref=ref)).exception_packet.ref
    exceptions.take(ref=again, by=person)
    exceptions.resolve(ref=stop.exception_packet.ref, outcome="fixed-by-follow-up", note="Done.", by=person)
    work(estate)
    assert kinds(notes)[1:] == [
        "Taken over by a person",
        "Another run follows",
        "Taken over by a person",
        "Resolved",
    ]
    told = "\n".join(notes.notes["/tasks/T1/notes"])
    assert ref in told
    assert again in told
    assert f"{ref} (exception)" in told
    assert "Code: fixed-by-follow-up" in told
    assert list(notes.notes) == ["/tasks/T1/notes"]


def test_message_is_gone_with_the_act_that_is_rolled_back(estate: Runs, board: SwitchBoard, notes: Notes) -> None:
    ref = stopped(estate, board)
    with transaction.atomic():
        exceptions.take(ref=ref, by=as_person(estate.worker))
        assert TaskUpdate.objects.count() == 1
        transaction.set_rollback(True)
    assert TaskUpdate.objects.count() == 0


def test_without_messages_in_the_configuration_outcomes_alone_are_written(
    estate: Runs, board: SwitchBoard, notes: Notes
) -> None:
    with task_system.use(dataclasses.replace(NOTES, messages=None)):
        exceptions.take(ref=stopped(estate, board), by=as_person(estate.worker))
    with task_system.use(dataclasses.replace(NOTES, message_kinds=(MessageKind.REFUSED,))):
        exceptions.take(ref=stopped(estate, board, "T2"), by=as_person(estate.worker))
    assert TaskUpdate.objects.count() == 0


@pytest.mark.requirement("R2-02")
def test_refused_task_is_told_each_fault_once_for_the_same_words(estate: Runs, notes: Notes) -> None:
    wrong = item(estate, "T1") | {"version": "one", "runbook": 7}
    for changed in ("2026-11-27T10:00", "2026-11-27T10:05"):  # as a note there changes the task
        tasks.receive(item=wrong | {"updated_on": changed}, by=estate.worker)
    work(estate)
    (text,) = notes.notes["/tasks/T1/notes"]
    assert "/version: expected version, a int" in text
    assert "/runbook: expected runbook, a str" in text
    tasks.receive(item=item(estate, "T1") | {"runbook": "no-such"}, by=estate.worker)
    work(estate)
    assert len(notes.notes["/tasks/T1/notes"]) == 2


@pytest.mark.parametrize("key", [None, "", "..", "a/../b"])
def test_refused_task_without_a_usable_key_is_told_nothing(estate: Runs, notes: Notes, key: Any) -> None:
    assert tasks.receive(item=item(estate, "T1") | {"id": key}, by=estate.worker).outcome == "refused"
    assert TaskUpdate.objects.count() == 0


@pytest.mark.parametrize(
    ("script", "sent"),
    [
        (["killed-before"], 1),
        (["killed-after"], 1),
        (["lost"], 1),
        (["failed"], 1),
        (["lost", "look-fails"], 1),
        (["lost", "look-killed", "look-fails"], 1),
        (["", "look-killed"], 1),
        (["", "look-fails"], 1),
        (["busy", "unsent", "denied"], 1),
        (["unsent", "killed-after"], 1),
        (["html"], 1),
        (["html"] * 5, 1),
        (["forgotten"], 2),
        (["accepted"], 2),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else str(value),
)
def test_outcome_is_there_once_whatever_is_lost_between_intent_call_answer_and_look(
    estate: Runs, board: SwitchBoard, notes: Notes, script: list[str], sent: int
) -> None:
    estate.advance(estate.start("T1"))
    notes.script = script
    work(estate)
    assert len(notes.notes["/tasks/T1/notes"]) == 1
    assert notes.sent == sent
    assert Report.objects.get().delivered_at is not None


STEPS = st.lists(
    st.sampled_from(
        ["", "lost", "failed", "killed-before", "killed-after", "busy", "unsent", "html", "look-fails", "look-killed"]
    ),
    max_size=12,
)


@given(script=STEPS)
@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_losses_leaves_each_message_once_and_in_order(
    estate: Runs, board: SwitchBoard, notes: Notes, script: list[str]
) -> None:
    key = f"T{TaskUpdate.objects.count() + Report.objects.count() + 1}"
    ref = stopped(estate, board, key)
    person = as_person(estate.worker)
    exceptions.take(ref=ref, by=person)
    exceptions.resolve(ref=ref, outcome="not-needed", note="Nothing.", by=person)
    notes.script = list(script)
    work(estate, rounds=40)
    notes.script = []
    work(estate, rounds=6)
    written = kinds(notes, key)
    assert len(written) == 3
    assert written[1:] == ["Taken over by a person", "Resolved"]
    assert not TaskUpdate.objects.filter(delivered_at=None).exists()


def test_system_that_accepts_and_keeps_nothing_ends_as_not_kept(estate: Runs, board: SwitchBoard, notes: Notes) -> None:
    exceptions.take(ref=stopped(estate, board), by=as_person(estate.worker))
    notes.script = ["forgotten"] * 99
    work(estate, rounds=30)
    assert notes.sent == 6  # three times each
    for row in (Report.objects.get(), TaskUpdate.objects.get()):
        assert (row.due_at, row.delivered_at, row.failure_code) == (None, None, "not-kept")
        assert "is not kept" in row.failure
    assert AuditEvent.objects.filter(event="run.report_not_kept").count() == 1
    assert AuditEvent.objects.filter(event="task.message_not_kept").count() == 1
    kept = next(one.values for one in metrics.read() if one.name == "handrail_task_writes_not_kept")
    assert kept == {"outcome": 1, "message": 1}
    state = task_systems.get_task_system(estate.worker)
    assert (state.outcomes_not_kept, state.messages_not_kept) == (1, 1)
    detail = get_run(estate.worker, OperationRun.objects.get().ref)
    assert detail.report is not None
    assert detail.report.not_kept
    notes.script = []
    message = TaskUpdate.objects.get()
    updates.repeat(ref=message.ref, by=estate.worker)
    reports.repeat(ref=OperationRun.objects.get().ref, by=estate.worker)
    work(estate)
    assert len(notes.notes["/tasks/T1/notes"]) == 2
    assert AuditEvent.objects.filter(event="task.message_repeated").count() == 1
    with pytest.raises(Conflict):
        updates.repeat(ref=message.ref, by=estate.worker)


@pytest.mark.parametrize("status", [403, 404, 405, 410])
def test_system_that_can_not_be_looked_at_is_not_written_to_twice(
    estate: Runs, board: SwitchBoard, notes: Notes, status: int
) -> None:
    stopped(estate, board)
    notes.script = ["kept", *[f"look-{status}"] * 4]
    work(estate, rounds=4)
    report = Report.objects.get()
    assert (notes.sent, report.delivered_at) == (1, None)
    assert "whether it is kept could not be seen" in report.failure
    work(estate)
    assert (notes.sent, len(kinds(notes))) == (1, 1)
    assert Report.objects.get().delivered_at is not None


def test_message_that_is_repeated_during_its_attempt_is_there_once(
    estate: Runs, board: SwitchBoard, notes: Notes
) -> None:
    run = estate.advance(estate.start("T1"))

    def repeat() -> None:
        reports.repeat(ref=run.ref, by=estate.worker)
        for claim in claims.claim_reports(5):
            reports.deliver(claim=claim, by=estate.worker)

    notes.meanwhile = repeat
    work(estate)
    assert (notes.sent, len(kinds(notes))) == (1, 1)
    assert Report.objects.get().delivered_at is not None


def test_message_that_waits_for_long_is_repeated_soon(estate: Runs, board: SwitchBoard, notes: Notes) -> None:
    run = estate.advance(estate.start("T1"))
    Report.objects.update(due_at=Now() + timedelta(days=1), attempts=5)
    reports.repeat(ref=run.ref, by=estate.worker)
    assert Report.objects.filter(due_at__lte=Now() + timedelta(minutes=2)).exists()


def test_refused_message_ends_and_lets_those_behind_it_go_on(estate: Runs, board: SwitchBoard, notes: Notes) -> None:
    ref = stopped(estate, board)
    person = as_person(estate.worker)
    exceptions.take(ref=ref, by=person)
    exceptions.resolve(ref=ref, outcome="not-needed", note="Nothing.", by=person)
    notes.script = ["", "look", "refused"]
    work(estate)
    assert kinds(notes)[1:] == ["Resolved"]
    assert TaskUpdate.objects.get(kind="taken").failure_code == "refused"
    assert AuditEvent.objects.filter(event="task.message_refused").count() == 1


def test_message_waits_for_its_run_s_outcome_and_tries_end_with_the_window(
    estate: Runs, board: SwitchBoard, notes: Notes
) -> None:
    exceptions.take(ref=stopped(estate, board), by=as_person(estate.worker))
    notes.script = ["busy"] * 500
    for _ in range(30):
        due()
        for claim in claims.claim_reports(5):
            assert claim.kind == "report"  # the message behind it is not claimed
            reports.deliver(claim=claim, by=estate.worker)
    Report.objects.update(tried_until=F("tried_until") - timedelta(days=8))
    work(estate, rounds=2)
    assert Report.objects.get().failure_code == "report-given-up"
    work(estate, rounds=3)
    TaskUpdate.objects.update(tried_until=F("tried_until") - timedelta(days=8))
    work(estate, rounds=2)
    assert TaskUpdate.objects.get().failure_code == "report-given-up"
    assert AuditEvent.objects.get(event="task.message_stopped").context["code"] == "report-given-up"
    assert claims.claim_reports(5) == []


def test_worker_that_lost_its_claim_sends_nothing(estate: Runs, board: SwitchBoard, notes: Notes) -> None:
    run = estate.advance(estate.start("T1"))
    first = born(run)
    due()
    (second,) = claims.claim_reports(5)
    reports.deliver(claim=first, by=estate.worker)
    assert notes.sent == 0
    reports.deliver(claim=second, by=estate.worker)
    assert notes.sent == 1


@pytest.mark.requirement("P-10")
def test_messages_of_one_workspace_are_neither_seen_nor_written_by_another(
    estate: Runs, board: SwitchBoard, notes: Notes
) -> None:
    other = Installation(tenant="ten_two", workspace="other").runs
    elsewhere = Notes()
    known = {"queue": notes, "second": elsewhere, "board": BoardConnector(board)}
    second = dataclasses.replace(NOTES, name="second", connector="second", workspace="other")
    with registry.use(registry.Registry(MappingProxyType(known))), task_system.use(NOTES, second):
        ref = stopped(estate, board)
        exceptions.take(ref=ref, by=as_person(estate.worker))
        tasks.receive(item=item(other, "T1") | {"version": "one"}, by=other.worker)
        due()
        found = {claim.workspace_id: claim for claim in claims.claim_reports(9)}
        assert set(found) == {estate.workspace.pk, other.workspace.pk}
        work_of = {estate.workspace.pk: estate.worker, other.workspace.pk: other.worker}
        for _ in range(4):
            for workspace, claim in found.items():
                act = updates.deliver if claim.kind == "update" else reports.deliver
                act(claim=claim, by=work_of[workspace])
            due()
            found = {claim.workspace_id: claim for claim in claims.claim_reports(9)}
    assert kinds(elsewhere) == ["The task could not become a run."]
    assert "could not become" not in "".join(kinds(notes))
    mine = TaskUpdate.objects.get(workspace=estate.workspace)
    stranger = as_person(access.worker("w", other.workspace.pk))
    with pytest.raises(NotFound):
        updates.repeat(ref=mine.ref, by=stranger)
    assert mine.ref not in [one.ref for one in task_systems.list_messages(stranger, delivered=True)]
    narrow = dataclasses.replace(estate.worker, tenant_ids=frozenset())
    assert task_systems.list_messages(narrow, delivered=True) == []


def test_follow_up_run_is_written_to_the_task_that_it_goes_back_to(db: None) -> None:
    world_of_notes = Notes()
    with follow_ups_of.world(follow_ups_of.FOLLOWED) as (estate, board, _):
        who, packet = follow_ups_of.person(estate), follow_ups_of.stopped(estate, board, "T1")
        both = {"queue": world_of_notes, "board": BoardConnector(board)}
        system = dataclasses.replace(NOTES, workspace=estate.workspace.slug)
        with registry.use(registry.Registry(MappingProxyType(both))), task_system.use(system):
            exceptions.take(ref=packet.ref, by=who)
            board.switches["s1"]["fuse"] = "sealed"
            run = estate.advance(follow_ups_of.followed(packet, who))
            exceptions.take(
                ref=run.exception_packet.ref, by=who
            )  # its own stop, under a task that nobody outside knows
            exceptions.resolve(ref=run.exception_packet.ref, outcome="not-needed", note="No.", by=who)
            exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="Done.", by=who)
            work(estate)
    (path,) = world_of_notes.notes
    texts = world_of_notes.notes[path]
    assert path == "/tasks/T1/notes"
    heads = [text.split(" (")[0] for text in texts[1:]]
    taken = "Taken over by a person"
    assert heads == [taken, "Another run follows", taken, "Resolved", "Resolved"]
    assert f"Run: {run.ref}" in texts[2]
    assert f"Run: {run.ref} (exception)" in texts[5]
    assert Report.objects.filter(run=run).count() == 0


def test_list_of_messages_goes_on_behind_the_last_of_one_moment(estate: Runs, board: SwitchBoard, notes: Notes) -> None:
    ref, person = stopped(estate, board), as_person(estate.worker)
    exceptions.take(ref=ref, by=person)
    handover.hand_back(ref=ref, note="No.", by=person)
    exceptions.take(ref=ref, by=person)
    TaskUpdate.objects.update(at=now())
    found: list[str] = []
    while more := task_systems.list_messages(estate.worker, after=found[-1] if found else "", limit=1):
        found += [one.ref for one in more]
    assert found == list(TaskUpdate.objects.order_by("-pk").values_list("ref", flat=True))
    with pytest.raises(Invalid):
        task_systems.list_messages(estate.worker, after="MSG-ZZZZZZZZZZ")
