"""Tokens over the API: made with a session, limited by their scope, revoked at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from tests.factories import rows
from tests.factories.people import secret_of
from tests.factories.runs import Runs
from tests.integration.api.conftest import Caller

NEW = {"name": "nightly export", "scopes": ["read", "run:start"], "days": 30}


def bearing(secret: str) -> Client:
    return Client(headers={"authorization": f"Bearer {secret}"})


@pytest.fixture
def session(estate: Runs) -> Client:
    """A browser in which an operator is logged in."""
    client = Client()
    user = rows.member(estate.workspace, Role.OPERATOR, email="olga@example.com")
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"/api/v1/tokens{path}", body, content_type="application/json")


def test_a_session_makes_a_token_whose_secret_is_shown_once(session: Client) -> None:
    made = post(session, "", **NEW)
    assert (made.status_code, made.json()["scopes"]) == (201, ["read", "run:start"])
    secret = made.json()["secret"]
    listed = bearing(secret).get("/api/v1/tokens", REMOTE_ADDR="203.0.113.9")
    assert [one["ref"] for one in listed.json()] == [made.json()["ref"]]
    assert secret not in listed.content.decode()


def test_the_last_use_names_the_address(session: Client) -> None:
    secret = post(session, "", **NEW).json()["secret"]
    bearing(secret).get("/api/v1/runs", REMOTE_ADDR="203.0.113.9")
    (seen,) = session.get("/api/v1/tokens").json()
    assert seen["last_used_from"] == "203.0.113.9"


def test_a_token_makes_no_token(caller: Caller) -> None:
    refused = post(caller("operator"), "", **NEW)
    assert (refused.status_code, refused.json()["code"]) == (403, "token-by-token")


def test_a_scope_beyond_the_roles_names_the_field(session: Client) -> None:
    refused = post(session, "", **NEW | {"scopes": ["packet:release"]})
    assert (refused.status_code, refused.json()["errors"][0]["where"]) == (422, "scopes")


def test_a_revoked_token_opens_nothing(session: Client) -> None:
    made = post(session, "", **NEW).json()
    assert post(session, f"/{made['ref']}/revoke").status_code == 204
    assert bearing(made["secret"]).get("/api/v1/runs").status_code == 401


def test_everyones_tokens_are_for_who_may_see_members(estate: Runs, caller: Caller) -> None:
    assert caller("operator").get("/api/v1/tokens?everyone=true").status_code == 403
    seen = caller("workspace-administrator").get("/api/v1/tokens?everyone=true").json()
    assert len(seen) == 2


def test_an_administrator_revokes_a_members_token(estate: Runs, caller: Caller) -> None:
    ref = rows.token(estate.workspace).ref
    assert post(caller("operator"), f"/{ref}/revoke").status_code == 403
    assert post(caller("workspace-administrator"), f"/{ref}/revoke").status_code == 204


def test_a_reading_token_reads_and_does_nothing_else(estate: Runs) -> None:
    rows.member(estate.workspace, Role.OPERATOR, email="olga@example.com")
    client = bearing(secret_of("olga@example.com", estate.workspace.pk, "read"))
    assert client.get("/api/v1/runs").status_code == 200
    refused = client.post("/api/v1/packets/PKT-0000000000/reassemble", {"reason": "x"}, content_type="application/json")
    assert refused.status_code == 404
    body = {"key": "T", "runbook": "flip-switch", "version": 1, "payload": {}}
    refused = client.post("/api/v1/runs", body, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "token-scope")
