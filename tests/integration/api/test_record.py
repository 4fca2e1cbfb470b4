"""Tenants, the record and the figures: in the caller's scope, page by page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handrail.access import evidence
from handrail.access.actor import Actor
from handrail.kernel.clock import now
from tests.factories import rows
from tests.factories.runs import Runs
from tests.integration.api.conftest import Caller

EVENTS = "/api/v1/audit/events"
pytestmark = pytest.mark.usefixtures("board")


def test_tenants_are_those_that_the_caller_is_entitled_to(estate: Runs, caller: Caller) -> None:
    rows.tenant(estate.workspace, key="ten_two")
    client = caller("operator", tenants=["ten_two"])
    assert [tenant["key"] for tenant in client.get("/api/v1/tenants").json()] == ["ten_two"]


def test_events_of_a_run_are_found_by_its_reference_and_tenant(estate: Runs, caller: Caller) -> None:
    run = estate.start("TASK-1")
    found = caller("auditor").get(EVENTS, {"subject": run.ref, "tenant": estate.tenant.key}).json()
    assert [(event["event"], event["tenant"]) for event in found] == [("run.received", estate.tenant.key)]


def test_events_page_back_by_number_without_gap_or_repeat(estate: Runs, caller: Caller) -> None:
    estate.start("TASK-1")
    client = caller("auditor")
    whole = [event["id"] for event in client.get(EVENTS).json()]
    paged = client.get(EVENTS, {"limit": 2}).json()
    paged += client.get(EVENTS, {"limit": 500, "before": paged[-1]["id"]}).json()
    assert [event["id"] for event in paged] == whole


def test_events_of_a_time_to_come_are_none(estate: Runs, caller: Caller) -> None:
    estate.start("TASK-1")
    later = (now() + timedelta(hours=1)).isoformat()
    assert caller("auditor").get(EVENTS, {"since": later}).json() == []


def test_verification_tells_of_a_sealed_record_that_it_is_whole(estate: Runs, caller: Caller, operator: Actor) -> None:
    client = caller("auditor")
    evidence.seal(by=operator)
    found = client.get("/api/v1/audit/verification").json()
    assert (found["whole"], found["differences"]) == (True, [])
    assert found["root"] in client.get("/api/v1/audit/checkpoint").json()["text"]


def test_checkpoint_of_a_record_that_nobody_sealed_is_a_conflict(caller: Caller) -> None:
    assert caller("auditor").get("/api/v1/audit/checkpoint").status_code == 409


def test_figures_count_what_began_since(estate: Runs, caller: Caller) -> None:
    rows.completed_run(estate.tenant, estate.definition)
    client = caller("auditor")
    counted = [
        client.get("/api/v1/evaluation/runs", {"since": since}).json()["total"]["completed"]
        for since in ("2020-01-01T00:00:00Z", (now() + timedelta(hours=1)).isoformat())
    ]
    assert counted == [1, 0]


def test_deprecated_definition_is_out_of_force(estate: Runs, caller: Caller) -> None:
    path = f"/api/v1/definitions/{estate.definition.pk}/deprecate"
    response = caller("governance-owner").post(path, {"reason": "Replaced."}, content_type="application/json")
    assert (response.status_code, response.json()["state"]) == (200, "deprecated")


def test_figures_are_filtered_and_over_time(estate: Runs, caller: Caller) -> None:
    rows.completed_run(estate.tenant, estate.definition)
    client = caller("auditor")
    asked = {"runbook": "flip-switch", "version": 1, "tenant": estate.tenant.key, "period": "day"}
    found = client.get("/api/v1/evaluation/runs", asked).json()
    assert [one["figures"]["completed"] for one in found["periods"]] == [1]
    assert found["versions"][0]["figures"]["recovery"]["interrupted"] == 0
    assert client.get("/api/v1/evaluation/runs", {**asked, "version": 2}).json()["total"]["ended"] == 0
    assert client.get("/api/v1/evaluation/runs", {**asked, "tenant": "ten_none"}).json()["total"]["ended"] == 0
    assert client.get("/api/v1/evaluation/runs", {"period": "century"}).status_code == 422


def test_a_completed_run_is_marked_as_found_wrong(estate: Runs, caller: Caller) -> None:
    run = rows.completed_run(estate.tenant, estate.definition)
    path, body = f"/api/v1/runs/{run.ref}/found-wrong", {"reason": "Wrong switch."}
    client = caller("senior-support")
    assert client.post(path, body, content_type="application/json").status_code == 204
    assert client.post(path, body, content_type="application/json").json()["code"] == "found-wrong"
    assert client.get(f"/api/v1/runs/{run.ref}").json()["wrong"]["reason"] == "Wrong switch."
    assert client.get("/api/v1/evaluation/runs").json()["total"]["found_wrong"] == 1
