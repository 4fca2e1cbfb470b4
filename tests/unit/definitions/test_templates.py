"""Placeholders: every value escaped for the place where it stands, or refused."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.definitions.language.templates import Escaping, parse, render, render_json
from handrail.kernel.errors import Invalid
from tests.lanes import examples


def rendered(text: str, place: Escaping, **task: Any) -> str:
    return render(parse(text), {"task": task}, place)


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("ten_1", "ten_1"),
        ("a/b", "a%2Fb"),
        ("a b?c#d%", "a%20b%3Fc%23d%25"),
        ("é", "%C3%A9"),
        ("..x", "..x"),
        (7, "7"),
        (True, "true"),
    ],
)
def test_render_path_encodes_one_segment(value: Any, segment: str) -> None:
    assert rendered("/tenants/{task.id}/x", Escaping.PATH, id=value) == f"/tenants/{segment}/x"


@pytest.mark.parametrize("place", [Escaping.PATH, Escaping.TEXT])
@pytest.mark.parametrize("value", ["", ".", ".."])
def test_render_refuses_values_that_move_in_a_path(place: Escaping, value: str) -> None:
    with pytest.raises(Invalid, match=r"\{task\.id\}"):
        rendered("/tenants/{task.id}", place, id=value)


@pytest.mark.parametrize("place", [Escaping.PATH, Escaping.QUERY, Escaping.FILTER, Escaping.TEXT])
@pytest.mark.parametrize("value", ["a\nb", "a\x00", "\x1b[0m"])
def test_render_refuses_control_characters(place: Escaping, value: str) -> None:
    with pytest.raises(Invalid, match="control character"):
        rendered("/x/{task.id}", place, id=value)


@pytest.mark.parametrize("value", [None, ["a"], {"a": 1}])
def test_render_refuses_what_is_no_text(value: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        rendered("/x/{task.id}", Escaping.PATH, id=value)
    assert refusal.value.code == "placeholder"


def test_render_refuses_an_absent_value() -> None:
    with pytest.raises(Invalid, match="no value here"):
        rendered("/x/{task.id}", Escaping.PATH)


@pytest.mark.parametrize(
    ("template", "value", "expected"),
    [
        ('roles eq "{task.v}"', 'a" or "1" eq "1', r'roles eq "a\" or \"1\" eq \"1"'),
        ('roles eq "{task.v}"', "back\\slash", r'roles eq "back\\slash"'),
        ('roles eq "x-{task.v}"', 5, 'roles eq "x-5"'),
        ("roles eq {task.v}", 'a"b', r'roles eq "a\"b"'),
        ("count gt {task.v}", 5, "count gt 5"),
        ("active eq {task.v}", False, "active eq false"),
        (r'a eq "q\"" and b eq {task.v}', "x", r'a eq "q\"" and b eq "x"'),
    ],
)
def test_render_filter_keeps_values_inside_their_literal(template: str, value: Any, expected: str) -> None:
    assert rendered(template, Escaping.FILTER, v=value) == expected


def test_render_json_keeps_types_of_whole_placeholders() -> None:
    body = {"n": "{task.n}", "list": "{task.l}", "text": "for {task.n}", "fixed": 3, "deep": [{"x": "{task.none}"}]}
    scope = {"task": {"n": 5, "l": ["a"], "none": None}}
    assert render_json(body, scope) == {"n": 5, "list": ["a"], "text": "for 5", "fixed": 3, "deep": [{"x": None}]}


def test_render_json_does_not_touch_braces_in_values() -> None:
    assert render_json("{task.v}", {"task": {"v": "{task.secret}"}}) == "{task.secret}"
    assert render_json("x {task.v}", {"task": {"v": "{task.secret}"}}) == "x {task.secret}"


def test_render_writes_doubled_braces_once() -> None:
    assert rendered("{{{task.v}}}", Escaping.TEXT, v="x") == "{x}"


def test_render_bounds_the_result() -> None:
    with pytest.raises(Invalid, match="grows"):
        rendered("{task.v}" * 40, Escaping.QUERY, v="x" * 5_000)


@pytest.mark.parametrize(
    "text", ["{", "}", "{}", "{task}", "{ task.a }", "{task.A}", "{task.a.b.c.d}", "{a.b", "x" * 2001]
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"\{|2000"):
        parse(text)


VALUES = st.text(max_size=30)


@settings(max_examples=examples(66), deadline=None)
@given(VALUES)
def test_render_path_is_always_one_segment(value: str) -> None:
    try:
        path = rendered("/a/{task.v}/b", Escaping.PATH, v=value)
    except Invalid:
        return
    parts = path.split("/")
    assert len(parts) == 4
    assert unquote(parts[2]) == value
    assert not set("?#\\ ") & set(path)


@settings(max_examples=examples(66), deadline=None)
@given(VALUES)
def test_render_filter_value_reads_back(value: str) -> None:
    try:
        text = rendered('a eq "{task.v}"', Escaping.FILTER, v=value)
    except Invalid:
        return
    assert json.loads(text.removeprefix("a eq ")) == value


@settings(max_examples=examples(100), deadline=None)
@given(st.text(alphabet='{}ab.task"\\ \n', max_size=30))
def test_parse_of_any_text_raises_nothing_but_value_error(text: str) -> None:
    try:
        template = parse(text)
    except ValueError:
        return
    literal = "".join(part if isinstance(part, str) else "" for part in template.parts)
    assert len(literal) <= len(text)
