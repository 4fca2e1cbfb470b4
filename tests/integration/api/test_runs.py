from __future__ import annotations

import pytest
from django.test import Client

from handrail.runbooks.queries.situations import Situation
from tests.factories import situations
from tests.factories.runs import Runs
from tests.factories.switches import SwitchBoard
from tests.integration.api.conftest import Caller

pytestmark = pytest.mark.usefixtures("board")


def body(estate: Runs, key: str = "TASK-1", **payload: object) -> dict[str, object]:
    task = estate.task(key, **payload)
    return {"key": task.key, "runbook": task.runbook, "version": task.version, "payload": dict(task.payload)}


def post(client: Client, path: str, value: object) -> object:
    return client.post(f"/api/v1{path}", value, content_type="application/json")


def test_start_makes_the_run_of_a_task(estate: Runs, caller: Caller) -> None:
    client = caller("operator")
    response = post(client, "/runs", body(estate))
    assert response.status_code == 201
    shown = client.get(f"/api/v1/runs/{response.json()['ref']}").json()
    assert shown["summary"]["task"] == "TASK-1"
    assert [row["kind"] for row in shown["ledger"]] == ["received"]


def test_start_again_gives_the_run_that_exists(estate: Runs, caller: Caller) -> None:
    client = caller("operator")
    first, second = post(client, "/runs", body(estate)), post(client, "/runs", body(estate))
    assert (second.status_code, second.json()) == (200, {**first.json(), "created": False})


def test_start_with_other_content_under_the_same_key_is_a_conflict(estate: Runs, caller: Caller) -> None:
    client = caller("operator")
    post(client, "/runs", body(estate))
    response = post(client, "/runs", body(estate, switch_id="s2"))
    assert (response.status_code, response.json()["code"]) == (409, "task-changed")


def test_start_with_a_wrong_payload_names_each_field(estate: Runs, caller: Caller) -> None:
    response = post(caller("operator"), "/runs", body(estate, tenant_id=7))
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert [error["where"] for error in response.json()["errors"]]


def test_start_refuses_unknown_fields_of_the_body(estate: Runs, caller: Caller) -> None:
    response = post(caller("operator"), "/runs", {**body(estate), "force": True})
    assert [error["where"] for error in response.json()["errors"]] == ["body.force"]


def test_cancel_ends_a_run_that_has_invoked_nothing(estate: Runs, caller: Caller) -> None:
    client = caller("operator")
    ref = post(client, "/runs", body(estate)).json()["ref"]
    assert post(client, f"/runs/{ref}/cancel", {}).status_code == 204
    assert client.get(f"/api/v1/runs/{ref}").json()["summary"]["state"] == "cancelled"


def test_preview_says_what_would_be_invoked(estate: Runs, caller: Caller, board: SwitchBoard) -> None:
    before = board.switches["s1"].copy() if isinstance(board.switches["s1"], dict) else board.switches["s1"]
    response = post(caller("operator"), "/previews", body(estate))
    assert response.status_code == 200
    assert response.json()["would_invoke"]["effect"] == "mutating"
    assert board.switches["s1"] == before


def test_list_gives_only_runs_of_entitled_tenants(estate: Runs, caller: Caller) -> None:
    post(caller("operator"), "/runs", body(estate))
    seen = caller("operator").get("/api/v1/runs").json()
    hidden = caller("operator", tenants=[]).get("/api/v1/runs").json()
    assert ([run["task"] for run in seen], hidden) == (["TASK-1"], [])


def test_an_oversized_body_is_a_problem_document(estate: Runs, caller: Caller) -> None:
    response = post(caller("operator"), "/runs", body(estate, note="x" * (1024 * 1024)))
    assert (response.status_code, response.headers["content-type"]) == (413, "application/problem+json")


