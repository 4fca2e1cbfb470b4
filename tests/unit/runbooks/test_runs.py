"""Starting, cancelling and previewing runs."""

from __future__ import annotations

import dataclasses

import pytest
from django.db import IntegrityError, transaction

from handrail.access.capabilities import Role, bundled
from handrail.audit.models import AuditEvent
from handrail.definitions.models import Definition
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound, Stale
from handrail.runbooks.actions import previews, runs
from handrail.runbooks.models import Checkpoint, OperationRun, Report
from handrail.runbooks.queries import runs as queries
from tests.factories import rows
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import RUNBOOK, SwitchBoard


@pytest.mark.requirement("R2-20")
def test_start_again_gives_the_same_run(estate: Runs, board: SwitchBoard) -> None:
    first = runs.start(task=estate.task(), by=estate.worker)
    second = runs.start(task=estate.task(), by=estate.worker)
    assert (second.ref, second.created) == (first.ref, False)


def test_start_again_with_other_content_is_refused(estate: Runs, board: SwitchBoard) -> None:
    runs.start(task=estate.task(), by=estate.worker)
    with pytest.raises(Conflict) as caught:
        runs.start(task=estate.task(switch="s2"), by=estate.worker)
    assert caught.value.code == "task-changed"


def activate_next(estate: Runs, version: int = 2) -> None:
    """Puts the next version of the estate's runbook in force, as its approval does."""
    Definition.objects.filter(pk=estate.definition.pk).update(
        state="deprecated", deprecated_at=now(), deprecated_by="b@example.com"
    )
    rows.definition(
        estate.workspace, text=RUNBOOK.replace("version: 1", f"version: {version}"), name="flip-switch", version=version
    )


def test_start_a_finished_task_again_under_a_new_version_gives_its_run(estate: Runs, board: SwitchBoard) -> None:
    run = estate.advance(estate.start())
    activate_next(estate)
    again = runs.start(task=estate.task(), by=estate.worker)
    assert (again.ref, again.created, board.calls) == (run.ref, False, board.calls[:1])


def test_start_a_task_that_names_the_new_version_makes_a_run(estate: Runs, board: SwitchBoard) -> None:
    estate.start()
    activate_next(estate)
    assert runs.start(task=estate.task(version=2), by=estate.worker).created


def test_start_again_when_no_version_is_active_gives_its_run(estate: Runs, board: SwitchBoard) -> None:
    run = estate.start()
    Definition.objects.update(state="deprecated", deprecated_at=now(), deprecated_by="b@example.com")
    assert runs.start(task=estate.task(), by=estate.worker).ref == run.ref


def test_start_another_tenants_task_key_makes_a_run_of_ones_own(estate: Runs, board: SwitchBoard) -> None:
    theirs = estate.start()
    mine = rows.tenant(estate.workspace, key="ten_two")
    member = dataclasses.replace(estate.worker, tenant_ids=frozenset({mine.pk}))
    started = runs.start(task=estate.task(tenant_id="ten_two"), by=member)
    assert (started.created, started.ref == theirs.ref) == (True, False)
    assert runs.start(task=estate.task(), by=estate.worker).ref == theirs.ref


def test_the_database_keeps_one_run_a_task_and_version(estate: Runs, board: SwitchBoard) -> None:
    run = estate.start()
    run.pk, run.ref = None, "RUN-0000000002"
    with pytest.raises(IntegrityError, match="run_once_a_task"), transaction.atomic():
        run.save(force_insert=True)


def test_start_names_every_wrong_field(estate: Runs, board: SwitchBoard) -> None:
    task = estate.task(budget="three", colour="red")
    with pytest.raises(Invalid) as caught:
        runs.start(task=task, by=estate.worker)
    assert {fault.where for fault in caught.value.faults} == {"task.budget", "task"}


def test_start_for_an_unknown_tenant_finds_nothing(estate: Runs, board: SwitchBoard) -> None:
    task = estate.task(tenant_id="ten_nobody")
    with pytest.raises(NotFound):
        runs.start(task=task, by=estate.worker)


def test_start_without_an_active_runbook_finds_nothing(estate: Runs, board: SwitchBoard) -> None:
    task = dataclasses.replace(estate.task(), runbook="no-such")
    with pytest.raises(NotFound, match="No version of the runbook no-such is active"):
        runs.start(task=task, by=estate.worker)


