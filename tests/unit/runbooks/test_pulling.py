"""How a task list goes on from page to page, and what is said where it does not."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.access import queries as access
from handrail.connectors import registry
from handrail.connectors.http import Client
from handrail.connectors.outcome import Failure, ReadFailed
from handrail.connectors.rest import Get, RestConfig, RestConnector
from handrail.kernel.errors import Invalid, Misconfigured
from handrail.kernel.secrets import Secrets
from handrail.runbooks import leases, task_system
from handrail.runbooks.actions import pulling, tasks
from handrail.runbooks.models import OperationRun, TaskPull, TaskRefusal
from handrail.runbooks.queries import task_systems
from handrail.runbooks.task_system import TaskSystem
from handrail.runbooks.taskitems import as_object, parse
from tests.factories.installation import Installation
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import BoardConnector, SwitchBoard
from tests.factories.task_queue import SYSTEM, Queue, item

Pages = dict[str, tuple[dict[str, str], Any]]


@contextmanager
def served(pages: Pages) -> Iterator[tuple[str, list[str]]]:
    """A service with these pages by path and query; its address, and what it was asked for. Unknown ones are 500."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            headers, body = pages.get(self.path, ({}, None))
            data = json.dumps(body).encode()
            self.send_response(500 if body is None else 200)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(data)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def pulling_from(base: str, board: SwitchBoard, system: TaskSystem = SYSTEM) -> Iterator[None]:
    config = RestConfig(kind="rest", base_url=base, deadline_seconds=20)
    known = {"queue": RestConnector("queue", Client(config, Secrets({}))), "board": BoardConnector(board)}
    with registry.use(registry.Registry(MappingProxyType(known))), task_system.use(system):
        yield


def page(estate: Runs, *keys: str, **around: Any) -> Any:
    return {"items": [item(estate, key) for key in keys], **around}


def pulled(estate: Runs) -> list[str]:
    return [one.task for one in pulling.pull(by=estate.worker)]


@pytest.mark.requirement("R2-01")
def test_next_page_may_be_an_address_of_the_origin_a_path_a_reference_or_a_link(
    estate: Runs, board: SwitchBoard
) -> None:
    pages: Pages = {}
    with served(pages) as (origin, asked):
        base = f"{origin}/REST/2.0"
        pages |= {
            "/REST/2.0/tasks": ({}, page(estate, "T1", next=f"{base}/tasks?page=2")),
            "/REST/2.0/tasks?page=2": ({}, page(estate, "T2", next="?page=3")),
            "/REST/2.0/tasks?page=3": ({}, page(estate, "T3", next="/tasks?page=4")),
            "/REST/2.0/tasks?page=4": ({}, page(estate, "T4", next="/REST/2.0/tasks?page=5")),
            "/REST/2.0/tasks?page=5": (
                {"Link": f'<{base}/tasks>; rel="first", <{base}/tasks?page=6>; rel="next"'},
                page(estate, "T5"),
            ),
            "/REST/2.0/tasks?page=6": ({"Link": "<tasks?page=7>; rel=next"}, page(estate, "T6", next=None)),
            "/REST/2.0/tasks?page=7": ({}, page(estate, "T7", next="")),
        }
        with pulling_from(base, board):
            assert pulled(estate) == [f"T{n}" for n in range(1, 8)]
        assert len(asked) == 7
    found = TaskPull.objects.get()
    assert (found.code, found.pages, found.tasks, found.whole_at) == ("", 7, 7, found.at)


@pytest.mark.parametrize(
    ("following", "link", "code"),
    [
        ("https://evil.example/tasks", "", "next-refused"),
        ("http://127.0.0.1:1/tasks", "", "next-refused"),
        ("//evil.example/tasks", "", "page-failed"),
        ("/../secret", "", "page-failed"),
        ("http://[evil/tasks", "", "page-failed"),
        ("http://[::1]evil/tasks", "", "next-refused"),
        ("http://127.0.0.1:99999/tasks", "", "next-refused"),
        (None, "<//[evil/tasks>; rel=next", "page-failed"),
        (None, "<https://evil.example/tasks>; rel=next", "next-refused"),
        (None, "</a>; rel=next, </b>; rel=next", "next-unusable"),
        ({"page": 2}, "", "next-unusable"),
        (True, "", "next-unusable"),
        (7, "", "next-unusable"),
        ("file:///etc/passwd", "", "page-failed"),
        ("/tasks", "", "next-repeated"),
        ("/broken", "", "page-failed"),
        ("/nolist", "", "page-failed"),
    ],
)
def test_pull_that_can_t_go_on_keeps_what_came_and_says_why(
    estate: Runs, board: SwitchBoard, following: Any, link: str, code: str
) -> None:
    pages: Pages = {
        "/tasks": ({"Link": link} if link else {}, page(estate, "T1", next=following)),
        "/nolist": ({}, {"items": "none"}),
    }
    with served(pages) as (origin, asked), pulling_from(origin, board):
        assert pulled(estate) == ["T1"]
        stopped = task_systems.stopped_pull(estate.worker)
        figures = leases.pulls()
        limited = dataclasses.replace(estate.worker, tenant_ids=frozenset({estate.tenant.pk}))
        assert task_systems.stopped_pull(limited) is None
    assert stopped is not None
    assert (stopped.code, stopped.whole_at) == (code, None)
    assert stopped.message
    assert "evil" not in stopped.message
    assert figures["tasks"][2] == code
    assert [path for path in asked if path not in ("/tasks", "/broken", "/nolist")] == []


