"""Failures as pages: nothing of the request in them, and no need of what may have failed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection
from django.test import Client, RequestFactory

from handrail.access.capabilities import Role
from handrail.web.shell import errors
from tests.factories.web import Web

pytestmark = pytest.mark.django_db


def test_unknown_address_is_the_same_page_as_a_missing_run(house: Web, as_role: Callable[..., Client]) -> None:
    client = as_role(Role.OPERATOR)
    assert client.get("/admin/no-such-page").content == client.get("/admin/operations/RUN-0000000000").content


def test_unknown_address_outside_is_a_bare_page(house: Web) -> None:
    response = Client().get("/no-such-page")
    assert response.status_code == 404
    assert "Not found, or you don" in response.content.decode()
    assert "no-such-page" not in response.content.decode()


def test_wrong_method_is_a_page_that_names_the_right_ones(house: Web, as_role: Callable[..., Client]) -> None:
    response = as_role(Role.OPERATOR).get(f"/admin/operations/{house.received.ref}/cancel")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert "support that action" in response.content.decode()


def test_stale_form_changes_nothing_and_says_what_to_do(house: Web) -> None:
    from tests.factories import rows

    client = Client(enforce_csrf_checks=True)
    user = rows.member(house.workspace, Role.OPERATOR)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    response = client.post(f"/admin/operations/{house.received.ref}/cancel")
    assert response.status_code == 403
    assert "The form has expired" in response.content.decode()
    house.received.refresh_from_db()
    assert house.received.state == "received"


def test_breakage_is_a_page_without_details() -> None:
    secret = "canary-7f3a"
    try:
        raise RuntimeError(secret)
    except RuntimeError:
        response = errors.server_error(RequestFactory().get(f"/admin?{secret}"))
    assert response.status_code == 500
    assert secret not in response.content.decode()


def test_breakage_is_a_page_with_the_number_of_the_request(house: Web, as_role: Callable[..., Client]) -> None:
    client = as_role(Role.OPERATOR)
    client.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE runbooks_operationrun RENAME TO elsewhere")
    response = client.get("/admin/operations")
    assert response.status_code == 500
    assert re.search(r"<code>[0-9a-f-]{36}</code>", response.content.decode())


def test_silent_database_is_said_to_be_that(django_assert_num_queries: Callable[..., object]) -> None:
    try:
        raise OperationalError("connection refused at secret-host")
    except OperationalError:
        with django_assert_num_queries(0):  # type: ignore[attr-defined]
            response = errors.server_error(RequestFactory().get("/admin"))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert "secret-host" not in response.content.decode()


def test_pages_are_not_kept_by_caches(house: Web, as_role: Callable[..., Client]) -> None:
    assert as_role(Role.OPERATOR).get("/admin").headers["Cache-Control"] == "no-store"
