"""Conditions: typed against declared names, decided only by true or false, and bounded in time and memory."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.definitions.language import cost
from handrail.definitions.language.conditions import (
    MAX_SOURCE,
    Condition,
    ConditionError,
    Uncompilable,
    compile_condition,
)
from handrail.definitions.language.valuetypes import ValueType
from tests.lanes import examples

VARIABLES = {
    "task.name": ValueType("string"),
    "task.names": ValueType("string", many=True),
    "task.count": ValueType("integer"),
    "task.ratio": ValueType("number"),
    "task.flag": ValueType("boolean"),
    "t.note": ValueType("string", optional=True),
    "t.left": ValueType("integer", optional=True),
    "t.meta": ValueType("object"),
    "t.rows": ValueType("object", many=True),
    "t.old": ValueType("string", many=True, optional=True),
}
# No evaluation, however built, may take more processor time than this; a busy machine does not matter.
PATIENCE_SECONDS = 5.0


def scope(**values: Any) -> dict[str, Any]:
    task = {"name": "ada", "names": ["ada", "bob"], "count": 3, "ratio": 2.0, "flag": True}
    t = {"note": None, "left": 4, "meta": {"a": "x", "n": 1}, "rows": [{"p": 1}, {"p": 2}], "old": None}
    return {"task": {**task, **values}, "t": {**t, **values}}


def condition(source: str) -> Condition:
    return compile_condition(source, VARIABLES)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("task.name == 'ada'", True),
        ("task.names.all(n, n.size() == 3)", True),
        ("task.names.exists(n, n == 'eve')", False),
        ("task.names.exists_one(n, n == 'ada')", True),
        ("task.name in task.names && task.count in [1, 2, 3]", True),
        ("size(task.names) + 1 == task.count", True),
        ("double(task.count) > task.ratio", True),
        ("task.flag ? task.count == 3 : false", True),
        ("task.name.matches('^[a-z]+$')", True),
        ("t.note == null || t.note.startsWith('x')", True),
        ("t.note != null", False),
        ("t.left > 3", True),
        ("t.left in [4, 5]", True),
        ("has(t.meta.a) && !has(t.meta.b)", True),
        ("t.rows.all(r, r.p > 0)", True),
        ("t.old == null", True),
        ("timestamp('2026-01-01T00:00:00Z') < timestamp('2026-11-22T00:00:00Z')", True),
        ("task.names == ['ada', 'bob']", True),
    ],
)
def test_holds_decides(source: str, expected: bool) -> None:
    assert condition(source).holds(scope()) is expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("task.name == 5", "overload"),
        ("t.note > 3", "overload"),
        ("t.left == 'x'", "overload"),
        ("task.nam == 'x'", "task.nam"),
        ("nothing()", "nothing"),
        ("task.name", "true or false"),
        ("t.meta.a", "true or false"),
        ("", "Syntax"),
        ("true &&", "Syntax"),
        ("(" * 200 + "true" + ")" * 200, "deep"),
        ("'" + "x" * MAX_SOURCE + "' == ''", str(MAX_SOURCE)),
        ("task.names.map(n, n) == []", "map"),
        ("task.names.filter(n, true) == []", "filter"),
        ("task.name + task.name == ''", "_+_"),
        ("t.meta.a + t.meta.a == ''", "joined"),
        ("task.names + task.names == []", "_+_"),
        ("dyn(task.name) == 3", "dyn"),
        ("bytes(task.name) == b''", "bytes"),
        ("task.name.matches(task.name)", "written out"),
        ("google.protobuf.Int32Value{value: 3} == 3", "message values"),
        ("cel.bind(x, 1, x == 1)", "cel"),
    ],
)
def test_compile_refuses(source: str, message: str) -> None:
    with pytest.raises(Uncompilable) as refusal:
        condition(source)
    assert any(message in problem.message for problem in refusal.value.problems)


def test_compile_tells_where() -> None:
    with pytest.raises(Uncompilable) as refusal:
        condition("task.name == 'é' &&\n  task.nam == 'x' && t.meta.a + t.meta.a == ''")
    assert [(p.line, p.column) for p in refusal.value.problems] == [(2, 7)]


def test_compile_names_what_it_needs_only() -> None:
    assert condition("t.left == 4 && task.name == 'x'").names == ("t.left", "task.name")


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("t.meta.nothing == 1", {}),
        ("task.names[7] == 'x'", {}),
        ("t.left > 3", {"left": None}),
        ("t.left / 0 == 1", {}),
        ("task.count == 3", {"count": "3"}),
        ("task.count == 3", {"count": 2**80}),
        ("task.count == 3", {"count": None}),
        ("task.names.all(n, n == 'x')", {"names": "x"}),
        ("t.rows.all(r, r.p == 1 || r.q == 1)", {}),
    ],
)
def test_holds_refuses_what_is_not_decided(source: str, values: dict[str, Any]) -> None:
    with pytest.raises(ConditionError) as refusal:
        condition(source).holds(scope(**values))
    assert refusal.value.code == "condition-error"


def test_holds_refuses_an_absent_value() -> None:
    with pytest.raises(ConditionError, match=r"task\.count has no value here"):
        condition("task.name == 'ada' || task.count == 3").holds({"task": {"name": "ada"}})


def test_holds_never_quotes_values() -> None:
    with pytest.raises(ConditionError) as refusal:
        condition("task.count == 3").holds(scope(count="s3cret-canary"))
    assert "s3cret-canary" not in str(refusal.value)


BIG = ["x" * 50] * 9_000
FLOODS = [
    ("task.names.all(a, task.names.all(b, task.names.all(c, a == b || b == c)))", {"names": BIG}),
    ("task.names.all(a, task.names == task.names && task.names == task.names)", {"names": BIG}),
    ("task.names.all(a, !('nope' in task.names))", {"names": BIG}),
    ("task.names.all(a, !task.name.contains('aaaaaaaaaaaaaaaab'))", {"names": BIG, "name": "a" * 64_000}),
    ("task.names.all(a, !task.name.matches('([a-q][^u-z]{0,400}x)+y'))", {"names": BIG, "name": "abcq" * 16_000}),
    ("!task.name.matches('(a+)+$') || true", {"name": "a" * 64_000 + "b"}),
    ("!task.name.matches('(x{1,30}){1,30}') || true", {"name": "a" * 64_000}),
    ("task.names.all(a, string(task.name) == a || true)", {"names": BIG, "name": "a" * 64_000}),
    ("task.names.all(a, task.name.size() > 1)", {"names": BIG, "name": "é" * 64_000}),
    ("t.rows.all(r, t.rows == t.rows)", {"rows": [{"p": {"q": [1] * 20}}] * 1_000}),
    ("[1,2,3,4,5,6,7,8,9,10].all(a,[1,2,3,4,5,6,7,8,9,10].all(b,[1,2,3,4,5,6,7,8,9,10].all(c,"
     "[1,2,3,4,5,6,7,8,9,10].all(d,[1,2,3,4,5,6,7,8,9,10].all(e,[1,2,3,4,5,6,7,8,9,10].all(f,"
     "[1,2,3,4,5,6,7,8,9,10].all(g,true)))))))", {}),
    ("task.names.all(a, " + " && ".join(["task.names == task.names"] * 60) + ")", {"names": BIG}),
    (" && ".join(["task.names == task.names"] * 60), {"names": BIG}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "values"), FLOODS, ids=range(len(FLOODS)))
def test_holds_never_hangs(source: str, values: dict[str, Any]) -> None:
    compiled = condition(source)
    begun = time.process_time()
    with suppress(ConditionError):
        compiled.holds(scope(**values))
    assert time.process_time() - begun < PATIENCE_SECONDS


def test_holds_refuses_before_evaluating_what_costs_too_much() -> None:
    with pytest.raises(ConditionError, match=f"at most {cost.LIMIT} are allowed"):
        condition("task.names.all(a, task.names.all(b, a == b))").holds(scope(names=BIG))


def test_holds_allows_large_but_honest_lists() -> None:
    people = [f"person{number}@example.com" for number in range(10_000)]
    wanted = condition("task.names.all(n, n in t.old)")
    assert wanted.holds({"task": {"names": people[:20]}, "t": {"old": people}}) is True


def test_estimate_grows_with_iterations_and_sizes() -> None:
    tree = condition("task.names.all(n, n in task.names)").tree
    small, large = (cost.estimate(tree, {"task.names": ["x"] * count}) for count in (10, 100))
    assert 30 * small < large < 150 * small


def test_estimate_follows_members_and_indices() -> None:
    tree = condition("t.rows[0].p == t.meta.a && {'k': [1, 2]}.k.all(i, i > 0)").tree
    assert cost.estimate(tree, {"t.rows": [{"p": "x" * 8_000}], "t.meta": {"a": "y"}}) > 1_000


WORDS = [
    "task.name", "task.names", "task.count", "t.note", "t.meta", "==", "!=", "&&", "||", "!", "(", ")", "[", "]", "+",
    ".all(x, ", ".exists(x, ", "x", "1", "'a'", "null", "true", ".size()", " in ", "?", ":", "{", "}", ",", "\n", "/",
]  # fmt: skip
SOURCES = st.lists(st.sampled_from(WORDS), max_size=14).map("".join)


@settings(max_examples=examples(100), deadline=None)
@given(SOURCES | st.text(max_size=40))
def test_any_source_is_decided_or_refused(source: str) -> None:
    try:
        result = condition(source).holds(scope())
    except (Uncompilable, ConditionError):
        return
    assert result in (True, False)
