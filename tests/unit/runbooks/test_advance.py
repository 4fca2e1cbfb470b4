"""What becomes of a run, for each thing that the outside may do to it."""

from __future__ import annotations

import pytest

from handrail.access import queries as access
from handrail.access.capabilities import Role
from handrail.audit.models import AuditEvent
from handrail.connectors.outcome import Answer, ReadFailed
from handrail.runbooks.evaluation import evaluate
from handrail.runbooks.models import Checkpoint, CompletionRecord, ExceptionPacket, OperationRun, RetryLedgerEntry
from handrail.runbooks.queries import runs as queries
from handrail.runbooks.states import EventKind
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import (
    BUSY,
    CLAIMS_DONE,
    DONE,
    FORBIDDEN,
    ODD,
    RUNBOOK,
    SILENT_DONE,
    SILENT_NOT_DONE,
    UNREACHABLE,
    SwitchBoard,
    Turn,
)


def ending(run: OperationRun) -> str:
    packet = ExceptionPacket.objects.filter(run=run).first()
    return f"{packet.cause}:{packet.reason}" if packet else run.state


def kinds(run: OperationRun) -> list[str]:
    return list(Checkpoint.objects.filter(run=run).order_by("sequence").values_list("kind", flat=True))


@pytest.mark.requirement("R2-09", "R2-20")
def test_advance_completes_and_leaves_one_record_of_each_kind(estate: Runs, board: SwitchBoard) -> None:
    run = estate.advance(estate.start())
    assert run.state == "completed"
    assert kinds(run) == ["received", "claimed", "checked", "intent", "result", "verified", "completed"]
    record = CompletionRecord.objects.get(run=run)
    assert record.fields == {"task.switch_id": "s1", "switch.state": "on"}
    assert RetryLedgerEntry.objects.get(run=run).attempts == 1
    assert len(board.effects) == 1


@pytest.mark.requirement("R2-08", "R2-12", "R2-13", "R2-14")
@pytest.mark.parametrize(
    ("script", "expected", "attempts"),
    [
        ([BUSY, DONE], "completed", 2),
        ([UNREACHABLE, BUSY, DONE], "completed", 3),
        ([BUSY] * 4, "retries-exhausted:retries-exhausted", 4),
        ([FORBIDDEN], "terminal-result:terminal-result", 1),
        ([ODD], "ambiguous-result:ambiguous-result", 1),
        ([SILENT_DONE], "completed", 1),
        ([SILENT_NOT_DONE, DONE], "completed", 2),
        ([CLAIMS_DONE], "verification-failed:not-on", 1),
    ],
)
def test_advance_ends_as_the_answers_say(
    estate: Runs, board: SwitchBoard, script: list[Turn], expected: str, attempts: int
) -> None:
    board.script = list(script)
    run = estate.advance(estate.start())
    assert (ending(run), len(board.calls)) == (expected, attempts)
    assert len(board.effects) <= 1
    assert RetryLedgerEntry.objects.get(run=run).attempts == attempts


@pytest.mark.requirement("R2-06", "R2-13")
def test_advance_spends_no_more_than_the_tasks_budget(estate: Runs, board: SwitchBoard) -> None:
    board.script = [BUSY] * 4
    run = estate.advance(estate.start(budget=1))
    assert (ending(run), len(board.calls)) == ("retries-exhausted:retries-exhausted", 2)


def test_advance_gives_up_when_told_to_wait_too_long(estate: Runs, board: SwitchBoard) -> None:
    board.script = [Turn(effect=False, answer=Answer(status=503, retry_after_seconds=86_400))]
    run = estate.advance(estate.start())
    assert ending(run) == "retries-exhausted:retries-exhausted"


@pytest.mark.requirement("R2-03", "R2-10")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"owner": "ten_other"}, "prerequisite:owner-mismatch"),
        ({"fuse": "sealed"}, "boundary:fuse-sealed"),
        ({"fuse": None}, "source-unreadable:source-unreadable-switch"),
    ],
)
def test_advance_stops_before_invoking_when_a_prerequisite_fails(
    estate: Runs, board: SwitchBoard, change: dict[str, object], expected: str
) -> None:
    board.switches["s1"] |= change
    run = estate.advance(estate.start())
    assert ending(run) == expected
    assert board.calls == []


