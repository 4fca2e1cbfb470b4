"""What the peer tests do where Request Tracker is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers import request_tracker


def test_absence_is_explained_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_tracker, "SERVER", Path("/nowhere/rt-server"))
    why = request_tracker.why_absent()
    assert why is not None
    assert "tests/peers/rt5-install" in why


def test_absence_skips_on_a_developers_machine() -> None:
    with pytest.raises(pytest.skip.Exception, match="not installed"):
        request_tracker.require("not installed", in_ci=False)


def test_absence_fails_in_ci() -> None:
    with pytest.raises(pytest.fail.Exception, match="not installed"):
        request_tracker.require("not installed", in_ci=True)


def test_presence_lets_the_test_run() -> None:
    request_tracker.require(None, in_ci=True)
