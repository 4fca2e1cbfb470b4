"""Pausing, resuming and stopping: what a person orders holds before the next call, and strands nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.db.utils import Error
from django.test.utils import CaptureQueriesContext

from handrail.access.actor import Actor
from handrail.access.capabilities import Role, bundled
from handrail.audit import sources
from handrail.audit.models import AuditEvent
from handrail.definitions import actions as definitions
from handrail.definitions.decisions import contradictions
from handrail.definitions.models import Definition
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.runbooks import brakes, releases
from handrail.runbooks.actions import brakes as actions
from handrail.runbooks.actions import claims, messages, pulling, runs, tasks
from handrail.runbooks.models import Brake, Checkpoint, ExceptionPacket, OperationRun, TaskRefusal
from handrail.runbooks.queries import brakes as queries
from handrail.runbooks.queries import runs as run_queries
from handrail.runbooks.states import BrakeKind
from tests.factories import changes, rows
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import BUSY, DONE, RUNBOOK, SILENT_NOT_DONE, BoardConnector, SwitchBoard, Turn
from tests.factories.task_queue import Queue

NEXT = RUNBOOK.replace("version: 1", "version: 2").replace(
    "exception: {copy: [task.switch_id, switch.state]}",
    "exception: {copy: [task.switch_id, switch.state, switch.fuse, switch.marker]}",
)
EVERY_KIND = [
    (BrakeKind.EVERYTHING, ""),
    (BrakeKind.TENANT, "ten_one"),
    (BrakeKind.CONNECTOR, "board"),
    (BrakeKind.RUNBOOK, "flip-switch@1"),
]


@pytest.fixture
def lead(estate: Runs) -> Actor:
    return as_person(estate.worker)


@pytest.fixture(autouse=True)
def _wired() -> Iterator[None]:
    with definitions.active_again.use(runs.go_on_with):
        yield


def due(run: OperationRun) -> OperationRun:
    """``run`` when its wait is over, whatever it was for."""
    OperationRun.objects.filter(pk=run.pk).update(due_at="2020-01-01T00:00Z")
    return run


def paused(run: OperationRun, by: Actor) -> queries.Paused | None:
    return run_queries.get_run(by, run.ref).summary.paused


def test_an_order_that_takes_a_run_from_its_worker_counts_no_lost_worker(
    estate: Runs, board: SwitchBoard, lead: Actor
) -> None:
    run = estate.start()
    assert claims.claim_run(run.pk) is not None
    runs.stop(ref=run.ref, reason="Wrong ticket.", by=lead)
    assert estate.advance(run).state == "exception"
    again = estate.start("TASK-2")
    assert claims.claim_run(again.pk) is not None
    runs.let_go_on([again])
    assert estate.advance(again).state == "completed"
    assert not Checkpoint.objects.filter(detail__has_key="taken_over").exists()


@pytest.mark.parametrize(("kind", "target"), EVERY_KIND)
def test_pause_holds_a_received_run_and_resume_lets_it_complete(
    estate: Runs, board: SwitchBoard, lead: Actor, kind: BrakeKind, target: str
) -> None:
    run = estate.start()
    ref = actions.pause(kind=kind, target=target, reason="storm", by=lead)
    estate.advance(run)
    assert (run.state, board.calls) == ("received", [])
    seen = paused(run, lead)
    assert seen is not None
    assert (seen.brake, seen.by, seen.reason) == (ref, lead.name, "storm")
    assert actions.resume(ref=ref, reason="over", by=lead) == 1
    assert estate.advance(run).state == "completed"
    assert paused(run, lead) is None


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (BrakeKind.INTAKE, ""),
        (BrakeKind.TENANT, "ten_two"),
        (BrakeKind.CONNECTOR, "queue"),
        (BrakeKind.RUNBOOK, "other@1"),
    ],
)
def test_pause_of_something_else_holds_no_run(
    estate: Runs, queue: Queue, lead: Actor, kind: BrakeKind, target: str
) -> None:
    rows.tenant(estate.workspace, key="ten_two")
    rows.definition(estate.workspace, text=RUNBOOK.replace("name: flip-switch", "name: other"), name="other")
    run = estate.start()
    actions.pause(kind=kind, target=target, reason="storm", by=lead)
    assert estate.advance(run).state == "completed"


def test_pause_of_another_workspace_holds_no_run(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    elsewhere = rows.workspace()
    actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=replace(lead, workspace_id=elsewhere.pk))
    assert estate.advance(estate.start()).state == "completed"


@pytest.mark.requirement("R2-04", "R2-06")
def test_pause_before_a_retry_holds_it(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    run = estate.start()

    def brake(_: SwitchBoard, __: str) -> None:
        actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=lead)

    board.script = [replace(BUSY, also=brake), DONE]
    estate.advance(run)
    estate.advance(due(run))
    assert (run.state, len(board.calls)) == ("invoking", 1)
    assert paused(run, lead) is not None
    actions.resume(ref=Brake.objects.get().ref, reason="over", by=lead)
    assert estate.advance(run).state == "completed"
    assert len(board.calls) == 2


def test_pause_during_a_call_lets_it_be_verified(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    def brake(_: SwitchBoard, __: str) -> None:
        actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=lead)

    board.script = [replace(DONE, also=brake)]
    run = estate.advance(estate.start())
    assert run.state == "completed"


@pytest.mark.requirement("R2-07")
def test_pause_holds_the_same_key_after_an_unknown_outcome(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    def brake(_: SwitchBoard, __: str) -> None:
        actions.pause(kind=BrakeKind.CONNECTOR, target="board", reason="storm", by=lead)

    board.script = [replace(SILENT_NOT_DONE, also=brake), DONE]
    run = estate.advance(estate.start())
    assert (run.state, len(board.calls)) == ("invoking", 1)
    actions.resume(ref=Brake.objects.get().ref, reason="over", by=lead)
    assert estate.advance(run).state == "completed"
    assert len(set(board.calls)) == 1


@pytest.mark.requirement("R2-04", "R2-05")
def test_pause_between_reading_and_intent_holds_the_intent(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    run = estate.start()

    class PausedWhileRead(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            if not Brake.objects.exists():
                actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=lead)
            return super().get(key, default)

    board.switches = PausedWhileRead(board.switches)
    estate.advance(run)
    assert Brake.objects.exists()
    assert board.calls == []
    assert paused(run, lead) is not None


TWO_STEPS = RUNBOOK.replace(
    "completion:",
    """  - name: again
    effect: mutating
    deduplicates: true
    call: {connector: board, put: "/switches/{task.switch_id}", json: {state: "on"}}
    answer: {status: string}
    result: {succeeded: [{status: [200], when: answer.status == "done"}]}
    verify: {reads: [switch], within: 200ms, every: 100ms, conditions: [{condition: switch.state == "on", reason: off}]}
