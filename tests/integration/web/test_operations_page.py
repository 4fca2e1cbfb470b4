"""The list of runs as a page: its task column, filters in words, and the way to older runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.access.models import User, Workspace
from handrail.kernel.clock import now
from handrail.runbooks.queries.runs import PAGE
from handrail.runbooks.queries.situations import Situation
from tests.factories import rows, situations

pytestmark = pytest.mark.django_db
PATH = "/admin/operations"


@pytest.fixture
def workspace() -> Workspace:
    return rows.workspace()


@pytest.fixture
def client(workspace: Workspace, enter: Callable[[User], Client]) -> Client:
    return enter(rows.member(workspace, Role.OPERATOR))


def test_each_situation_lists_its_runs(workspace: Workspace, client: Client) -> None:
    each = situations.one_of_each(workspace)
    everything = set().union(*each.values())
    for situation in Situation:
        page = client.get(PATH, {"situation": situation})
        body = page.content.decode()
        assert page.status_code == 200
        shown = {ref for ref in everything if f"/operations/{ref}" in body}
        assert shown == each[situation], situation


def test_a_retrying_run_shows_the_next_attempt_and_when(workspace: Workspace, client: Client) -> None:
    situations.one_of_each(workspace)
    body = client.get(PATH, {"situation": "retrying"}).content.decode()
    assert "Attempt 2 next" in body
    assert "UTC" in body


def test_task_key_is_a_column_and_a_filter(workspace: Workspace, client: Client) -> None:
    tenant, definition = rows.tenant(workspace), rows.definition(workspace)
    one, other = rows.run(tenant, definition), rows.run(tenant, definition)
    body = client.get(PATH, {"task": f" {one.task_key} "}).content.decode()
    assert f'data-label="Task"><span class="unbroken">{one.task_key}</span>' in body
    assert other.ref not in body


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("state", "State"),
        ("situation", "Situation"),
        ("tenant", "Tenant"),
        ("runbook", "Runbook"),
        ("from", "From day"),
        ("to", "To day"),
        ("before", "Before"),
        ("after", "Older runs"),
    ],
)
def test_a_filter_that_names_nothing_is_refused_in_words(
    workspace: Workspace, client: Client, name: str, label: str
) -> None:
    run = rows.run(rows.tenant(workspace), rows.definition(workspace))
    page = client.get(PATH, {name: "nonsense"})
    body = page.content.decode()
    assert page.status_code == 422
    assert f"<strong>{label}:</strong>" in body
    assert run.ref not in body
    assert "nonsense" not in body


def test_days_are_included_both(workspace: Workspace, client: Client) -> None:
    tenant, definition = rows.tenant(workspace), rows.definition(workspace)
    at = now() - timedelta(days=3)
    inside, outside = rows.run(tenant, definition, at=at), rows.run(tenant, definition)
    body = client.get(PATH, {"from": f"{at:%Y-%m-%d}", "to": f"{at:%Y-%m-%d}"}).content.decode()
    assert inside.ref in body
    assert outside.ref not in body
    assert client.get(PATH, {"from": "2026-03-02", "to": "2026-03-01"}).status_code == 422


def test_older_runs_lose_none_of_one_moment_and_keep_the_filters(workspace: Workspace, client: Client) -> None:
    tenant, definition, at = rows.tenant(workspace), rows.definition(workspace), now() - timedelta(hours=1)
    made = [rows.run(tenant, definition, at=at).ref for _ in range(PAGE + 3)]
    first = client.get(PATH, {"tenant": tenant.key, "task": "TASK-"}).content.decode()
    link = first.split('<p class="pager"><a class="button" href="')[1].split('"')[0].replace("&amp;", "&")
    second = client.get(link).content.decode()
    assert f"tenant={tenant.key}&task=TASK-&after={made[3]}" in link
    assert [ref for ref in made if ref in first] == made[3:]
    assert [ref for ref in made if f"/operations/{ref}" in second] == made[:3]