@pytest.mark.parametrize("link", ["<//[evil/tasks>; rel=next", "<http://[evil/tasks>; rel=next"])
def test_whole_list_whose_next_page_has_no_address_is_only_a_part(link: str) -> None:
    pages: Pages = {"/a": ({"Link": link}, [1]), "/b": ({"Link": "</a>; rel=next"}, [2])}
    with served(pages) as (origin, _):
        connector = RestConnector("queue", Client(RestConfig(kind="rest", base_url=origin), Secrets({})))
        for path in pages:
            with pytest.raises(ReadFailed) as caught:
                connector.read(Get(path=path))
            assert caught.value.failure is Failure.PARTIAL


def test_pull_of_a_list_without_end_stops_at_the_limit(estate: Runs, queue: Queue) -> None:
    pages = {f"/tasks?page={n}": {"items": [], "next": f"/tasks?page={n + 1}"} for n in range(200)}
    queue.pages = {"/tasks": {"items": [], "next": "/tasks?page=0"}, **pages}
    assert pulled(estate) == []
    assert (TaskPull.objects.get().code, TaskPull.objects.get().pages) == ("limit", 100)


def test_first_page_that_fails_raises_and_is_kept(estate: Runs, board: SwitchBoard) -> None:
    with served({"/tasks": ({}, page(estate, "T1"))}) as (origin, _):
        with pulling_from(origin, board):
            assert pulled(estate) == ["T1"]
        with (
            pulling_from(origin, board, dataclasses.replace(SYSTEM, list_path="/gone")),
            pytest.raises(Exception, match="500"),
        ):
            pulled(estate)
    found = TaskPull.objects.get()
    assert found.code == "page-failed"
    assert found.whole_at is not None
    assert found.whole_at < found.at


@pytest.mark.parametrize("offset", [True, False], ids=["offset", "token"])
def test_next_page_may_be_a_token_or_an_offset_for_a_parameter(estate: Runs, board: SwitchBoard, offset: bool) -> None:
    at = "sum([offset, limit]) < total && sum([offset, limit])" if offset else "token"
    system = dataclasses.replace(
        SYSTEM, list_path="/tasks?limit=1&from=0", next_at=at, next_parameter="from", items_at="/items"
    )
    second = "1" if offset else "a%2Bb%26c"
    pages: Pages = {
        "/tasks?limit=1&from=0": ({}, page(estate, "T1", offset=0, limit=1, total=2, token="a+b&c")),
        f"/tasks?limit=1&from={second}": ({}, page(estate, "T2", offset=1, limit=1, total=2, token=None)),
    }
    with served(pages) as (origin, _), pulling_from(origin, board, system):
        assert pulled(estate) == ["T1", "T2"]
    assert TaskPull.objects.get().code == ""


@pytest.mark.parametrize("around", [{"total": 9, "limit": 1}, {"hasMore": True}, {"nextPageToken": "x"}])
def test_only_page_that_says_there_is_more_is_not_taken_for_the_list(
    estate: Runs, queue: Queue, around: dict[str, Any]
) -> None:
    queue.pages["/tasks"] = page(estate, "T1", **around)
    assert pulled(estate) == ["T1"]
    assert TaskPull.objects.get().code == "more"


@pytest.mark.parametrize(
    ("around", "code"),
    [
        ({}, ""),
        ({"total": 2, "limit": 1}, ""),
        ({"total": 3, "limit": 1}, "more"),
        ({"hasMore": True}, "more"),
        ({"next": 0}, ""),
        ({"next": {"page": 3}}, "next-unusable"),
    ],
)
def test_last_page_that_says_there_is_more_is_not_taken_for_the_end(
    estate: Runs, queue: Queue, around: dict[str, Any], code: str
) -> None:
    queue.pages["/tasks"] = page(estate, "T1", next="/tasks?page=2")
    queue.pages["/tasks?page=2"] = page(estate, "T2", **around)
    assert pulled(estate) == ["T1", "T2"]
    assert TaskPull.objects.get().code == code