def test_advance_reads_again_after_a_passing_read_failure(estate: Runs, board: SwitchBoard) -> None:
    board.read_failures = [ReadFailed("board: status 503", status=503, retryable=True)]
    assert estate.advance(estate.start()).state == "completed"


@pytest.mark.requirement("R2-14", "R2-19")
def test_advance_stops_when_a_guarded_value_changed_meanwhile(estate: Runs, board: SwitchBoard) -> None:
    def change(world: SwitchBoard, switch: str) -> None:
        world.switches[switch]["fuse"] = "bridged"

    board.script = [Turn(also=change)]
    run = estate.advance(estate.start())
    assert ending(run) == "verification-failed:changed-switch-fuse"


@pytest.mark.requirement("R2-19")
def test_advance_stops_at_a_boundary_when_a_guard_is_broken(estate: Runs, board: SwitchBoard) -> None:
    def alarm(world: SwitchBoard, switch: str) -> None:
        world.switches[switch]["marker"] = "alarm"

    board.script = [Turn(also=alarm)]
    assert ending(estate.advance(estate.start())) == "boundary:alarm-raised"


@pytest.mark.requirement("R2-03")
def test_advance_stops_when_the_task_names_another_version(estate: Runs, board: SwitchBoard) -> None:
    run = estate.advance(estate.start(version=7))
    assert ending(run) == "prerequisite:runbook-version-mismatch"
    assert board.calls == []


@pytest.mark.requirement("R2-19")
def test_advance_never_repeats_where_the_target_does_not_deduplicate(estate: Runs, board: SwitchBoard) -> None:
    text = RUNBOOK.replace("deduplicates: true", "deduplicates: false").replace("[{status: [503]}, ", "[")
    other = Installation(text, workspace="other").runs
    board.script = [SILENT_NOT_DONE]
    run = other.advance(other.start())
    assert (ending(run), len(board.calls)) == ("outcome-unknown:outcome-unknown", 1)


def test_advance_an_ended_run_does_nothing(estate: Runs, board: SwitchBoard) -> None:
    run = estate.advance(estate.start())
    before = kinds(run)
    estate.advance(run)
    assert kinds(run) == before


@pytest.mark.requirement("R2-18")
def test_exception_packet_tells_every_attempt(estate: Runs, board: SwitchBoard) -> None:
    board.script = [BUSY, ODD]
    run = estate.advance(estate.start())
    packet = ExceptionPacket.objects.get(run=run)
    assert [(a["attempt"], a["class"]) for a in packet.attempts] == [(1, "retryable"), (2, "ambiguous")]
    assert packet.escalate_to == "senior-support"
    assert [e["source"] for e in packet.evidence] == ["switch"]
    assert packet.checkpoint == "Flipped"


@pytest.mark.requirement("R2-18")
def test_exception_packet_names_the_last_checkpoint_that_was_passed(estate: Runs, board: SwitchBoard) -> None:
    board.switches["s1"]["fuse"] = "sealed"
    assert ExceptionPacket.objects.get(run=estate.advance(estate.start())).checkpoint == "In"


def test_ledger_tells_checkpoints_in_the_runbooks_words(estate: Runs, board: SwitchBoard) -> None:
    run = estate.advance(estate.start())
    ledger = queries.get_run(estate.worker, run.ref).ledger
    assert [row.checkpoint for row in ledger] == ["In", "", "Looked", "Flipped", "", "Seen", "Out"]


