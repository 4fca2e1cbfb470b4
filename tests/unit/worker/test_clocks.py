"""Clocks of processes, compared with the database's: what is apart is in the log, the metrics and ``check``."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import structlog
from django.core.cache import cache
from django.db import connection

from handrail.cli import checks
from handrail.kernel.clock import followed, now, own
from handrail.worker import clocks, metrics

pytestmark = pytest.mark.django_db
Shift = Callable[[str], None]


@pytest.fixture(autouse=True)
def _nothing_reported(db: None) -> Iterator[None]:
    cache.clear()
    clocks._reported.clear()
    with followed.use(None):
        yield


@pytest.fixture
def shift() -> Shift:
    """The database's clock is another's from now on, as ``clock_timestamp()`` tells it."""

    def shifted(offset: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA IF NOT EXISTS shifted")
            cursor.execute(
                "CREATE OR REPLACE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
                f"$$ SELECT pg_catalog.clock_timestamp() + interval '{offset}' $$"
            )
            cursor.execute("SET LOCAL search_path = shifted, pg_catalog, public")

    return shifted


def figures() -> dict[str, float]:
    return {metric.name: metric.values[""] for metric in metrics.read() if metric.label is None}


def test_process_in_time_is_fine_everywhere() -> None:
    with structlog.testing.capture_logs() as logged:
        clocks.report("worker")
    assert not logged
    (found,) = checks.clocks_of_processes()
    assert (found.ok, found.message) == (True, "1 running processes are within 2 s of the database.")
    assert figures()["handrail_clocks_apart"] == 0
    assert figures()["handrail_clock_offset_seconds"] < clocks.TOLERANCE_SECONDS


@pytest.mark.parametrize(("offset", "sign"), [("5 seconds", "-5.0"), ("-1 hour", "+3600.0")])
def test_process_whose_clock_is_apart_is_named_everywhere(shift: Shift, offset: str, sign: str) -> None:
    shift(offset)
    with structlog.testing.capture_logs() as logged:
        clocks.report("web")
    assert [entry["log_level"] for entry in logged] == ["warning"]
    (found,) = checks.clocks_of_processes()
    assert not found.ok
    assert f"(web) is {sign} s from the database" in found.message
    assert "NTP" in found.fix
    assert figures()["handrail_clocks_apart"] == 1
    assert figures()["handrail_clock_offset_seconds"] > clocks.TOLERANCE_SECONDS


def test_process_that_has_gone_is_forgotten_by_the_databases_clock(shift: Shift) -> None:
    clocks.report("worker")
    shift("6 minutes")
    assert clocks.readings() == []


def test_readings_of_several_processes_stand_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a:1", "b:2"):
        monkeypatch.setattr(clocks, "worker_name", lambda name=name: name)
        clocks.report("worker")
    assert {one.process for one in clocks.readings()} == {"a:1", "b:2"}


def test_loop_reports_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks.report_now_and_then("worker")
    kept = cache.get(clocks.KEY)
    cache.clear()
    clocks.report_now_and_then("worker")
    assert (len(kept), cache.get(clocks.KEY)) == (1, None)


@pytest.mark.parametrize(
    "kept",
    ['"text"', "7", "[1, 2]", '{"w": null}', '{"w": ["web", "x", 1.0]}', '{"w": ["web", 0.0]}', '{"w": [7, 0.0, 1.0]}',
     '{"w": ["web", NaN, 9e99]}', '{"w": ["web", Infinity, 1.0]}', '{"w": ["web", 0.0, 9e99]}'],
)  # fmt: skip
def test_kept_value_that_is_no_reading_breaks_nothing(kept: str) -> None:
    clocks.report("worker")
    _keep(base64.b64encode(kept.encode()).decode())
    assert clocks.readings() == []
    clocks.report("worker")
    assert [reading.kind for reading in clocks.readings()] == ["worker"]
    assert all(finding.ok for finding in checks.clocks_of_processes())
    assert figures()


@pytest.mark.parametrize("text", ["", "no base64", base64.b64encode(b"no JSON").decode()])
def test_kept_bytes_that_are_no_value_break_nothing(text: str) -> None:
    clocks.report("worker")
    _keep(text)
    assert clocks.readings() == []
    clocks.report("worker")
    assert len(clocks.readings()) == 1


def _keep(text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE handrail_cache SET value = %s", [text])


@pytest.mark.parametrize(("offset", "hours"), [("1 hour", 1), ("-1 hour", -1)])
def test_process_that_serves_goes_by_the_databases_clock(shift: Shift, offset: str, hours: int) -> None:
    shift(offset)
    clocks.report("check")
    assert abs(now() - own()) < timedelta(minutes=1)
    clocks.report_now_and_then("worker")
    assert abs(now() - own() - timedelta(hours=hours)) < timedelta(minutes=1)
