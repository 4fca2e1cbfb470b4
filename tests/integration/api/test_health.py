from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from handrail.kernel.secrets import Secret
from tests.factories.runs import Estate


def test_alive_asks_nothing_of_the_database() -> None:
    assert Client().get("/healthz").json() == {"status": "alive"}


def test_ready_when_the_database_has_all_migrations(db: None) -> None:
    assert Client().get("/readyz").json() == {"status": "ready"}


def test_metrics_are_not_there_unless_configured(db: None) -> None:
    assert Client(headers={"authorization": "Bearer x"}).get("/metrics").status_code == 404


@pytest.mark.usefixtures("board")
def test_metrics_count_runs_for_whoever_has_the_secret(estate: Estate, settings: Any) -> None:
    settings.HANDRAIL_METRICS_SECRET = Secret("look")
    estate.start()
    text = Client(headers={"authorization": "Bearer look"}).get("/metrics").content.decode()
    assert 'handrail_runs{state="received"} 1.0' in text.splitlines()
    assert Client(headers={"authorization": "Bearer guess"}).get("/metrics").status_code == 404


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "handrail.example.com"])
@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.django_db
def test_probes_answer_the_process_own_address_over_http(settings: Any, address: str, host: str) -> None:
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["handrail.example.com"], True
    settings.HANDRAIL_METRICS_SECRET = Secret("look")
    client = Client(headers={"host": host, "authorization": "Bearer look"})
    assert client.get(address).status_code == 200
    assert client.head(address).status_code == 200
    assert client.post(address).status_code == 405


def test_everything_else_keeps_to_its_host_and_to_https(settings: Any) -> None:
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["handrail.example.com"], True
    assert Client(headers={"host": "127.0.0.1:8000"}).get("/admin").status_code == 400
    assert Client(headers={"host": "handrail.example.com"}).get("/admin").status_code == 301


@pytest.mark.parametrize("address", ["/readyz", "/metrics"])
def test_a_silent_database_is_503(committed_db: str, django_db_blocker: Any, settings: Any, address: str) -> None:
    settings.HANDRAIL_METRICS_SECRET = Secret("look")
    with django_db_blocker.unblock():
        connection.close()
        there, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], "no_such_database"
        try:
            response = Client(headers={"authorization": "Bearer look"}).get(address)
        finally:
            connection.close()
            connection.settings_dict["NAME"] = there
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.headers["Content-Type"] == "application/problem+json"
