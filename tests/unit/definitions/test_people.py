"""What a runbook says of the people who take over: due times, outcomes, and who may start which follow-up run."""

from __future__ import annotations

from typing import get_args

import pytest

from handrail.definitions.runbook.compiler import compile_runbook
from handrail.definitions.runbook.format import DEFAULT_OUTCOMES, Cause
from handrail.kernel.errors import Invalid
from handrail.runbooks.states import ExceptionCause
from tests.factories.switches import RUNBOOK

pytestmark = pytest.mark.requirement("R2-18")
COPIED = "exception: {copy: [task.switch_id, switch.state, switch.fuse, switch.marker]"


def with_people(more: str) -> str:
    assert COPIED in RUNBOOK
    return RUNBOOK.replace(COPIED, f"{COPIED}, {more}")


def test_causes_of_the_format_are_those_of_runs() -> None:
    assert set(get_args(Cause)) == {cause.value for cause in ExceptionCause}


def test_a_runbook_without_any_has_the_usual_outcomes_no_due_time_and_no_follow_up() -> None:
    runbook = compile_runbook(RUNBOOK)
    assert runbook.outcomes == DEFAULT_OUTCOMES
    assert runbook.due_within_seconds("boundary") is None
    assert runbook.spec.exception.follow_up == []


def test_due_time_is_that_of_the_cause_or_the_general_one() -> None:
    runbook = compile_runbook(with_people("due_within: 4h, due_within_by_cause: {boundary: 2d, outcome-unknown: 30m}"))
    found = [runbook.due_within_seconds(cause) for cause in ("boundary", "outcome-unknown", "prerequisite")]
    assert found == [172_800, 1800, 14_400]


@pytest.mark.parametrize("written", ["59s", "0m", "31d", "-1h", "4", "four", "1.5h", "1h30m", "99999d"])
def test_a_due_time_that_is_none_is_refused_with_its_line(written: str) -> None:
    text = with_people(f"due_within: {written}")
    with pytest.raises(Invalid) as refused:
        compile_runbook(text)
    (fault,) = refused.value.faults
    assert (fault.where, fault.message) == (
        "exception.due_within",
        "expected a time from 1m to 30d, such as 30m, 4h or 2d",
    )
    assert text.splitlines()[(fault.line or 0) - 1].startswith("exception:")


def test_own_outcomes_take_the_place_of_the_usual_ones() -> None:
    runbook = compile_runbook(with_people("outcomes: {fixed: Fixed, wrong-ticket: The ticket was wrong}"))
    assert dict(runbook.outcomes) == {"fixed": "Fixed", "wrong-ticket": "The ticket was wrong"}


@pytest.mark.parametrize(
    ("more", "where", "why"),
    [
        ("outcomes: {}", "exception.outcomes", "1"),
        ("outcomes: {Fixed: x}", "exception.outcomes.Fixed", "kebab"),
        ("outcomes: {fixed: ''}", "exception.outcomes.fixed", "1"),
        ("due_within_by_cause: {bad-luck: 4h}", "exception.due_within_by_cause.bad-luck", ""),
        ("follow_up: [{runbook: flip-switch, by: []}]", "exception.follow_up[0].by", "1"),
        ("follow_up: [{runbook: flip-switch}]", "exception.follow_up[0].by", ""),
        (
            "follow_up: [{runbook: a, by: [senior-support]}, {runbook: a, by: [senior-support]}]",
            "exception.follow_up[1].runbook",
            "a is listed twice",
        ),
        ("follow_up: [{runbook: a, by: [x, x]}]", "exception.follow_up[0].by[1]", "x is listed twice"),
        (
            "follow_up: [{runbook: a, by: [auditor]}]",
            "exception.follow_up[0].by[0]",
            "the role auditor can't start a follow-up run; name the role senior-support, or a group",
        ),
    ],
)
def test_what_can_not_be_is_refused_at_its_place(more: str, where: str, why: str) -> None:
    text = with_people(more)
    with pytest.raises(Invalid) as refused:
        compile_runbook(text)
    (fault,) = refused.value.faults
    assert fault.where == where
    assert why in fault.message
    assert text.splitlines()[(fault.line or 0) - 1].startswith("exception:")


def test_a_group_of_ones_own_may_be_named() -> None:
    runbook = compile_runbook(with_people("follow_up: [{runbook: flip-switch, by: [identity-team, senior-support]}]"))
    assert runbook.spec.exception.follow_up[0].by == ["identity-team", "senior-support"]
