"""Log-in, its audit, what there is no route for, and acting in one of several workspaces."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from handrail.access.capabilities import Role
from handrail.access.models import LoginSession, User
from handrail.audit.models import AuditEvent
from tests.factories import rows
from tests.factories.web import Web

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


def log_in(client: Client, email: str, password: str, **more: str) -> int:
    return client.post("/accounts/login/", {"login": email, "password": password} | more).status_code


def test_log_in_is_audited_and_leads_home(house: Web) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    client = Client()
    assert log_in(client, user.email, rows.PASSWORD) == 302
    assert client.get("/admin").status_code == 200
    event = AuditEvent.objects.get(event="user.logged_in")
    assert (event.subject, event.workspace_id) == (user.email, house.workspace.pk)


def test_wrong_password_is_audited_by_account(house: Web) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    assert log_in(Client(), user.email, "not the password") == 200
    event = AuditEvent.objects.get(event="user.login_refused")
    assert (event.subject, event.outcome) == (user.email, "denied")


def test_unknown_account_is_audited_without_what_was_typed(house: Web) -> None:
    log_in(Client(), "my-password-by-mistake@example.com", "x")
    assert AuditEvent.objects.get(event="user.login_refused").subject == "unknown"


def test_log_in_does_not_lead_outside(house: Web) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    response = Client().post(
        "/accounts/login/", {"login": user.email, "password": rows.PASSWORD, "next": "https://evil.example/"}
    )
    assert response.headers["Location"] == "/admin"


def guess(address: str, email: str, *, forged: str = "") -> str:
    """One wrong password, as the one trusted proxy hands it on."""
    client = Client(headers={"x-forwarded-for": f"{forged}{address}"})
    return client.post("/accounts/login/", {"login": email, "password": "wrong"}).content.decode()


def guess_too_often(address: str) -> None:
    """As often as an address may in a minute, each time for another account."""
    for number in range(10):
        assert "Too many failed" not in guess(address, f"nobody{number}@example.com", forged=f"10.0.0.{number}, ")
    assert "Too many failed" in guess(address, "nobody@example.com", forged="10.0.0.99, ")


def test_one_address_guessing_locks_out_itself_only(house: Web, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    user = rows.member(house.workspace, Role.OPERATOR)
    guess_too_often("198.51.100.7")
    other = Client(headers={"x-forwarded-for": "203.0.113.9"})
    assert log_in(other, user.email, rows.PASSWORD) == 302


def test_refused_log_ins_are_counted_over_all_processes(house: Web) -> None:
    log_in(Client(), "nobody@example.com", "wrong")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM handrail_cache WHERE cache_key LIKE '%login_failed%'")
        assert cursor.fetchone() == (2,)  # one for the address, one for the account


@pytest.mark.parametrize("path", ["signup/", "email/", "password/reset/", "confirm-email/", "reauthenticate/"])
def test_nobody_signs_up_or_resets(house: Web, path: str) -> None:
    assert Client().get(f"/accounts/{path}").status_code == 404


def test_root_leads_home(house: Web) -> None:
    assert Client().get("/").headers["Location"] == "/admin"


def test_member_of_two_workspaces_switches(house: Web, neighbour: Web, enter: Callable[[User], Client]) -> None:
    user = rows.member(house.workspace, Role.OPERATOR, email="both@example.com")
    rows.member(neighbour.workspace, Role.OPERATOR, email="both@example.com")
    client = enter(user)
    assert client.get(f"/admin/operations/{neighbour.completed.ref}").status_code == 404
    assert client.post("/admin/workspaces", {"workspace": neighbour.workspace.slug}).status_code == 302
    assert client.get(f"/admin/operations/{neighbour.completed.ref}").status_code == 200
    assert client.get(f"/admin/operations/{house.completed.ref}").status_code == 404


def test_switch_to_a_foreign_workspace_is_missing(house: Web, neighbour: Web, as_role: Callable[..., Client]) -> None:
    client = as_role(Role.OPERATOR)
    foreign = client.post("/admin/workspaces", {"workspace": neighbour.workspace.slug})
    missing = client.post("/admin/workspaces", {"workspace": "no-such"})
    assert (foreign.status_code, foreign.content) == (404, missing.content)


def test_lost_workspace_falls_back_to_the_other(house: Web, neighbour: Web, enter: Callable[[User], Client]) -> None:
    user = rows.member(house.workspace, Role.OPERATOR, email="both@example.com")
    rows.member(neighbour.workspace, Role.OPERATOR, email="both@example.com")
    client = enter(user)
    client.post("/admin/workspaces", {"workspace": neighbour.workspace.slug})
    user.membership_set.filter(workspace=neighbour.workspace).update(is_active=False)
    assert house.workspace.name in client.get("/admin").content.decode()


def test_password_is_changed(house: Web, enter: Callable[[User], Client]) -> None:
    user = rows.member(house.workspace, Role.OPERATOR)
    client = enter(user)
    new = "another horse altogether"
    posted = {"oldpassword": rows.PASSWORD, "password1": new, "password2": new}
    assert client.post("/accounts/password/change/", posted).status_code == 302
    assert log_in(Client(), user.email, new) == 302


def rest(client: Client, minutes: float) -> None:
    """As if the person's last doing were so long ago."""
    session = client.session
    session["seen"] = int(time.time() - minutes * 60)
    session.save()


def test_idle_person_is_logged_out(as_role: Callable[..., Client]) -> None:
    client = as_role(Role.OPERATOR)
    assert client.get("/admin").status_code == 200
    rest(client, 61)
    assert client.get("/admin").headers["Location"].startswith("/accounts/login/")
    assert LoginSession.objects.count() == 0


def test_person_who_does_something_stays(as_role: Callable[..., Client]) -> None:
    client = as_role(Role.OPERATOR)
    client.get("/admin")
    rest(client, 59)
    assert client.get("/admin").status_code == 200
    assert client.session["seen"] > time.time() - 60


def test_page_that_updates_by_itself_keeps_nobody_logged_in(as_role: Callable[..., Client]) -> None:
    client = as_role(Role.OPERATOR)
    client.get("/admin")
    rest(client, 59)
    live = {"HX-Request": "true"}
    assert client.get("/admin/operations", headers=live).status_code == 200
    assert client.session["seen"] < time.time() - 58 * 60
    rest(client, 61)
    assert client.get("/admin/operations", headers=live).headers["HX-Redirect"] == "/accounts/login/"
