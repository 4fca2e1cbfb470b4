"""``handrail evaluation``: the figures at the command line."""

from __future__ import annotations

import json

import pytest

from handrail.cli.entry import run as handrail
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.runs import Runs

pytestmark = pytest.mark.django_db


@pytest.fixture
def estate() -> Runs:
    made = Installation().runs
    rows.completed_run(made.tenant, made.definition)
    rows.exception(made.tenant, made.definition)
    return made


def test_figures_of_runs_are_tables(estate: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert handrail(["evaluation", "runs", "--by", "month"]) == 0
    shown = capsys.readouterr().out
    for word in ("All runbooks", "flip-switch v1", "By month", "Why runs stopped", "ambiguous-result", "taken over"):
        assert word in shown


def test_figures_of_runs_are_json_too(estate: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["evaluation", "runs", "--json", "--runbook", "flip-switch", "--version", "1", "--tenant", "ten_one"]
    assert handrail([*asked, "--since", "2020-01-01T00:00:00Z"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["total"]["completed"], found["total"]["stopped"], found["period"]) == (1, 1, "week")
    assert handrail([*asked, "--until", "2020-01-01T00:00:00Z"]) == 0
    assert json.loads(capsys.readouterr().out)["total"]["ended"] == 0


def test_nothing_to_count_is_said(estate: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert handrail(["evaluation", "handling"]) == 0
    assert handrail(["evaluation", "runs", "--runbook", "none"]) == 0
    assert "No run has ended in this period." in capsys.readouterr().out


def test_a_version_that_no_runbook_can_have_is_a_usage_error(estate: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert handrail(["evaluation", "runs", "--version", str(2**31)]) == 2
    assert "--version" in capsys.readouterr().err


def test_figures_of_packets_are_shown(estate: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert handrail(["evaluation", "packets"]) == 0
    assert handrail(["evaluation", "packets", "--json"]) == 0
    assert '"accepted": 0' in capsys.readouterr().out
