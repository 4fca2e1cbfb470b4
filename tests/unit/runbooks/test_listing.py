"""Lists of runs: what they are narrowed to, what is refused, and that no run falls between two pages."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.kernel.clock import now
from handrail.kernel.errors import Invalid
from handrail.runbooks.models import OperationRun, PausedRun
from handrail.runbooks.queries.runs import RunFilter, count_states, get_run, list_runs
from handrail.runbooks.queries.situations import Situation
from handrail.runbooks.states import EventKind, RunState
from tests.factories import rows, situations

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor() -> Actor:
    return access.command_line(rows.workspace().slug)


@pytest.fixture
def each(actor: Actor) -> dict[Situation, set[str]]:
    return situations.one_of_each(access.get_workspace())


def refs(actor: Actor, **wanted: object) -> list[str]:
    return [run.ref for run in list_runs(actor, RunFilter(**wanted))]  # type: ignore[arg-type]


@pytest.mark.parametrize("situation", Situation)
def test_a_situation_lists_the_runs_that_are_in_it_and_no_other(
    actor: Actor, each: dict[Situation, set[str]], situation: Situation
) -> None:
    assert set(refs(actor, situation=situation)) == each[situation]
    assert sum(count_states(actor, RunFilter(situation=situation)).values()) == len(each[situation])


@pytest.mark.parametrize("situation", Situation)
def test_a_situation_shows_nothing_of_another_tenant(
    actor: Actor, each: dict[Situation, set[str]], situation: Situation
) -> None:
    workspace = access.get_workspace()
    elsewhere = access.actor_for(rows.member(workspace, *Role, tenants=[rows.tenant(workspace)]))
    assert refs(elsewhere, situation=situation) == []


def test_a_call_whose_deadline_has_passed_without_a_result_is_unknown(actor: Actor) -> None:
    workspace = access.get_workspace()
    tenant, definition = rows.tenant(workspace), rows.definition(workspace)
    late, early = (rows.run(tenant, definition, state=RunState.INVOKING) for _ in range(2))
    for run, minutes in ((late, -1), (early, 1)):
        deadline = now() + timedelta(minutes=minutes)
        rows.entry(run, EventKind.INTENT, after=1, step="resynchronise", attempt=1, deadline_at=deadline)
    assert refs(actor, situation=Situation.UNKNOWN) == [late.ref]


def test_a_note_of_a_released_brake_or_of_an_earlier_move_pauses_nothing(
    actor: Actor, each: dict[Situation, set[str]]
) -> None:
    (ref,) = each[Situation.PAUSED]
    OperationRun.objects.filter(ref=ref).update(updated_at=now())
    assert refs(actor, situation=Situation.PAUSED) == []
    assert PausedRun.objects.count() == 1


def test_a_retrying_run_names_its_next_attempt_and_when(actor: Actor, each: dict[Situation, set[str]]) -> None:
    (ref,) = each[Situation.RETRYING]
    (listed,) = list_runs(actor, RunFilter(situation=Situation.RETRYING))
    detail = get_run(actor, ref)
    assert listed.retrying == detail.summary.retrying
    assert listed.retrying is not None
    last = detail.ledger[-1]
    assert (listed.retrying.attempt, listed.retrying.limit) == (2, 3)
    assert listed.retrying.next_at == last.at + timedelta(seconds=situations.WAIT_SECONDS)
    assert {run.ref for run in list_runs(actor) if run.retrying} == {ref}


def test_task_key_finds_its_run_whole_or_by_its_beginning(actor: Actor) -> None:
    workspace = access.get_workspace()
    tenant, definition = rows.tenant(workspace), rows.definition(workspace)
    made = {}
    for key in ("CHG-7", "CHG-77", "CHG%7", "chg-7"):
        run = rows.made_run(tenant, definition)
        run.task_key = key
        run.save(force_insert=True)
        made[key] = run.ref
    assert set(refs(actor, task="CHG-77")) == {made["CHG-77"]}
    assert set(refs(actor, task="CHG-7")) == {made["CHG-7"], made["CHG-77"]}
    assert set(refs(actor, task="CHG%")) == {made["CHG%7"]}
    assert refs(actor, task="HG-7") == []


def test_since_is_included_and_until_is_not(actor: Actor) -> None:
    workspace = access.get_workspace()
    tenant, definition, noon = rows.tenant(workspace), rows.definition(workspace), now() - timedelta(days=2)
    early, middle, late = (rows.run(tenant, definition, at=noon + timedelta(hours=hours)).ref for hours in (-1, 0, 1))
    assert refs(actor, since=noon) == [late, middle]
    assert refs(actor, until=noon + timedelta(hours=1)) == [middle, early]
    assert refs(actor, since=noon, until=noon + timedelta(hours=1)) == [middle]


def test_paging_loses_no_run_of_one_moment(actor: Actor) -> None:
    workspace = access.get_workspace()
    tenant, definition, at = rows.tenant(workspace), rows.definition(workspace), now() - timedelta(hours=1)
    made = [rows.run(tenant, definition, at=at).ref for _ in range(7)]
    seen: list[str] = []
    while page := refs(actor, limit=2, after=seen[-1] if seen else ""):
        seen += page
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        ({"state": "sleeping"}, "state"),
        ({"situation": "stuck"}, "situation"),
        ({"tenant": "ten_nobody"}, "tenant"),
        ({"runbook": "no-such-runbook"}, "runbook"),
        ({"after": "RUN-0000000000"}, "after"),
        ({"since": now(), "until": now() - timedelta(days=1)}, "until"),
    ],
    ids=lambda each: str(each) if isinstance(each, str) else "",
)
def test_a_filter_that_names_nothing_is_refused_by_name(actor: Actor, wanted: dict[str, object], where: str) -> None:
    with pytest.raises(Invalid) as refused:
        refs(actor, **wanted)
    assert (refused.value.code, [fault.where for fault in refused.value.faults]) == ("unknown-filter", [where])


def test_what_is_anothers_is_refused_like_what_nobody_has(actor: Actor) -> None:
    other = rows.workspace("Elsewhere")
    tenant = rows.tenant(other)
    run = rows.run(tenant, rows.definition(other, name="their-runbook"))
    for name, theirs, nobodys in (
        ("tenant", tenant.key, "ten_nobody"),
        ("runbook", "their-runbook", "no-such-runbook"),
        ("after", run.ref, "RUN-0000000000"),
    ):
        said = []
        for value in (theirs, nobodys):
            with pytest.raises(Invalid) as refused:
                refs(actor, **{name: value})
            said.append((refused.value.message, refused.value.faults))
        assert said[0] == said[1]


def test_a_known_tenant_without_runs_is_an_empty_list(actor: Actor) -> None:
    workspace = access.get_workspace()
    rows.definition(workspace)
    key = rows.tenant(workspace).key
    assert refs(actor, tenant=key, runbook="entitlement-resync") == []
