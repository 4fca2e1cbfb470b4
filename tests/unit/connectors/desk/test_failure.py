"""The words for every category."""

from __future__ import annotations

import pytest

from handrail.connectors.desk import SUMMARY_LIMIT, Category, DeskFailure, interrupted
from handrail.connectors.desk.failure import NAME_LIMIT, failure_of
from handrail.connectors.outcome import Answer, Failure

LONGEST = "W" * NAME_LIMIT
REFERENCE = "SR-7K3M9QX2ZA"


@pytest.mark.parametrize("unknown", [True, False])
@pytest.mark.parametrize("category", Category)
def test_summary_is_whole_within_its_limit(category: Category, unknown: bool) -> None:
    summary = DeskFailure(category, outcome_unknown=unknown).summary(desk=LONGEST, reference=REFERENCE)
    assert len(summary) < SUMMARY_LIMIT
    assert summary.endswith(".")
    assert "{" not in summary


def test_summary_of_an_unknown_outcome_says_what_to_look_for() -> None:
    summary = interrupted().summary(desk="Example Desk", reference=REFERENCE)
    assert "Outcome unknown" in summary
    assert f"Look for {REFERENCE} in Example Desk" in summary


@pytest.mark.parametrize("failure", Failure)
def test_every_transport_failure_is_unknown_exactly_when_it_was_sent(failure: Failure) -> None:
    outcome = failure_of(Answer(None, failure=failure))
    assert outcome is not None
    assert outcome.outcome_unknown == (failure.sent and failure is not Failure.REDIRECT)


@pytest.mark.parametrize("status", [200, 201, 202])
def test_success_is_no_failure(status: int) -> None:
    assert failure_of(Answer(status, {})) is None


@pytest.mark.parametrize(
    ("category", "statuses"),
    [
        (Category.MISCONFIGURED, [405, 407, 421]),
        (Category.DESK_BUSY, [409, 423, 425]),
        (Category.REJECTED, [400, 406, 413, 415, 422]),
    ],
)
def test_a_status_says_who_can_do_something_about_it(category: Category, statuses: list[int]) -> None:
    assert {failure_of(Answer(status)) for status in statuses} == {DeskFailure(category)}


def test_a_desk_that_says_timeout_may_have_made_the_ticket() -> None:
    assert failure_of(Answer(408)) == DeskFailure(Category.TIMEOUT_UNKNOWN, outcome_unknown=True)


@pytest.mark.parametrize("status", range(300, 600, 7))
def test_every_other_status_is_a_failure(status: int) -> None:
    assert failure_of(Answer(status, {})) is not None
