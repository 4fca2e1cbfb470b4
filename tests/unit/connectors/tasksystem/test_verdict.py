"""What an answer means: kept only where something shows it, and never by an answer that was not understood."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.connectors.outcome import Answer, Failure
from handrail.connectors.tasksystem import AnswerMeaning, LookFor, WriteCall, is_shown, judge_answer, own_shape
from handrail.connectors.tasksystem.config import AnswerRow
from handrail.connectors.tasksystem.verdict import holds

NAMES = {"key": "OUT-7K3M9QX2ZA", "run": "RUN-7K3M9QX2ZA", "task": "12", "exception": "", "kind": "outcome"}
LOOK = LookFor(path="/tasks/{task}/notes", at="notes[].text")
CALL = WriteCall(
    path="/tasks/{task}/notes",
    body={"text": "{text}"},
    answers=(
        AnswerRow(status=(201,), at="note.text", holds="{key}", means="kept"),
        AnswerRow(status=("2xx",), at="errors", means="refused"),
        AnswerRow(status=(400,), at="message", holds="Permission Denied", means="again"),
    ),
    look=LOOK,
)
M = AnswerMeaning


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (Answer(201, body={"note": {"text": "Completed.\nHandrail OUT-7K3M9QX2ZA"}}), M.KEPT),
        (Answer(201, body={"note": {"text": "something else"}}), M.LOOK),
        (Answer(200, body=[]), M.LOOK),
        (Answer(200, body=["Status 'bogus' isn't a valid status for this ticket."]), M.LOOK),
        (Answer(204), M.LOOK),
        (Answer(202, body={"queued": True}), M.LOOK),
        (Answer(200, body={"errors": ["no such field"]}), M.REFUSED),
        (Answer(200, failure=Failure.NOT_JSON), M.LOOK),
        (Answer(201, failure=Failure.TOO_LARGE), M.LOOK),
        (Answer(302, failure=Failure.REDIRECT), M.UNKNOWN),
        (Answer(400, body={"message": "Permission Denied"}), M.AGAIN),
        (Answer(400, body={"message": "no"}), M.REFUSED),
        (Answer(401), M.AGAIN),
        (Answer(403), M.AGAIN),
        (Answer(404), M.REFUSED),
        (Answer(409), M.LOOK),
        (Answer(422, body={"errors": ["no"]}), M.REFUSED),
        (Answer(429), M.AGAIN),
        (Answer(408), M.UNKNOWN),
        (Answer(500), M.UNKNOWN),
        (Answer(503), M.UNKNOWN),
        (Answer(None, failure=Failure.CONNECT), M.AGAIN),
        (Answer(None, failure=Failure.TIMEOUT_AFTER_SEND), M.UNKNOWN),
    ],
)
def test_answer_means_what_the_table_says_and_else_what_its_status_can(answer: Answer, meaning: AnswerMeaning) -> None:
    assert judge_answer(CALL, answer, NAMES).meaning is meaning


@pytest.mark.parametrize("failure", [Failure.NOT_JSON, Failure.TOO_LARGE, Failure.REDIRECT, Failure.CONNECTION_LOST])
def test_status_alone_keeps_nothing_whose_body_was_not_understood(failure: Failure) -> None:
    call = WriteCall(path="/t/{task}", idempotent=True, kept="by-status")
    believing = WriteCall(path="/t", look=LOOK, answers=(AnswerRow(status=(200,), means="kept"),))
    for each in (call, believing):
        assert judge_answer(each, Answer(200), NAMES).meaning is M.KEPT
        assert judge_answer(each, Answer(200, failure=failure), NAMES).meaning is not M.KEPT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
ANSWERS = st.builds(
    Answer,
    status=st.sampled_from([None, 200, 201, 202, 204, 301, 302, 400, 401, 404, 409, 422, 429, 500, 503]),
    body=JSON,
    failure=st.none() | st.sampled_from(list(Failure)),
)


@given(answer=ANSWERS)
@settings(max_examples=300, deadline=None)
def test_nothing_is_kept_unless_its_key_stands_in_the_answer(answer: Answer) -> None:
    for call in (CALL, own_shape("/tasks/{task}/outcome")):
        assert judge_answer(call, answer, NAMES).meaning is not M.KEPT


@given(around=JSON, where=st.sampled_from(["run", "outcome"]))
@settings(max_examples=100, deadline=None)
def test_own_shape_is_kept_where_the_answer_names_the_run(around: object, where: str) -> None:
    run = NAMES["run"]
    body = {"x": around, **({"run": run} if where == "run" else {"outcome": {"run": run, "more": around}})}
    assert judge_answer(own_shape("/t/{task}"), Answer(200, body=body), NAMES).meaning is M.KEPT  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"notes": [{"text": "a"}, {"text": "b OUT-7K3M9QX2ZA c"}]}, True),
        ({"notes": [{"text": {"content": [{"text": "OUT-7K3M9QX2ZA"}]}}]}, True),
        ({"notes": [{"text": "RUN-7K3M9QX2ZA was taken over"}]}, False),
        ({"notes": []}, False),
        ({}, False),
        ("OUT-7K3M9QX2ZA", False),
    ],
)
def test_message_is_shown_where_its_key_is(body: object, shown: bool) -> None:
    assert is_shown(LOOK, body, NAMES) is shown  # type: ignore[arg-type]


def test_what_is_looked_for_is_never_empty() -> None:
    """A placeholder without value would be found everywhere."""
    assert not is_shown(LOOK.model_copy(update={"holds": "{exception}"}), {"notes": [{"text": "anything"}]}, NAMES)


def test_deep_and_wide_answers_are_looked_through_step_by_step() -> None:
    deep: object = "OUT-7K3M9QX2ZA"
    for _ in range(5000):
        deep = [deep]
    assert holds({"a": deep}, "a", "OUT-7K3M9QX2ZA")  # type: ignore[dict-item]
