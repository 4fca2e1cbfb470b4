"""The run page: what its ledger tells, how it follows the run, and cancelling."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from handrail.access import subjects
from handrail.access.capabilities import Role
from handrail.access.models import User
from handrail.kernel.clock import now
from handrail.runbooks.models import TaskRefusal
from handrail.runbooks.states import EventKind, RunState
from tests.factories import rows
from tests.factories.web import Web

pytestmark = pytest.mark.django_db
As = Callable[..., Client]


def body(client: Client, ref: str) -> str:
    return client.get(f"/admin/operations/{ref}").content.decode()


def test_completed_run_shows_readings_beside_the_required_state(house: Web, as_role: As) -> None:
    text = body(as_role(Role.OPERATOR), house.completed.ref)
    assert "task.admins.all(a, a in holders.user_names)" in text
    assert '<code>holders.user_names</code></dt><dd class="wrap">ada@contoso.example' in text
    assert '<code>before.holders.user_names</code></dt><dd class="wrap">none' in text
    assert "tenant.tier unchanged" in text


def test_completed_run_does_not_poll(house: Web, as_role: As) -> None:
    text = body(as_role(Role.OPERATOR), house.completed.ref)
    assert "hx-get" not in text
    assert "Cancel run" not in text


def test_moving_run_polls_and_says_why_it_cannot_be_cancelled(house: Web, as_role: As) -> None:
    text = body(as_role(Role.OPERATOR), house.invoking.ref)
    assert f'hx-get="/admin/operations/{house.invoking.ref}/live?seen=' in text
    assert "The job has been invoked" in text
    assert "Cancel run" not in text


def test_live_part_is_not_sent_again_while_nothing_moved(house: Web, as_role: As) -> None:
    client = as_role(Role.OPERATOR)
    url = f"/admin/operations/{house.received.ref}/live"
    assert client.get(url, {"seen": "1-received"}).status_code == 204
    rows.entry(house.received, EventKind.CLAIMED, after=1)
    moved = client.get(url, {"seen": "1-received"})
    assert moved.status_code == 200
    assert "seen=2-received" in moved.content.decode()


def test_stopped_run_leads_to_its_packet(house: Web, as_role: As) -> None:
    text = body(as_role(Role.OPERATOR), house.stopped.run.ref)
    assert f'href="/admin/exceptions/{house.stopped.ref}"' in text


def test_cancel_ends_the_run_and_returns_to_it(house: Web, as_role: As) -> None:
    client = as_role(Role.OPERATOR)
    response = client.post(f"/admin/operations/{house.received.ref}/cancel")
    assert (response.status_code, response.headers["Location"]) == (302, f"/admin/operations/{house.received.ref}")
    house.received.refresh_from_db()
    assert house.received.state == RunState.CANCELLED


def test_cancel_sent_twice_answers_alike(house: Web, as_role: As) -> None:
    client = as_role(Role.OPERATOR)
    url = f"/admin/operations/{house.received.ref}/cancel"
    assert [client.post(url).status_code for _ in range(2)] == [302, 302]
    assert house.received.checkpoints.filter(kind=EventKind.CANCELLED).count() == 1


def test_cancel_after_the_invocation_says_look_again(house: Web, as_role: As) -> None:
    response = as_role(Role.OPERATOR).post(f"/admin/operations/{house.invoking.ref}/cancel")
    assert response.status_code == 409
    assert "Check the current state first" in response.content.decode()
    house.invoking.refresh_from_db()
    assert house.invoking.state == RunState.INVOKING


def test_filters_narrow_the_list(house: Web, as_role: As) -> None:
    client = as_role(Role.OPERATOR)
    shown = client.get("/admin/operations", {"state": "completed", "tenant": house.tenant.key}).content.decode()
    assert house.completed.ref in shown
    assert house.received.ref not in shown
    assert "No run matches" in client.get("/admin/operations", {"state": "cancelled"}).content.decode()


def test_older_runs_are_a_page_away(house: Web, as_role: As) -> None:
    for _ in range(50):
        rows.run(house.tenant, house.definition)
    client = as_role(Role.OPERATOR)
    first = client.get("/admin/operations").content.decode()
    older = first.split("Older runs")[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    second = client.get(older).content.decode()
    assert second.count('class="ref"') == 54 - 50 + 0
    assert 'hx-trigger="every' not in second


@pytest.mark.requirement("R2-02")
def test_operations_show_refused_tasks_to_those_entitled_to_all_tenants(
    house: Web, as_role: Callable[..., Client], enter: Callable[[User], Client]
) -> None:
    TaskRefusal.objects.create(
        workspace=house.workspace, task_key="T-<1>", task_digest="sha256:0", at=now(), code="task", message="No <role>."
    )
    page = as_role(Role.OPERATOR).get("/admin/operations").content
    assert b"T-&lt;1&gt;" in page
    assert b"No &lt;role&gt;." in page
    entitled = enter(rows.member(house.workspace, Role.OPERATOR, tenants=[house.tenant]))
    assert b"could not become a run" not in entitled.get("/admin/operations").content


def test_run_and_exception_packet_say_that_their_values_were_erased(house: Web, as_role: As) -> None:
    client, run = as_role(Role.SENIOR_SUPPORT), house.stopped.run
    pages = (f"/admin/operations/{run.ref}", f"/admin/exceptions/{house.stopped.ref}")
    assert all('id="erased"' not in client.get(page).content.decode() for page in pages)
    subjects.key_for(subjects.KeySubject(run.tenant_id, run.ref))
    subjects.destroy(run.tenant_id, record=run.ref, reason=subjects.ForgetReason.RETENTION, at=now())
    for page in pages:
        text = client.get(page).content.decode()
        assert f"were erased on {now():%Y-%m-%d}" in text
        assert "because its runbook keeps them no longer" in text
