"""Whatever a task system lists, pulling goes on behind it: every item ends as a run, a duplicate or a refusal."""

from __future__ import annotations

import itertools
import json
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.audit.models import AuditEvent
from handrail.connectors import registry
from handrail.connectors.http import Client
from handrail.connectors.rest import RestConfig, RestConnector
from handrail.kernel.errors import Invalid
from handrail.kernel.secrets import Secrets
from handrail.runbooks import task_system
from handrail.runbooks.actions import pulling, tasks
from handrail.runbooks.delegated import IncomingTask
from handrail.runbooks.models import OperationRun, Report, TaskPull, TaskRefusal
from tests.factories.runs import Runs
from tests.factories.switches import BoardConnector, SwitchBoard
from tests.factories.task_queue import SYSTEM, Queue, item
from tests.lanes import examples
from tests.unit.connectors.peers import answering, peer, response

NUMBERS = itertools.count()
TEXT = st.text(max_size=8) | st.sampled_from(["\0", "\ud800", "x" * 200, "\u202e", "flip-switch", "ten_one", "s1", ""])
NUMBER = st.integers() | st.sampled_from([0, -1, 3_000_000_000, 2**53, 2**63, 10**400]) | st.floats()
VALUE = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
PAYLOAD = st.fixed_dictionaries({}, optional={"tenant_id": VALUE, "switch_id": VALUE, "budget": VALUE, "else": VALUE})
ITEM = VALUE | st.fixed_dictionaries(
    {}, optional={"id": VALUE, "runbook": VALUE, "version": NUMBER, "payload": PAYLOAD | VALUE}
)


@pytest.mark.parametrize(
    "change",
    [
        {"note": 2**60},
        {"version": 3_000_000_000},
        {"version": 0},
        {"id": "T\0"},
        {"id": "\ud800"},
        {"runbook": "x" * 65},
        {"payload": {"tenant_id": "ten_one", "switch_id": "s" * 401}},
        {"payload": {"tenant_id": "ten_one", "switch_id": "s\0"}},
        {"payload": {"tenant_id": "ten_one", "switch_id": "s1", "budget": 2**60}},
        {"payload": {"tenant_id": "ten_one", "switch_id": "\ud800"}},
    ],
    ids="-".join,
)
def test_pull_goes_on_behind_an_odd_item(estate: Runs, queue: Queue, change: dict[str, Any]) -> None:
    queue.pages["/tasks"] = {"items": [item(estate, "T1") | change, item(estate, "T2")]}
    first, second = pulling.pull(by=estate.worker)
    assert (second.task, second.outcome) == ("T2", "started")
    assert first.outcome == ("started" if "note" in change else "refused")


@pytest.mark.parametrize(
    "odd",
    [
        rb'"\u0000"',
        rb'"cut \ud83d"',
        b'"\xff"',
        b"NaN",
        b"1e999",
        b"9" * 5000,
        b'{"a": 1, "a": 2}',
        b"[" * 100 + b"]" * 100,
        b"[" * 50_000 + b"]" * 50_000,
    ],
    ids=lambda odd: odd[:8],
)
def test_odd_value_in_one_task_of_a_real_answer_keeps_no_other_from_being_pulled(
    estate: Runs, board: SwitchBoard, odd: bytes
) -> None:
    """As bytes over HTTP: what a connector refuses of a system's state is refused of one task here, not of the page."""
    whole = [json.dumps(item(estate, key)).encode() for key in ("T1", "T2", "T3")]
    second = whole[1].replace(b'"s1"', odd)
    page = b'{"items": [' + b", ".join([whole[0], second, whole[2]]) + b'], "next": null}'
    with peer(answering(response(200, page))) as server:
        config = RestConfig(kind="rest", base_url=server.url, deadline_seconds=20)
        known = {"queue": RestConnector("queue", Client(config, Secrets({}))), "board": BoardConnector(board)}
        with registry.use(registry.Registry(MappingProxyType(known))), task_system.use(SYSTEM):
            received = pulling.pull(by=estate.worker)
    assert [(one.task, one.outcome) for one in received] == [("T1", "started"), ("T2", "refused"), ("T3", "started")]
    assert TaskRefusal.objects.count() == 1


@pytest.mark.parametrize("following", ["/tasks\0", "/\ud800", "/a b", "/" + "x" * 9000])
def test_next_page_that_is_no_path_is_named(estate: Runs, queue: Queue, following: str) -> None:
    queue.pages["/tasks"] = {"items": [item(estate, "T1")], "next": following}
    assert [one.task for one in pulling.pull(by=estate.worker)] == ["T1"]
    assert TaskPull.objects.get().code == "next-unusable"
    assert OperationRun.objects.count() == 1


@given(found=st.lists(ITEM, max_size=3))
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pull_receives_what_stands_behind_any_items(estate: Runs, queue: Queue, found: list[Any]) -> None:
    key = f"T-{next(NUMBERS)}"
    queue.pages["/tasks"] = {"items": [*found, item(estate, key)]}
    received = pulling.pull(by=estate.worker)
    assert (received[-1].task, received[-1].outcome, len(received)) == (key, "started", len(found) + 1)


@pytest.mark.requirement("R2-02")
def test_receive_a_bottomless_item_is_refused_once(estate: Runs, queue: Queue) -> None:
    deep: Any = "s1"
    for _ in range(5000):
        deep = [deep]
    odd = item(estate, "T1", switch_id=deep)
    assert [tasks.receive(item=odd, by=estate.worker).outcome for _ in range(2)] == ["refused", "refused"]
    assert TaskRefusal.objects.count() == 1
    assert not OperationRun.objects.exists()


@pytest.mark.parametrize("parts", [{"key": ""}, {"runbook": ""}, {"version": 2**31}, {"payload": {"a": float("nan")}}])
def test_a_task_that_no_run_could_keep_names_the_part(parts: dict[str, Any]) -> None:
    whole: dict[str, Any] = {"key": "T1", "runbook": "flip-switch", "version": 1, "payload": {}}
    with pytest.raises(Invalid) as caught:
        IncomingTask(**(whole | parts))
    assert [fault.where for fault in caught.value.faults] == list(parts)


UNREPORTABLE = [".", "..", "a/../b", "../b", "%2e%2e", "a%2f..", " ", "\t", "a\nb", "a\\..", "\x7f", "%252e%252e"]


@pytest.mark.parametrize("key", UNREPORTABLE)
def test_task_whose_outcome_could_never_be_reported_is_refused_and_shown(estate: Runs, queue: Queue, key: str) -> None:
    queue.pages["/tasks"] = {"items": [item(estate, key), item(estate, "T2")]}
    first, second = pulling.pull(by=estate.worker)
    assert (first.outcome, first.code, second.outcome) == ("refused", "task-malformed", "started")
    assert "key: expected" in TaskRefusal.objects.get().message
    assert AuditEvent.objects.filter(event="task.refused").count() == 1
    assert OperationRun.objects.count() == 1


@pytest.mark.parametrize("key", ["a b", "a/b", "ü", "50%", "a?b#c", "\U0001f600" * 128])
def test_outcome_of_an_odd_key_is_reported_under_it(estate: Runs, queue: Queue, key: str) -> None:
    ref = tasks.receive(item=item(estate, key), by=estate.worker).run
    run = OperationRun.objects.get(ref=ref)
    estate.advance(run)
    estate.report(run)
    assert [unquote(call.path) for call in queue.told] == [f"/tasks/{key}/outcome"]
    assert Report.objects.get().delivered_at