@pytest.mark.requirement("R2-22")
def test_exception_packet_carries_only_values_that_the_definition_names(board: SwitchBoard) -> None:
    # Approved before a runbook had to let its packet carry what its guards may fail on.
    estate = Installation.named("Before", RUNBOOK.replace(", switch.fuse, switch.marker]}", "]}")).runs
    board.add("s1", owner=estate.tenant.key, fuse="sealed")
    packet = ExceptionPacket.objects.get(run=estate.advance(estate.start()))
    assert packet.evidence[0]["values"] == {"state": "off"}
    assert packet.fields == {"task.switch_id": "s1", "switch.state": "off"}


@pytest.mark.requirement("R2-07")
def test_one_run_a_subject_the_second_waits_for_the_first(estate: Runs, board: SwitchBoard) -> None:
    first, second = estate.start("TASK-1"), estate.start("TASK-2")
    OperationRun.objects.filter(pk=first.pk).update(state="checking")
    assert estate.advance(second).state == "received"
    OperationRun.objects.filter(pk=first.pk).update(state="received")
    assert estate.advance(first).state == "completed"
    assert estate.advance(second).state == "completed"


@pytest.mark.requirement("R2-21")
def test_every_act_is_audited(estate: Runs, board: SwitchBoard) -> None:
    run = estate.advance(estate.start())
    events = AuditEvent.objects.filter(subject=run.ref).order_by("id").values_list("event", flat=True)
    assert list(events) == ["run.received", "run.checked", "run.invoked", "run.completed"]


@pytest.mark.requirement("R2-20", "R2-21")
def test_stop_is_audited_with_its_condition_and_every_retry_is_in_the_ledger(estate: Runs, board: SwitchBoard) -> None:
    board.script = [BUSY, CLAIMS_DONE]
    run = estate.advance(estate.start())
    told = list(AuditEvent.objects.filter(subject=run.ref).order_by("id"))
    assert [one.event for one in told] == ["run.received", "run.checked", "run.invoked", "run.invoked", "run.stopped"]
    assert (told[-1].context["cause"], told[-1].context["reason"]) == ("verification-failed", "not-on")
    results = Checkpoint.objects.filter(run=run, kind=EventKind.RESULT).order_by("sequence")
    assert [(row.attempt, row.detail["class"], row.detail["why"]) for row in results][:1] == [
        (1, "retryable", "retryable[0]: status 503")
    ]
    assert kinds(run)[-3:] == ["intent", "result", "exception"]
    assert Checkpoint.objects.get(run=run, kind=EventKind.EXCEPTION).detail["reason"] == "not-on"
    kept = RetryLedgerEntry.objects.get(run=run)
    assert (kept.limit, kept.attempts, kept.detail[0]["class"]) == (3, 2, "retryable")


def test_ledger_names_the_worker_of_each_row(estate: Runs, board: SwitchBoard) -> None:
    run = estate.advance(estate.start())
    assert set(Checkpoint.objects.filter(run=run).values_list("worker", flat=True)) == {"worker-1"}
    assert Checkpoint.objects.get(run=run, kind=EventKind.INTENT).idempotency_key == f"{run.ref}:flip"


@pytest.mark.requirement("R2-31")
def test_figures_tell_what_was_caught_before_and_after_the_call_by_cause(estate: Runs, board: SwitchBoard) -> None:
    for name, change in {"s2": {"owner": "ten_other"}, "s3": {"fuse": "sealed"}, "s4": {}, "s5": {}, "s6": {}}.items():
        board.add(name, owner=estate.tenant.key)
        board.switches[name] |= change
    for name, script in {"s2": [], "s3": [], "s4": [ODD], "s5": [BUSY] * 4, "s6": [CLAIMS_DONE]}.items():
        board.script = list(script)
        estate.advance(estate.start(f"TASK-{name}", name))
    found = evaluate(access.actor_for(rows.member(estate.workspace, Role.AUDITOR)))
    assert (found.total.caught_before, found.total.caught_after, found.total.completed) == (2, 3, 0)
    assert {cause.cause: cause.count for cause in found.causes} == {
        "prerequisite": 1,
        "boundary": 1,
        "ambiguous-result": 1,
        "retries-exhausted": 1,
        "verification-failed": 1,
    }
