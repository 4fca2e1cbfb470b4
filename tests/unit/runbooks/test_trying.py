"""``handrail check`` looks at each task system, and changes nothing."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType

import pytest

from handrail.connectors import registry
from handrail.connectors.http import Client
from handrail.connectors.rest import RestConfig, RestConnector
from handrail.connectors.tasksystem import LookFor, WriteCall
from handrail.kernel.secrets import Secrets
from handrail.runbooks import task_system
from handrail.runbooks.actions import trying
from handrail.runbooks.models import OperationRun, TaskPull
from tests.factories.runs import Runs
from tests.factories.task_queue import SYSTEM, item
from tests.unit.runbooks.test_pulling import served

NOTE = WriteCall(path="/n/{task}", body={"t": "{text}"}, look=LookFor(path="/n/{task}", at="notes"))


@pytest.mark.parametrize(
    ("changes", "ok", "words"),
    [
        ({}, True, "1 tasks on the first page, for workspace acme."),
        ({"key_at": "/nope"}, False, "1 of them can't be read as tasks."),
        ({"items_at": "/next"}, False, "is not a list"),
        ({"list_path": "/more"}, False, "next_at finds no next page"),
        ({"list_path": "/gone"}, False, "status 500"),
        ({"workspace": "other"}, False, ""),
        ({"connector": "nope"}, False, ""),
    ],
)
def test_check_says_what_would_not_work(estate: Runs, changes: dict[str, str], ok: bool, words: str) -> None:
    page = {"items": [item(estate, "T1")], "next": None}
    with served({"/tasks": ({}, page), "/more": ({}, {**page, "hasMore": True})}) as (origin, _):
        connector = RestConnector("queue", Client(RestConfig(kind="rest", base_url=origin), Secrets({})))
        system = dataclasses.replace(SYSTEM, **changes)
        with registry.use(registry.Registry(MappingProxyType({"queue": connector}))), task_system.use(system):
            (finding,) = trying.task_systems()
    assert (finding.ok, words in finding.message) == (ok, True)
    assert (OperationRun.objects.count(), TaskPull.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({}, "[tasks.messages]"),
        ({"messages": NOTE}, ""),
        (
            {"messages": NOTE, "outcome": WriteCall(path="/o", body="{report}", idempotent=True, kept="by-status")},
            "by-status",
        ),
    ],
    ids=["no messages", "both", "believed"],
)
def test_check_advises_where_nothing_is_looked_for(estate: Runs, changes: dict[str, WriteCall], advice: str) -> None:
    with served({"/tasks": ({}, {"items": [], "next": None})}) as (origin, _):
        connector = RestConnector("queue", Client(RestConfig(kind="rest", base_url=origin), Secrets({})))
        system = dataclasses.replace(SYSTEM, **changes)
        with registry.use(registry.Registry(MappingProxyType({"queue": connector}))), task_system.use(system):
            (finding,) = trying.task_systems()
    assert finding.ok
    assert (advice in finding.fix) if advice else finding.fix == ""


def test_check_without_a_task_system_says_what_to_add() -> None:
    with task_system.use(None):
        (finding,) = trying.task_systems()
    assert finding.ok
    assert "Add [tasks]" in finding.fix
