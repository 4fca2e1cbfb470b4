from __future__ import annotations

from typing import Any

import pytest
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
