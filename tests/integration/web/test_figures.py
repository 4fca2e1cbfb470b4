"""The evaluation page counts what the records say; the audit page shows what was done, to its own workspace only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.test import Client

from handrail.access import evidence
from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.access.queries import actor_for
from handrail.kernel.clock import now
from handrail.runbooks.evaluation import evaluate
from tests.factories import rows
from tests.factories.web import Web

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(house: Web) -> Actor:
    return actor_for(rows.member(house.workspace, Role.AUDITOR))


@pytest.mark.requirement("R2-30")
def test_figures_count_this_workspace(house: Web, neighbour: Web, auditor: Actor) -> None:
    total = evaluate(auditor).total
    assert (total.ended, total.completed, total.stopped) == (2, 1, 1)
    assert (total.first_time, total.repeats) == (0, 1)
    assert (total.caught_before, total.caught_after) == (0, 1)
    assert total.seconds_median == pytest.approx(7)


@pytest.mark.requirement("R2-30")
def test_figures_of_a_period_leave_older_runs_out(house: Web, auditor: Actor) -> None:
    rows.completed_run(house.tenant, house.definition, at=now() - timedelta(days=40))
    assert evaluate(auditor).total.completed == 2
    assert evaluate(auditor, since=now() - timedelta(days=30)).total.completed == 1


def test_causes_and_unresolved_are_counted(house: Web, auditor: Actor) -> None:
    result = evaluate(auditor)
    assert [(c.cause, c.count) for c in result.causes] == [("ambiguous-result", 1)]
    assert (result.unresolved, result.takeover_seconds) == (1, None)


@pytest.mark.parametrize("field", ["tenant", "runbook", "period", "span"])
@pytest.mark.parametrize("text", ["\0", "%", "\ud800", "x" * 5000])
def test_filters_that_nothing_can_be_choose_nothing(as_role: Callable[..., Client], field: str, text: str) -> None:
    query = f"{field}=" + quote(text, errors="surrogatepass")
    assert as_role(Role.AUDITOR).get(f"/admin/evaluation?{query}").status_code in (200, 400)


def test_audit_shows_own_events_and_filters_them(
    house: Web, neighbour: Web, as_role: Callable[..., Client], enter: Callable[..., Client]
) -> None:
    enter(rows.member(neighbour.workspace, Role.SENIOR_SUPPORT)).post(f"/admin/exceptions/{neighbour.stopped.ref}/take")
    as_role(Role.SENIOR_SUPPORT).post(f"/admin/exceptions/{house.stopped.ref}/take")
    client = as_role(Role.AUDITOR)
    shown = client.get("/admin/audit").content.decode()
    assert house.stopped.ref in shown
    assert neighbour.stopped.ref not in shown
    assert "No event matches" in client.get("/admin/audit", {"event": "run.cancelled"}).content.decode()
    assert house.stopped.ref in client.get("/admin/audit", {"subject": house.stopped.ref}).content.decode()


def events(client: Client, **asked: str) -> str:
    return client.get("/admin/audit", asked).content.decode()


@pytest.fixture
def taken(house: Web, enter: Callable[..., Client]) -> str:
    """The exception packet of which one event tells, today."""
    enter(rows.member(house.workspace, Role.SENIOR_SUPPORT)).post(f"/admin/exceptions/{house.stopped.ref}/take")
    return house.stopped.ref


def test_audit_of_a_chosen_tenant_shows_that_tenants_events(
    house: Web, taken: str, as_role: Callable[..., Client]
) -> None:
    other, client = rows.tenant(house.workspace, name="Other"), as_role(Role.AUDITOR)
    assert taken in events(client, tenant=house.tenant.key)
    assert taken not in events(client, tenant=other.key)


def test_audit_of_a_tenant_out_of_scope_shows_nothing(
    house: Web, neighbour: Web, taken: str, as_role: Callable[..., Client]
) -> None:
    client = as_role(Role.AUDITOR)
    foreign, unknown = (events(client, tenant=key) for key in (neighbour.tenant.key, "ten_nothing"))
    assert "No event matches" in foreign
    assert foreign.replace(neighbour.tenant.key, "ten_nothing") == unknown


def test_audit_of_days_includes_the_first_and_the_last(taken: str, as_role: Callable[..., Client]) -> None:
    client, today = as_role(Role.AUDITOR), now().date()
    yesterday, tomorrow = (str(today + timedelta(days=days)) for days in (-1, 1))
    assert taken in events(client, **{"from": str(today), "to": str(today)})
    assert taken not in events(client, **{"from": tomorrow})
    assert taken not in events(client, to=yesterday)


@pytest.mark.parametrize("day", ["soon", "2026-02-30", "9999-12-31", "0001-01-01", "20260101T00"])
def test_audit_day_that_is_none_filters_nothing(day: str, taken: str, as_role: Callable[..., Client]) -> None:
    assert taken in events(as_role(Role.AUDITOR), to=day)


def test_audit_of_one_tenant_only_shows_that_tenant(house: Web, enter: Callable[..., Client]) -> None:
    other = rows.tenant(house.workspace, name="Other")
    enter(rows.member(house.workspace, Role.SENIOR_SUPPORT)).post(f"/admin/exceptions/{house.stopped.ref}/take")
    client = enter(rows.member(house.workspace, Role.AUDITOR, tenants=[other]))
    assert house.stopped.ref not in client.get("/admin/audit").content.decode()


def test_record_that_was_sealed_is_whole_and_fits_its_own_checkpoint(
    house: Web, auditor: Actor, as_role: Callable[..., Client]
) -> None:
    client = as_role(Role.AUDITOR)
    assert "nothing is proven" in client.get("/admin/audit/record").content.decode()
    evidence.seal(by=auditor)
    shown = client.get("/admin/audit/record").content.decode()
    assert "Intact: every sealed row is unchanged" in shown
    kept = evidence.checkpoint(auditor).replace("\n", "\r\n")  # as browsers send texts
    assert "it matches." in client.post("/admin/audit/record", {"kept": kept}).content.decode()


def test_text_that_is_no_checkpoint_comes_back(house: Web, as_role: Callable[..., Client]) -> None:
    response = as_role(Role.AUDITOR).post("/admin/audit/record", {"kept": "no checkpoint"})
    assert response.status_code == 422
    assert ">no checkpoint</textarea>" in response.content.decode()


def evaluation(client: Client, **asked: str) -> str:
    return client.get("/admin/evaluation", asked).content.decode()


@pytest.mark.requirement("R2-32")
def test_page_shows_recovery_records_reasons_and_time(house: Web, as_role: Callable[..., Client]) -> None:
    shown = evaluation(as_role(Role.AUDITOR), period="day")
    for part in ("Recovery", "Records", "Over time", "Why runs stopped", "By runbook", "Ledgers complete"):
        assert part in shown
    assert "entitlement-resync v1" in shown
    assert house.stopped.reason in shown
    assert f"{now():%Y-%m-%d}" in shown


def test_page_counts_what_is_chosen(house: Web, as_role: Callable[..., Client]) -> None:
    client, other = as_role(Role.AUDITOR), rows.tenant(house.workspace, name="Other")
    nothing = "No run has ended in this period"
    assert nothing not in evaluation(client, tenant=house.tenant.key, runbook="entitlement-resync", period="month")
    assert nothing in evaluation(client, tenant=other.key)
    assert nothing in evaluation(client, runbook="none")
    assert nothing not in evaluation(client, period="century", span="ever")


def test_a_completed_run_is_marked_as_found_wrong_on_its_page(house: Web, as_role: Callable[..., Client]) -> None:
    client, path = as_role(Role.SENIOR_SUPPORT), f"/admin/operations/{house.completed.ref}"
    assert "Found wrong…" in client.get(path).content.decode()
    assert "Found wrong…" not in as_role(Role.OPERATOR).get(path).content.decode()
    assert "reason" in client.post(f"{path}/found-wrong", {"reason": " "}, follow=True).content.decode()
    shown = client.post(f"{path}/found-wrong", {"reason": "The role is gone again."}, follow=True).content.decode()
    assert "The role is gone again." in shown
    assert "Found wrong…" not in shown
    again = client.post(f"{path}/found-wrong", {"reason": "The role is gone again."})
    assert again.status_code == 302


def test_a_resolution_that_names_no_completed_run_comes_back(house: Web, as_role: Callable[..., Client]) -> None:
    client, path = as_role(Role.SENIOR_SUPPORT), f"/admin/exceptions/{house.stopped.ref}"
    client.post(f"{path}/take")
    response = client.post(f"{path}/resolve", {"outcome": "other", "note": "Done.", "found_wrong": "RUN-0000000000"})
    assert response.status_code == 422
    assert "This tenant has no such run" in response.content.decode()
    assert 'value="RUN-0000000000"' in response.content.decode()
