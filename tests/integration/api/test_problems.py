"""Whatever goes wrong, a program gets a problem document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.integration.api.conftest import Caller

MEDIA_TYPE = "application/problem+json"


@pytest.fixture
def lenient(caller: Caller) -> Client:
    """A member's client that shows a 500 as a program would see it."""
    client = caller("operator")
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize("method", ["delete", "put", "options", "trace"])
def test_wrong_method_is_a_problem_that_names_the_right_ones(lenient: Client, method: str) -> None:
    response = getattr(lenient, method)("/api/v1/runs")
    assert (response.status_code, response.headers["Content-Type"]) == (405, MEDIA_TYPE)
    assert set(response.headers["Allow"].split(", ")) == {"GET", "POST"}
    assert response.json()["code"] == "method-not-allowed"


def test_breakage_is_a_problem_with_the_number_of_the_request(lenient: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE runbooks_operationrun RENAME TO elsewhere")
    response = lenient.get("/api/v1/runs")
    assert (response.status_code, response.headers["Content-Type"]) == (500, MEDIA_TYPE)
    problem = response.json()
    assert problem["code"] == "internal"
    assert "operationrun" not in response.content.decode()
    assert len(problem["detail"].rsplit(": ", 1)[1]) == len("00000000-0000-0000-0000-000000000000")


def test_breakage_before_the_api_is_a_problem_too(lenient: Client) -> None:
    """Who is logged in is asked before the API is: what breaks there is Django's to answer."""
    lenient.cookies["sessionid"] = "x" * 32
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE access_loginsession RENAME TO elsewhere")
    response = lenient.get("/api/v1/runs")
    assert (response.status_code, response.headers["Content-Type"]) == (500, MEDIA_TYPE)


def test_unknown_host_is_a_problem(settings: Any, db: None) -> None:
    settings.ALLOWED_HOSTS = ["handrail.example.com"]
    response = Client(headers={"host": "elsewhere.example.com"}).get("/api/v1/runs")
    assert (response.status_code, response.headers["Content-Type"]) == (400, MEDIA_TYPE)
    assert json.loads(response.content)["code"] == "bad-request"