def test_list_pages_back_by_the_time_of_the_last_one(estate: Runs, caller: Caller) -> None:
    client = caller("operator")
    made = [post(client, "/runs", body(estate, f"TASK-{number}")).json()["ref"] for number in range(3)]
    newest = client.get("/api/v1/runs", {"limit": 2}).json()
    older = client.get("/api/v1/runs", {"limit": 2, "before": newest[-1]["created_at"]}).json()
    assert [run["ref"] for run in (*newest, *older)] == made[::-1]


def test_list_before_a_time_without_offset_is_refused(caller: Caller) -> None:
    response = caller("operator").get("/api/v1/runs", {"before": "2026-03-01T00:00:00"})
    assert (response.status_code, [error["where"] for error in response.json()["errors"]]) == (422, ["before"])


def test_each_situation_lists_its_runs(estate: Runs, caller: Caller) -> None:
    each, client = situations.one_of_each(estate.workspace), caller("operator")
    for situation in Situation:
        listed = client.get("/api/v1/runs", {"situation": situation})
        assert {run["ref"] for run in listed.json()} == each[situation], situation
    (retrying,) = client.get("/api/v1/runs", {"situation": "retrying"}).json()
    assert (retrying["retrying"]["attempt"], retrying["retrying"]["limit"]) == (2, 3)


def test_list_finds_a_run_by_its_task_key(estate: Runs, caller: Caller) -> None:
    client = caller("operator")
    for key in ("TASK-1", "TASK-12", "OTHER-1"):
        post(client, "/runs", body(estate, key, switch_id=key))
    assert [run["task"] for run in client.get("/api/v1/runs", {"task": "TASK-12"}).json()] == ["TASK-12"]
    assert [run["task"] for run in client.get("/api/v1/runs", {"task": "TASK-"}).json()] == ["TASK-12", "TASK-1"]


def test_list_pages_back_by_the_last_reference(estate: Runs, caller: Caller) -> None:
    client = caller("operator")
    made = [post(client, "/runs", body(estate, f"TASK-{number}")).json()["ref"] for number in range(3)]
    newest = client.get("/api/v1/runs", {"limit": 2}).json()
    older = client.get("/api/v1/runs", {"limit": 2, "after": newest[-1]["ref"]}).json()
    assert [run["ref"] for run in (*newest, *older)] == made[::-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "sleeping"),
        ("situation", "stuck"),
        ("tenant", "ten_nobody"),
        ("runbook", "none"),
        ("after", "RUN-0000000000"),
    ],
)
def test_list_refuses_a_filter_that_names_nothing(caller: Caller, name: str, value: str) -> None:
    response = caller("operator").get("/api/v1/runs", {name: value})
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "unknown-filter")
    assert [error["where"] for error in problem["errors"]] == [name]


def test_start_of_what_was_previewed_refuses_another_version(estate: Runs, caller: Caller) -> None:
    client = caller("operator")
    seen = post(client, "/previews", body(estate)).json()
    assert seen["readings"]["switch"]["owner"] == estate.tenant.key
    other = {**body(estate), "definition": "sha256:" + "0" * 64}
    response = post(client, "/runs", other)
    assert (response.status_code, response.json()["code"]) == (409, "definition-changed")
    assert post(client, "/runs", {**body(estate), "definition": seen["definition_digest"]}).status_code == 201
    assert post(client, "/runs", other).status_code == 200  # the run of this task exists


def test_former_name_of_the_next_page_still_works_and_both_names_are_refused(estate: Runs, caller: Caller) -> None:
    made = [estate.start(f"TASK-{n}", f"s{n}") for n in range(3)]
    client = caller("auditor")
    by_old = client.get("/api/v1/runs", {"older_than": made[2].ref}).json()
    assert by_old == client.get("/api/v1/runs", {"after": made[2].ref}).json()
    assert [one["ref"] for one in by_old] == [made[1].ref, made[0].ref]
    both = client.get("/api/v1/runs", {"older_than": made[2].ref, "after": made[1].ref})
    assert (both.status_code, both.json()["errors"][0]["where"]) == (422, "older_than")
