"""Durations: injected, bounded where an installation sets them, and never longer than their ceilings."""

from __future__ import annotations

from dataclasses import fields

import pytest

from handrail.conf import config
from handrail.kernel.errors import Misconfigured
from handrail.runbooks import timing
from handrail.runbooks.timing import Timing


def test_waits_double_up_to_their_ceiling() -> None:
    assert [Timing().after_unexpected_error(failures) for failures in (1, 2, 3, 7, 10_000)] == [5, 10, 20, 300, 300]
    assert [Timing().after_refused_report(attempts) for attempts in (0, 1, 2, 10_000)] == [2, 4, 8, 300]


def test_use_replaces_and_restores() -> None:
    with timing.use(Timing(lease_seconds=1)):
        assert timing.get().lease_seconds == 1
    assert timing.get() == Timing()


def test_every_duration_can_be_configured_and_defaults_to_that_of_production() -> None:
    loaded = config.parse("")
    assert Timing(lease_seconds=loaded.worker.lease_seconds, **loaded.timing.model_dump()) == Timing()
    assert {field.name for field in fields(Timing)} == {"lease_seconds", *type(loaded.timing).model_fields}


@pytest.mark.parametrize(
    "wrong",
    [
        "intent_margin_seconds = 0",
        "intent_margin_seconds = 1",
        "result_margin_seconds = 2",
        "result_margin_seconds = -1",
        "lease_margin_seconds = 0",
        "in_process_wait_seconds = 3600",
        "unexpected_error_wait_seconds = 301",
        "report_ceiling_seconds = 1",
        "no_such_seconds = 1",
    ],
)
def test_durations_out_of_bounds_are_refused(wrong: str) -> None:
    with pytest.raises(Misconfigured):
        config.parse(f"[timing]\n{wrong}")


@pytest.mark.parametrize("seconds", [0, -1, 601])
def test_a_lease_out_of_bounds_is_refused(seconds: int) -> None:
    with pytest.raises(Misconfigured):
        config.parse(f"[worker]\nlease_seconds = {seconds}")
