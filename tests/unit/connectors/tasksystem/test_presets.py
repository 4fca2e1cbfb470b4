"""Every preset of task_systems/: it can be read, and writes what that system documents, and finds it again there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from handrail.conf import wiring
from handrail.conf.config import Config
from handrail.connectors.desk.settings import preset_names
from handrail.connectors.outcome import Answer
from handrail.connectors.tasksystem import (
    AnswerMeaning,
    MessageKind,
    OutgoingMessage,
    TaskSystemConfig,
    is_shown,
    judge_answer,
    question_of,
    request_of,
)
from handrail.kernel.errors import Misconfigured
from handrail.runbooks.task_system import TaskSystem
from handrail.runbooks.taskitems import parse

ROOT = Path(__file__).resolve().parents[4]
WORK = '{"runbook": "flip-switch", "version": "2", "payload": {"switch_id": "s1"}}'
OUTCOME = OutgoingMessage(
    key="OUT-7K3M9QX2ZA",
    task="12",
    kind=MessageKind.OUTCOME,
    title="RUN-7K3M9QX2ZA completed.",
    lines=("RUN-7K3M9QX2ZA completed.", "{noformat} </pre> ``` <b>"),
    report={"run": "RUN-7K3M9QX2ZA"},
    values={"run": "RUN-7K3M9QX2ZA", "state": "completed"},
)
NAMES = {"key": OUTCOME.key, "run": "RUN-7K3M9QX2ZA", "task": "12", "exception": "", "kind": "outcome"}
# As each is documented: a listed task, the answer to an outcome's call (of which {text} is the text), whether it alone
# shows that it is kept, and what is read back.
DOCUMENTED: dict[str, tuple[dict[str, Any], int, Any, bool, Any]] = {
    "handrail": (
        {"id": "12", "runbook": "flip-switch", "runbook_version": 2, "payload": {"switch_id": "s1"}},
        200,
        {"id": "12", "outcome": {"run": "RUN-7K3M9QX2ZA"}},
        True,
        {"run": "RUN-7K3M9QX2ZA"},
    ),
    "request-tracker": (
        {"id": "12", "CustomFields": [{"name": "Other", "values": []}, {"name": "HandrailTask", "values": [WORK]}]},
        201,
        ["Comments added"],
        False,
        {"items": [{"Type": "Create", "Data": ""}, {"Type": "Comment", "Data": "{title}\n"}]},
    ),
    "redmine": (
        {"id": 12, "custom_fields": [{"id": 1, "name": "Handrail task", "value": f"<pre>{WORK}</pre>"}]},
        204,
        None,
        False,
        {"issue": {"id": 12, "journals": [{"notes": ""}, {"notes": "{text}"}]}},
    ),
    "jira": (
        {"id": "10012", "key": "12", "fields": {"customfield_10100": WORK}},
        201,
        {"id": "10001", "body": "{text}"},
        True,
        {"comments": [{"body": "{text}"}], "total": 40},
    ),
    "servicenow": (
        {"sys_id": "12", "u_handrail_task": WORK},
        200,
        {"result": {"sys_id": "12", "work_notes": ""}},
        False,
        {"result": {"work_notes": "2026-11-27 10:00:00 - Handrail (Work notes)\n{text}\n\n"}},
    ),
    "zendesk": (
        {"id": 12, "custom_fields": [{"id": 360000000001, "value": WORK}]},
        200,
        {"ticket": {"id": 12}, "audit": {"events": [{"type": "Comment", "body": "{text}", "public": False}]}},
        True,
        {"comments": [{"body": "{text}", "public": False}], "next_page": None},
    ),
}


def system(preset: str, **own: Any) -> TaskSystem:
    values = {"project": "OPS", "view": 1, **own.pop("values", {})} if preset == "jira" else own.pop("values", {})
    section = {"preset": preset, "connector": "queue", "workspace": "acme", "values": values, **own}
    (found,) = wiring.task_systems(Config.model_validate({"tasks": section}))
    return found


def filled(value: Any, words: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: filled(inner, words) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, words) for inner in value]
    if isinstance(value, str):
        for name, word in words.items():
            value = value.replace(f"{{{name}}}", word)
    return value


def test_every_preset_has_a_shape_and_a_guide() -> None:
    presets = preset_names(ROOT / "task_systems")
    guides = sorted(path.stem for path in (ROOT / "docs" / "guides" / "task-systems").glob("*.md"))
    assert presets == sorted(DOCUMENTED)
    assert [name for name in guides if name != "README"] == presets


@pytest.mark.parametrize("preset", DOCUMENTED)
def test_preset_reads_a_task_and_finds_an_outcome_where_it_is_documented_to_be(preset: str) -> None:
    item, status, answer, shown_at_once, read_back = DOCUMENTED[preset]
    found = system(preset)
    task = parse(item, found)
    assert (task.key, task.runbook, task.version, task.payload) == ("12", "flip-switch", 2, {"switch_id": "s1"})
    call = found.call_of(MessageKind.OUTCOME)
    assert call is not None
    assert call.look is not None
    given = {"values": found.values, "status": found.status_for(OUTCOME), "text_format": found.text_format}
    sent = request_of(call, OUTCOME, **given)
    assert "12" in sent.path
    texts = strings(sent.json_body)
    words = {"text": next((t for t in texts if OUTCOME.key in t), ""), "title": next(iter(texts), "")}
    words["title"] = next((t for t in texts if t.startswith("[OUT-")), "")
    judged = judge_answer(call, Answer(status, body=filled(answer, words)), NAMES)
    assert judged.meaning is (AnswerMeaning.KEPT if shown_at_once else AnswerMeaning.LOOK)
    assert is_shown(call.look, filled(read_back, words), NAMES)
    assert not is_shown(call.look, filled(read_back, {"text": "else", "title": "else"}), NAMES) or preset == "handrail"
    assert "12" in question_of(call.look, OUTCOME, values=found.values).path


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in strings(inner)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("preset", sorted(set(DOCUMENTED) - {"handrail"}))
def test_further_messages_are_written_like_outcomes_and_found_again(preset: str) -> None:
    found = system(preset)
    message = OutgoingMessage(
        key="MSG-7K3M9QX2ZA", task="12", kind=MessageKind.TAKEN, title="Taken over", lines=("Taken over.",)
    )
    call = found.call_of(MessageKind.TAKEN)
    assert call is not None
    sent = request_of(call, message, values=found.values, status=None, text_format=found.text_format)
    assert any("MSG-7K3M9QX2ZA" in text for text in strings(sent.json_body))
    assert "status" not in str(sent.json_body).lower()  # the task's status stays as it is
    assert sent.idempotency_key == "MSG-7K3M9QX2ZA"


@pytest.mark.parametrize("key", ["..", "a/../b", "%2e%2e", "\x01"])
def test_key_that_can_t_stand_in_a_path_is_refused(key: str) -> None:
    found = system("redmine")
    call = found.call_of(MessageKind.OUTCOME)
    assert call is not None
    hostile = OutgoingMessage(key="OUT-1", task=key, kind=MessageKind.OUTCOME, title="t", lines=())
    with pytest.raises(Misconfigured, match="can't stand in the path"):
        request_of(call, hostile, values=found.values, status=None, text_format="text")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"preset": "nonesuch"}, "must be one of"),
        ({"outcome": {"path": "/x", "body": {"a": "{text}"}}}, "needs look"),
        ({"outcome": {"path": "/x", "idempotent": True}}, "needs look, or a row"),
        ({"outcome": {"path": "/x", "look": {"path": "/y", "at": "a"}, "body": {"a": "b"}}}, "names none of"),
        ({"outcome": {"path": "/x", "look": {"path": "/y", "at": "a", "holds": "Handrail"}}}, "must name"),
        ({"outcome": {"path": "/{nope}", "look": {"path": "/y", "at": "a"}}}, "not set"),
        ({"outcome": {"path": "/x", "look": {"path": "/y", "at": "a[["}}}, "neither a JSON pointer nor JMESPath"),
        (
            {"outcome": {"path": "/x", "look": {"path": "/y", "at": "a"}, "headers": {"Authorization": "x"}}},
            "is set by",
        ),
        ({"outcome": {"path": "/x", "look": {"path": "/y", "at": "a"}, "headers": {"X-Why": "{reason}"}}}, "not set"),
        (
            {"outcome": {"path": "/x", "look": {"path": "/y", "at": "a"}, "answers": [{"means": "kept"}]}},
            "every answer",
        ),
        ({"message_kinds": ["outcome"]}, "further messages only"),
        ({"statuses": {"done": "x"}}, "is not known"),
        ({"values": {"key": "x"}}, "choose another"),
    ],
)
def test_configuration_that_could_not_work_is_refused_with_the_reason(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TaskSystemConfig.model_validate({"connector": "queue", "workspace": "acme", **wrong})


def test_task_systems_have_workspaces_and_secrets_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"connector": "a", "workspace": "acme", "webhook_secret": "env:HOOK"}
    with pytest.raises(ValidationError, match="give each its own"):
        Config.model_validate({"tasks": one, "task_systems": {"second": {**one, "connector": "b"}}})
    both = Config.model_validate({"tasks": one, "task_systems": {"second": {**one, "workspace": "other"}}})
    monkeypatch.setenv("HOOK", "whsec_c2VjcmV0c2VjcmV0c2VjcmV0")
    with pytest.raises(Misconfigured, match="give each its own"):
        wiring.task_systems(both)