def test_start_without_the_capability_is_denied(estate: Runs, board: SwitchBoard) -> None:
    auditor = dataclasses.replace(estate.worker, capabilities=bundled([Role.AUDITOR]))
    with pytest.raises(Denied):
        runs.start(task=estate.task(), by=auditor)


def test_cancel_before_invocation_ends_the_run_and_tells(estate: Runs, board: SwitchBoard) -> None:
    run = estate.start()
    runs.cancel(ref=run.ref, by=as_person(estate.worker))
    run.refresh_from_db()
    assert (run.state, run.due_at) == ("cancelled", None)
    assert Report.objects.filter(run=run).exists()
    assert estate.advance(run).state == "cancelled"
    assert board.calls == []


def test_cancel_by_the_longest_address_names_it_in_the_ledger(estate: Runs, board: SwitchBoard) -> None:
    run, longest = estate.start(), as_person(estate.worker, "a" * 242 + "@example.com")
    runs.cancel(ref=run.ref, by=longest)
    assert run.checkpoints.get(kind="cancelled").worker == longest.name


def test_cancel_of_a_run_that_began_since_it_was_looked_at_is_told_as_that(estate: Runs, board: SwitchBoard) -> None:
    run = estate.start()
    OperationRun.objects.filter(pk=run.pk).update(state="invoking")  # as a worker does behind the check
    with pytest.raises(Stale):
        runs.write_cancelled(run, as_person(estate.worker))


def test_cancel_after_the_end_is_refused(estate: Runs, board: SwitchBoard) -> None:
    run = estate.advance(estate.start())
    with pytest.raises(Conflict, match="This run has ended"):
        runs.cancel(ref=run.ref, by=as_person(estate.worker))


def test_cancel_while_invoking_is_refused(estate: Runs, board: SwitchBoard) -> None:
    run = estate.start()
    OperationRun.objects.filter(pk=run.pk).update(state="invoking")
    with pytest.raises(Conflict) as caught:
        runs.cancel(ref=run.ref, by=as_person(estate.worker))
    assert caught.value.code == "run-invoked"


def test_preview_says_what_would_be_invoked_and_writes_nothing_outside(estate: Runs, board: SwitchBoard) -> None:
    shown = previews.preview(task=estate.task(), by=estate.worker)
    assert shown.would_start
    assert shown.would_invoke is not None
    assert shown.would_invoke.operation["path"] == "/switches/s1"
    assert board.calls == []
    assert OperationRun.objects.count() == Checkpoint.objects.count() == 0
    assert AuditEvent.objects.filter(event="run.previewed").count() == 1


@pytest.mark.requirement("R2-03")
def test_preview_shows_the_prerequisite_that_fails(estate: Runs, board: SwitchBoard) -> None:
    board.switches["s1"]["fuse"] = "sealed"
    shown = previews.preview(task=estate.task(), by=estate.worker)
    assert [(p.reason, p.result) for p in shown.prerequisites if p.result] == [("fuse-sealed", "not-met")]
    assert not shown.would_start


def test_preview_of_an_unreadable_source_says_so(estate: Runs, board: SwitchBoard) -> None:
    shown = previews.preview(task=estate.task(switch="nowhere"), by=estate.worker)
    assert shown.unreadable
    assert not shown.would_start


def test_list_runs_is_scoped_to_the_actors_tenants(estate: Runs, board: SwitchBoard) -> None:
    estate.start()
    foreign = dataclasses.replace(estate.worker, tenant_ids=frozenset())
    assert [len(queries.list_runs(actor)) for actor in (estate.worker, foreign)] == [1, 0]


def test_count_states_of_a_runbook_counts_only_its_runs(estate: Runs, board: SwitchBoard) -> None:
    estate.start()
    (name,) = queries.list_runbook_names(estate.worker)
    for runbook, count in ((name, 1), ("another", 0)):
        assert sum(queries.count_states(estate.worker, queries.RunFilter(runbook=runbook)).values()) == count


def test_count_states_names_every_state(estate: Runs, board: SwitchBoard) -> None:
    estate.start()
    counts = queries.count_states(estate.worker)
    assert counts["received"] == sum(counts.values()) == 1
