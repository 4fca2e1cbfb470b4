"""Support requests over HTTP: the same action, the same rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from handrail.connectors import desk as desks
from handrail.support.models import SupportRequest
from tests.factories.runs import Runs
from tests.factories.support import desk_at
from tests.integration.api.conftest import Caller
from tests.unit.connectors.peers import answering_json, peer

KEY = "a-key-of-one-form"


@pytest.fixture(autouse=True)
def no_desk() -> Iterator[None]:
    with desks.use(None):
        yield


@pytest.fixture(params=["tenant", "run"])
def place(request: pytest.FixtureRequest, estate: Runs, board: object) -> str:
    """The address below which requests are raised."""
    if request.param == "tenant":
        return f"/api/v1/tenants/{estate.tenant.key}/support-requests"
    return f"/api/v1/runs/{estate.start().ref}/support-requests"


def post(client: Client, place: str, key: str | None = KEY, **fields: Any) -> Any:
    headers = {"idempotency-key": key} if key is not None else {}
    body = {"summary": "Roles are missing", **fields}
    return client.post(place, body, content_type="application/json", headers=headers)


@pytest.mark.requirement("H-20")
def test_request_support_gives_the_reference(place: str, caller: Caller) -> None:
    response = post(caller("operator"), place)
    assert response.status_code == 201
    assert response.json()["ref"] == SupportRequest.objects.get().ref
    assert response.json()["outcome"] == "not-asked"


@pytest.mark.requirement("H-41")
def test_request_support_creates_a_ticket_and_shows_it_as_the_latest(place: str, caller: Caller) -> None:
    client = caller("operator")
    assert client.get(f"{place}/latest").json() == {"latest": None}
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url):
        told = post(client, place, mode="create_external_ticket").json()
        assert (told["outcome"], told["external_reference"]) == ("created", "T-7")
        assert told["external_url"] == f"{server.url}/t/T-7"
    assert client.get(f"{place}/latest").json() == {"latest": told}


def test_request_support_on_a_failing_desk_is_a_success_that_says_so(place: str, caller: Caller) -> None:
    with desk_at("http://127.0.0.1:9"):
        response = post(caller("operator"), place, mode="create_external_ticket")
    assert response.status_code == 201
    assert response.json()["outcome"] == "failed"
    assert response.json()["failure"].endswith("No ticket was created.")


def test_request_support_again_gives_the_same_answer(place: str, caller: Caller) -> None:
    client = caller("operator")
    first, second = post(client, place), post(client, place)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()


def test_request_support_with_other_content_under_the_key_is_a_conflict(place: str, caller: Caller) -> None:
    client = caller("operator")
    post(client, place)
    response = post(client, place, severity="urgent")
    assert (response.status_code, response.json()["code"]) == (409, "submission-key-reused")


def test_request_support_without_a_desk_is_refused_as_a_problem(place: str, caller: Caller) -> None:
    response = post(caller("operator"), place, mode="create_external_ticket")
    assert (response.status_code, response.json()["code"]) == (422, "desk-unconfigured")
    assert response.headers["content-type"] == "application/problem+json"
    assert [error["where"] for error in response.json()["errors"]] == ["mode"]


@pytest.mark.parametrize("key", [None, "", "short", "x" * 129, "with a space"])
def test_request_support_needs_a_key(place: str, caller: Caller, key: str | None) -> None:
    response = post(caller("operator"), place, key)
    assert response.status_code == 422
    assert [error["where"].lower() for error in response.json()["errors"]] == ["idempotency-key"]
    assert not SupportRequest.objects.exists()


@pytest.mark.parametrize("field", [{"summary": ""}, {"severity": "awful"}, {"mode": "email"}, {"state": "open"}])
def test_request_support_names_the_wrong_field(place: str, caller: Caller, field: dict[str, str]) -> None:
    response = post(caller("operator"), place, **field)
    assert response.status_code == 422
    assert next(iter(field)) in response.json()["errors"][0]["where"]


def test_request_support_without_the_capability_is_denied(place: str, caller: Caller) -> None:
    response = post(caller("auditor"), place)
    assert (response.status_code, response.json()["code"]) == (403, "denied")


def test_latest_without_the_capability_is_denied(place: str, caller: Caller) -> None:
    post(caller("operator"), place)
    assert caller("workspace-administrator").get(f"{place}/latest").status_code == 403


@pytest.mark.requirement("H-45")
def test_support_of_a_foreign_place_is_answered_like_a_missing_one(place: str, caller: Caller) -> None:
    client = caller("operator", tenants=[])
    missing = "ten_none" if "/tenants/" in place else "RUN-ZZZZZZZZZZ"
    nowhere = "/".join([*place.split("/")[:4], missing, "support-requests"])
    for foreign, absent in (
        (post(client, place), post(client, nowhere)),
        (client.get(f"{place}/latest"), client.get(f"{nowhere}/latest")),
    ):
        assert foreign.status_code == 404
        assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
