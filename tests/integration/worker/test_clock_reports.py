"""Processes that report their clocks at the same moment keep each other's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from handrail.worker import clocks


def test_reports_at_the_same_time_lose_none(committed_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def act(number: int) -> None:
        try:
            clocks.report(f"kind-{number}")
        finally:
            connection.close()

    names = iter(f"machine:{number}" for number in range(8))
    monkeypatch.setattr(clocks, "worker_name", lambda: next(names))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(8)))
    assert len(clocks.readings()) == 8