@pytest.mark.parametrize(
    ("named", "asked", "code"),
    [(50.0, "50", ""), (0, None, ""), (-1, None, ""), (["a"], None, "next-unusable"), (1.5, None, "next-unusable")],
)
def test_token_of_a_next_page_is_a_text_a_number_or_said_to_be_none(
    estate: Runs, queue: Queue, named: Any, asked: str | None, code: str
) -> None:
    queue.pages["/tasks"] = page(estate, "T1", next=named)
    queue.pages[f"/tasks?from={asked}"] = page(estate, "T2", next=None)
    with task_system.use(dataclasses.replace(SYSTEM, next_parameter="from")):
        assert pulled(estate) == ["T1"] + ["T2"] * (asked is not None)
    assert TaskPull.objects.get().code == code


TASK = {"runbook": "flip-switch", "version": "1", "payload": {"tenant_id": "ten_one", "switch_id": "s1"}}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(TASK),
        f"Please do this:\n<pre>\n{json.dumps(TASK, indent=1)}\n</pre> thanks",
        f"```json\n{json.dumps(TASK)}\n```",
        f"{{code:title=task|borderStyle=solid}}\n{json.dumps(TASK)}\n{{code}}",
        f"{{NoFormat}}{json.dumps(TASK)}{{NoFormat}} thanks",
        f"<p>{json.dumps(TASK).replace(chr(34), '&quot;')}</p>",
        TASK,
        [json.dumps(TASK)],
        json.dumps({**TASK, "payload": json.dumps(TASK["payload"])}),
    ],
)
def test_task_may_be_text_that_holds_json_with_numbers_as_text(text: Any) -> None:
    system = dataclasses.replace(SYSTEM, task_at="field", key_at="id")
    task = parse({"id": 12, "field": text}, system)
    assert (task.key, task.runbook, task.version, dict(task.payload)) == ("12", "flip-switch", 1, TASK["payload"])


@pytest.mark.parametrize(
    "text", ["", "none", "{", "}{", "[1]", '{"a": 1} {"b": 2}', "7", None, 7, [], ["a", "b"], '{"a": NaN}']
)
def test_text_that_holds_no_task_is_refused_naming_its_place(text: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse({"id": "T1", "field": text}, dataclasses.replace(SYSTEM, task_at="field", key_at="id"))
    assert "field: expected a task" in str(caught.value.faults[0])


@given(text=st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_whatever_a_field_holds_it_is_an_object_or_nothing(text: str) -> None:
    found = as_object(text)
    assert found is None or isinstance(found, dict)


@pytest.mark.parametrize("version", ["1.0", "one", "-1", "9" * 30, " ", True, 1.5, None])
def test_version_that_is_no_whole_number_is_refused(estate: Runs, queue: Queue, version: Any) -> None:
    received = tasks.receive(item=item(estate, "T1") | {"version": version}, by=estate.worker)
    assert (received.outcome, received.code) == ("refused", "task-malformed")


def test_task_systems_of_two_workspaces_are_pulled_each_into_its_own(estate: Runs, board: SwitchBoard) -> None:
    other = Installation(tenant="ten_two", workspace="other").runs
    one, two = Queue(), Queue()
    one.pages["/tasks"] = page(estate, "T1")
    two.pages["/tasks"] = page(other, "T1")
    second = dataclasses.replace(SYSTEM, name="second", connector="second", workspace="other")
    known = {"queue": one, "second": two, "board": BoardConnector(board)}
    with registry.use(registry.Registry(MappingProxyType(known))), task_system.use(SYSTEM, second):
        pulled(estate), pulled(other)
        assert {pull.system: pull.workspace_id for pull in TaskPull.objects.all()} == {
            "tasks": estate.workspace.pk,
            "task_systems.second": other.workspace.pk,
        }
        stranger = as_person(access.worker("w", other.workspace.pk))
        assert task_systems.get_task_system(stranger).system == "task_systems.second"
    runs = OperationRun.objects.filter(task_key="T1").values_list("workspace_id", "tenant_id")
    assert sorted(runs) == sorted([(estate.workspace.pk, estate.tenant.pk), (other.workspace.pk, other.tenant.pk)])
    assert TaskRefusal.objects.count() == 0


def test_workspace_without_task_system_pulls_nothing_of_another_s(estate: Runs, queue: Queue) -> None:
    other = Installation(tenant="ten_two", workspace="other").runs
    with pytest.raises(Misconfigured, match="This workspace has no task system"):
        pulled(other)
