"""Calls that hang are walked away from, and only so many of them."""

from __future__ import annotations

from threading import Event

import pytest

from handrail.connectors.bounded import MAX_ABANDONED, Bounded, Crowded, Overdue


def test_a_call_gives_what_it_returns_or_raises() -> None:
    bounded = Bounded(30)
    assert bounded.run(lambda: "done") == "done"
    with pytest.raises(TimeoutError, match="the call's own"):
        bounded.run(lambda: (_ for _ in ()).throw(TimeoutError("the call's own")))


def test_a_call_that_hangs_is_overdue_and_goes_on_by_itself() -> None:
    go, went_on = Event(), Event()

    def hang() -> None:
        go.wait(30)
        went_on.set()

    with pytest.raises(Overdue):
        Bounded(0.05).run(hang)
    assert not went_on.is_set()
    go.set()
    assert went_on.wait(30)


def test_nothing_is_begun_while_too_many_hang() -> None:
    bounded, go = Bounded(0.001), Event()
    for _ in range(MAX_ABANDONED):
        with pytest.raises(Overdue):
            bounded.run(lambda: go.wait(30))
    with pytest.raises(Crowded):
        bounded.run(lambda: "never")
    go.set()