completion:""",
    1,
)


@pytest.mark.requirement("R2-20")
@pytest.mark.parametrize("verified", [True, False])
def test_pause_between_two_steps_keeps_the_first_ones_result(
    estate: Runs, board: SwitchBoard, lead: Actor, verified: bool
) -> None:
    text = TWO_STEPS.replace("name: flip-switch", "name: two")
    if not verified:
        text = text.replace("effect: mutating", "effect: reading", 1)
        first, rest = text.split("    verify:\n", 1)
        text = first + rest[rest.index("  - name: again") :]
    rows.definition(estate.workspace, text=text, name="two")
    task = replace(estate.task(), runbook="two")
    run = OperationRun.objects.get(ref=runs.start(task=task, by=estate.worker).ref)

    def brake(_: SwitchBoard, __: str) -> None:
        actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=lead)

    board.script = [Turn(also=brake)]
    estate.advance(run)
    assert (run.finished_at, len(board.calls)) == (None, 1)
    assert paused(run, lead) is not None
    estate.advance(due(run))
    assert len(board.calls) == 1
    actions.resume(ref=Brake.objects.get().ref, reason="over", by=lead)
    assert estate.advance(run).state == "completed"
    assert [key.rsplit(":", 1)[1] for key in board.calls] == ["flip", "again"]


def test_two_brakes_on_one_run_both_have_to_be_released(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    run = estate.start()
    first = actions.pause(kind=BrakeKind.EVERYTHING, reason="a", by=lead)
    second = actions.pause(kind=BrakeKind.TENANT, target="ten_one", reason="b", by=lead)
    estate.advance(run)
    actions.resume(ref=first, reason="over", by=lead)
    estate.advance(run)
    assert board.calls == []
    assert [one.waiting for one in queries.list_brakes(lead)] == [1]
    actions.resume(ref=second, reason="over", by=lead)
    assert estate.advance(run).state == "completed"


def test_resume_while_a_worker_decides_to_wait_is_not_lost(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    run = estate.start()
    ref = actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=lead)
    held = brakes.read(run).holding(run, ())
    assert held is not None
    actions.resume(ref=ref, reason="over", by=lead)
    assert not brakes.note_paused(run, held)


def test_what_applies_is_one_statement(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    run = estate.start()
    for kind, target in EVERY_KIND:
        actions.pause(kind=kind, target=target, reason="storm", by=lead)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert len(brakes.read(run).brakes) == 4
    assert len(asked) == 1


# Who may


@pytest.mark.requirement("R2-23")
def test_pause_needs_a_person(estate: Runs, lead: Actor) -> None:
    with pytest.raises(Denied):
        actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=estate.worker)
    ref = actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=lead)
    with pytest.raises(Denied):
        actions.resume(ref=ref, reason="over", by=estate.worker)


@pytest.mark.requirement("R2-23")
@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.ESCALATION_OWNER, Role.WORKSPACE_ADMINISTRATOR])
def test_pause_by_another_role_is_denied(estate: Runs, lead: Actor, role: Role) -> None:
    with pytest.raises(Denied):
        actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=replace(lead, capabilities=bundled([role])))


@pytest.mark.requirement("R2-23")
def test_member_of_some_tenants_pauses_only_those(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    theirs = rows.tenant(estate.workspace, key="ten_two")
    limited = replace(lead, tenant_ids=frozenset({theirs.pk}))
    for kind, target in [*EVERY_KIND, (BrakeKind.INTAKE, "")]:
        with pytest.raises(NotFound if kind is BrakeKind.TENANT else Denied):
            actions.pause(kind=kind, target=target, reason="storm", by=limited)
    ours = actions.pause(kind=BrakeKind.TENANT, target="ten_one", reason="storm", by=lead)
    assert queries.list_brakes(limited) == []
    with pytest.raises(NotFound):
        actions.resume(ref=ours, reason="over", by=limited)
    everything = actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=lead)
    with pytest.raises(Denied):
        actions.resume(ref=everything, reason="over", by=limited)
    actions.pause(kind=BrakeKind.TENANT, target="ten_two", reason="storm", by=limited)
    assert {one.kind for one in queries.list_brakes(limited)} == {BrakeKind.EVERYTHING, BrakeKind.TENANT}


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (BrakeKind.CONNECTOR, "none-such"),
        (BrakeKind.RUNBOOK, "flip-switch"),
        (BrakeKind.EVERYTHING, "ten_one"),
        (BrakeKind.INTAKE, "x"),
    ],
)
def test_pause_of_nothing_is_refused(
    estate: Runs, board: SwitchBoard, lead: Actor, kind: BrakeKind, target: str
) -> None:
    with pytest.raises(Invalid):
        actions.pause(kind=kind, target=target, reason="storm", by=lead)


def test_pause_and_resume_happen_once_with_a_reason(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    with pytest.raises(Invalid):
        actions.pause(kind=BrakeKind.EVERYTHING, reason=" ", by=lead)
    ref = actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=lead)
    with pytest.raises(Conflict) as again:
        actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=lead)
    assert again.value.code == "already-paused"
    with pytest.raises(Invalid):
        actions.resume(ref=ref, reason="", by=lead)
    actions.resume(ref=ref, reason="over", by=lead)
    with pytest.raises(Conflict) as twice:
        actions.resume(ref=ref, reason="over", by=lead)
    assert twice.value.code == "already-resumed"
    assert actions.pause(kind=BrakeKind.EVERYTHING, reason="again", by=lead) != ref
    events = AuditEvent.objects.filter(subject_kind="brake").order_by("pk").values_list("event", "actor")
    assert list(events) == [(f"brake.{e}", lead.name) for e in ("applied", "released", "applied")]


@pytest.mark.requirement("R2-21")
def test_brake_is_sealed_and_its_release_is_compared_with_its_events(
    estate: Runs, board: SwitchBoard, lead: Actor
) -> None:
    assert {"runbooks.brake", "runbooks.stop_request"} <= {source.name for source in sources.known()}
    ref = actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=lead)
    row = Brake.objects.get(ref=ref)
    assert releases.contradictions([row.pk]) == {}
    Brake.objects.filter(pk=row.pk).update(released_at="2026-01-01T00:00Z", released_by="eve", release_reason="x")
    assert set(releases.contradictions([row.pk])) == {row.pk}


def test_released_brake_stays_as_it_is(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    ref = actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=lead)
    actions.resume(ref=ref, reason="over", by=lead)
    with pytest.raises(Error, match="released"):
        Brake.objects.filter(ref=ref).update(released_by="eve")


# The intake


@pytest.mark.parametrize("kind", [BrakeKind.INTAKE, BrakeKind.EVERYTHING])
def test_paused_intake_leaves_tasks_in_the_task_system(
    estate: Runs, queue: Queue, lead: Actor, kind: BrakeKind
) -> None:
    known = estate.start("TASK-0")
    ref = actions.pause(kind=kind, reason="storm", by=lead)
    assert pulling.pull(by=estate.worker) == []
    with pytest.raises(runs.IntakePaused):
        estate.start()
    with pytest.raises(runs.IntakePaused):
        messages.deliver(message_id="m1", item=item(estate), by=estate.worker)
    assert runs.start(task=estate.task("TASK-0"), by=estate.worker).ref == known.ref
    assert not TaskRefusal.objects.exists()
    actions.resume(ref=ref, reason="over", by=lead)
    delivered = messages.deliver(message_id="m1", item=item(estate), by=estate.worker)
    assert delivered.received is not None
    assert delivered.received.outcome is tasks.IntakeOutcome.STARTED


def item(estate: Runs) -> dict[str, object]:
    task = estate.task("TASK-9")
    return {"id": task.key, "runbook": task.runbook, "version": task.version, "payload": task.payload}


# Stopping one run


@pytest.mark.requirement("R2-18")
def test_stop_before_any_call_ends_the_run_with_a_packet(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    run = estate.start()
    runs.stop(ref=run.ref, reason="wrong switch", by=lead)
    estate.advance(run)
    packet = ExceptionPacket.objects.get(run=run)
    assert (run.state, packet.cause, board.calls) == ("exception", "stopped-by-person", [])
    assert packet.message == f"{lead.name} stopped this run: wrong switch"


def test_stop_during_a_call_is_taken_at_the_next_decision(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    run = estate.start()

    def stop(_: SwitchBoard, __: str) -> None:
        runs.stop(ref=run.ref, reason="wrong switch", by=lead)

    board.script = [Turn(also=stop)]
    estate.advance(run)
    packet = ExceptionPacket.objects.get(run=run)
    assert (packet.cause, len(board.calls)) == ("stopped-by-person", 1)
    assert packet.attempts[0]["class"] == "succeeded"


@pytest.mark.requirement("R2-15", "R2-18")
def test_stop_of_an_unknown_outcome_says_that_it_is_unknown(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    run = estate.start()

    def stop(_: SwitchBoard, __: str) -> None:
        runs.stop(ref=run.ref, reason="wrong switch", by=lead)

    board.script = [Turn(effect=False, answer=SILENT_NOT_DONE.answer, also=stop)]
    estate.advance(run)
    packet = ExceptionPacket.objects.get(run=run)
    assert packet.message.startswith("It is unknown whether the action took effect.")
    assert len(board.calls) == 1


def test_stop_of_a_paused_run_ends_it(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    run = estate.start()
    ref = actions.pause(kind=BrakeKind.EVERYTHING, reason="storm", by=lead)
    estate.advance(run)
    runs.stop(ref=run.ref, reason="wrong switch", by=lead)
    assert estate.advance(run).state == "exception"
    assert actions.resume(ref=ref, reason="over", by=lead) == 0


def test_stop_twice_or_of_an_ended_run_is_refused(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    run = estate.start()
    with pytest.raises(Invalid):
        runs.stop(ref=run.ref, reason="", by=lead)
    with pytest.raises(Denied):
        runs.stop(ref=run.ref, reason="x", by=estate.worker)
    runs.stop(ref=run.ref, reason="wrong switch", by=lead)
    for expected in ("stop-requested", "run-ended"):
        with pytest.raises(Conflict) as refused:
            runs.stop(ref=run.ref, reason="again", by=lead)
        assert refused.value.code == expected
        estate.advance(run)


# Taking a version out


@pytest.mark.requirement("R2-04")
def test_deprecated_version_pauses_its_runs_until_it_comes_back(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    run, other = estate.start(), replace(lead, name="other@example.com")
    definitions.deprecate(definition_id=estate.definition.pk, reason="a doubt", by=lead)
    estate.advance(run)
    seen = paused(run, lead)
    assert (run.state, board.calls) == ("received", [])
    assert seen is not None
    assert (seen.brake, seen.by, seen.reason) == (None, lead.name, "a doubt")
    definitions.request_return(definition_id=estate.definition.pk, reason="it was right", by=lead)
    with pytest.raises(Conflict) as own:
        definitions.bring_back(definition_id=estate.definition.pk, digest=estate.definition.digest, by=lead)
    assert own.value.code == "own-request"
    with pytest.raises(Conflict) as differs:
        definitions.bring_back(definition_id=estate.definition.pk, digest="sha256:" + "0" * 64, by=other)
    assert differs.value.code == "digest-differs"
    definitions.bring_back(definition_id=estate.definition.pk, digest=estate.definition.digest, by=other)
    assert estate.advance(run).state == "completed"


def test_deprecated_version_pauses_its_run_whose_answer_was_lost(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    def deprecate(_: SwitchBoard, __: str) -> None:
        definitions.deprecate(definition_id=estate.definition.pk, reason="a doubt", by=lead)

    board.script = [replace(SILENT_NOT_DONE, also=deprecate)]
    run, other = estate.advance(estate.start()), replace(lead, name="other@example.com")
    seen = paused(run, lead)
    assert (run.state, len(board.calls), seen and seen.reason) == ("invoking", 1, "a doubt")
    definitions.request_return(definition_id=estate.definition.pk, reason="it was right", by=lead)
    definitions.bring_back(definition_id=estate.definition.pk, digest=estate.definition.digest, by=other)
    assert (estate.advance(run).state, len(set(board.calls)), len(board.calls)) == ("completed", 1, 2)


@pytest.mark.django_db
def test_paused_connector_that_is_not_needed_any_more_holds_nothing() -> None:
    own = 'call: {connector: once, put: "/switches/{task.switch_id}", json: {state: "on"}}'
    first = own.replace("once", "board")
    with changes.world(changes.TWO_STEPS.replace(first, own, 1)) as (estate, board, connectors):
        connectors["once"] = BoardConnector(board, name="once")
        by = as_person(estate.worker)

        def pause(_: SwitchBoard, __: str) -> None:
            actions.pause(kind=BrakeKind.CONNECTOR, target="once", reason="It is ill.", by=by)

        board.script = [replace(DONE, also=pause)]
        assert (estate.advance(estate.start()).state, len(board.calls)) == ("completed", 2)


def test_next_version_turns_paused_runs_of_the_last_into_packets(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    run = estate.start()
    definitions.deprecate(definition_id=estate.definition.pk, reason="a doubt", by=lead)
    estate.advance(run)
    next_one = definitions.propose(text=NEXT, by=lead)
    definitions.approve(definition_id=next_one.id, by=replace(lead, name="other@example.com"))
    assert estate.advance(run).state == "exception"
    assert ExceptionPacket.objects.get(run=run).reason == "runbook-version-mismatch"


@pytest.mark.requirement("R2-23")
def test_version_comes_back_only_where_none_is_active(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    with pytest.raises(Conflict) as active:
        definitions.request_return(definition_id=estate.definition.pk, reason="x", by=lead)
    assert active.value.code == "not-deprecated"
    definitions.deprecate(definition_id=estate.definition.pk, reason="a doubt", by=lead)
    with pytest.raises(Conflict) as nobody:
        definitions.bring_back(definition_id=estate.definition.pk, digest=estate.definition.digest, by=lead)
    assert nobody.value.code == "return-not-requested"
    rows.definition(estate.workspace, text=RUNBOOK.replace("version: 1", "version: 2"), name="flip-switch", version=2)
    with pytest.raises(Conflict) as other:
        definitions.request_return(definition_id=estate.definition.pk, reason="x", by=lead)
    assert other.value.code == "version-active"


def test_way_back_and_its_end_agree_with_their_events(estate: Runs, board: SwitchBoard, lead: Actor) -> None:
    other = replace(lead, name="other@example.com")
    proposed = definitions.propose(text=NEXT, by=lead)
    definitions.approve(definition_id=proposed.id, by=other)
    for _ in range(2):
        definitions.deprecate(definition_id=proposed.id, reason="a doubt", by=lead)
        assert contradictions([proposed.id]) == {}
        definitions.request_return(definition_id=proposed.id, reason="it was right", by=lead)
        assert contradictions([proposed.id]) == {}
        definitions.bring_back(definition_id=proposed.id, digest=proposed.digest, by=other)
        assert contradictions([proposed.id]) == {}
    Definition.objects.filter(pk=proposed.id).update(returned_by="eve@example.com")
    assert set(contradictions([proposed.id])) == {proposed.id}
