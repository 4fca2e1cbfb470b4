"""JMESPath within bounds: what could grow is refused beforehand, in few steps; what is evaluated anyway stops."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from handrail.connectors import expressions
from handrail.connectors.expressions import Interpreter, TooCostly
from handrail.connectors.extract import ExtractFailed, ExtractTooCostly, check_path, extract

ANSWER: JsonValue = {"a": [{"b": [1, 2, 3], "c": "text", "d": {"e": None}} for _ in range(300)], "s": "x" * 500}


def doubled(times: int, unit: str = "[@,@]", between: str = "|") -> str:
    return between.join([unit] * times)


BOMBS = {
    "lists, piped": doubled(21),
    "lists, piped, more": doubled(23),
    "lists, piped, most": doubled(80),
    "objects, piped": doubled(16, "{a:@,b:@}"),
    "lists behind dots": "a." + doubled(21, "[@,@]", "."),
    "three at a time": doubled(12, "[@,@,@]"),
    "five at a time": doubled(9, "[@,@,@,@,@]"),
    "in a projection": "a[*].[@,@]" + "|[*].[@,@]" * 20,
    "flattened each time": "a[]" + "|[*].[@,@][]" * 20,
    "projections in projections": "a" + "[*].[b,b][]" * 20,
    "values of objects": doubled(20, "{a:@,b:@}.*"),
    "in a filter's condition": "a[?" + doubled(21) + "]",
    "in a comparison": f"({doubled(20)}) == ({doubled(20)})",
    "in a function": f"length({doubled(21)})",
    "mapped": "map(&" + doubled(21) + ", a)",
    "map in map": "map(&[@,@]," * 12 + "a" + ")" * 12,
    "sorted by": f"sort_by(a, &to_string({doubled(15)}))",
    "joined by an answer's text": "join(s, a[*].c)",
    "joined by what was joined": "join(join(',', a[*].c), a[*].c)",
    "long separator, again": "|".join(["[join(`" + json.dumps("x" * 60) + "`, @), s]"] * 6),
    "text of text": "to_string([" * 8 + "@" + "])" * 8,
    "text of text, twice": doubled(4, "[to_string(@), to_string(@)]"),
    "merged": doubled(18, "{a:@,b:merge(@,@)}"),
    "alternatives": doubled(21, "[@ || @, @ && @]"),
    "reversed": doubled(20, "reverse([@,@])"),
    "to arrays": doubled(20, "to_array([@,@])"),
    "keys and values": doubled(20, "[values({a:@,b:@})]"),
    "deep": "!" * 400,
    "many parts": ".".join(["a"] * 240),
    "nested lists": "[" * 70 + "@" + "]" * 70,
}


def steps_of(work: Any) -> int:
    """Calls of Python functions: what a refusal may take, whatever the machine."""
    calls = 0

    def count(_: Any, event: str, __: Any) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("at", BOMBS.values(), ids=BOMBS.keys())
def test_expression_that_could_grow_is_refused_in_few_steps(at: str) -> None:
    def refused() -> None:
        with pytest.raises(ExtractFailed):
            check_path(at)

    assert steps_of(refused) < 40_000
    assert len(at) <= 500


def test_there_are_enough_bombs(counted: Callable[[str], None]) -> None:
    counted(f"{len(BOMBS)} bombs: JMESPath expressions that could grow, each refused")
    assert len(BOMBS) >= 20


@pytest.mark.parametrize("at", BOMBS.values(), ids=BOMBS.keys())
def test_expression_that_was_approved_before_the_bounds_ends_within_them(
    at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expressions, "MAX_STEPS", 20_000)  # a profiled step takes many times as long
    codes = []

    def evaluated() -> None:
        try:
            extract(ANSWER, at)
        except ExtractFailed as error:
            codes.append(error.code)

    assert steps_of(evaluated) < 12 * 20_000
    assert set(codes) <= {"extract-failed", "extract-too-costly"}


def test_result_with_the_same_part_many_times_counts_it_each_time() -> None:
    with pytest.raises(ExtractTooCostly):
        extract(ANSWER, doubled(21))


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("nothing_like(@)", "uses the function nothing_like, which there is not"),
        ("length(a, b)", "gives the function length 2 arguments instead of 1"),
        ("join()", "gives the function join 0 arguments instead of 2"),
        ("not_null()", "gives the function not_null 0 arguments instead of 1"),
    ],
)
def test_function_that_can_never_work_is_refused_beforehand(at: str, message: str) -> None:
    with pytest.raises(ExtractTooCostly, match=message.replace("(", r"\(")):
        check_path(at)


HONEST = [
    "admins[?designated].email",
    "items[*].{id: id, name: profile.name, roles: roles[*].value} | [?id != null] | [0]",
    "join(', ', sort(roles[*].value))",
    "length(items[?state == 'open'])",
    "sort_by(items, &created)[-1].id",
    "max_by(items, &created).id",
    "to_string(id)",
    "not_null(a, b, 'none')",
    "merge(@, {a: b})",
    "items[].tags[] | [?starts_with(@, 'x')]",
    "map(&id, items)",
    "items[*].[id, name][]",
    "avg(items[*].size)",
    "contains(roles, 'admin') || contains(groups, 'admin')",
    "*.id",
    "reverse(items)[:3]",
]


@pytest.mark.parametrize("at", HONEST)
def test_expression_that_people_write_is_accepted(at: str) -> None:
    check_path(at)


names = st.sampled_from(["a", "b", "c", "d", "e", "s", "id"])
json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 3), st.floats(-9, 9, allow_nan=False), st.text("ab", max_size=3)
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
operators = st.sampled_from(["==", "!=", "<", ">=", "||", "&&"])
functions = st.sampled_from(
    ["length", "to_string", "keys", "values", "sort", "max", "reverse", "sum", "type", "to_number", "floor", "not_null"]
)
written = st.recursive(
    names | st.sampled_from(["@", "`1`", "'a'", "[0]", "[*]", "[]", "*", "[1:]"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]} | {pair[1]}"),
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]}.[{pair[1]}]"),
        st.tuples(inner, inner, operators).map(lambda t: f"({t[0]} {t[2]} {t[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"[{pair[0]}, {pair[1]}]"),
        st.tuples(inner, inner).map(lambda pair: f"{{a: {pair[0]}, b: {pair[1]}}}"),
        st.tuples(inner, inner).map(lambda pair: f"[?{pair[0]}].{{a: {pair[1]}}}"),
        st.tuples(functions, inner).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(st.sampled_from(["sort_by", "max_by"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, &{t[2]})"),
        st.tuples(inner, inner).map(lambda pair: f"map(&{pair[0]}, {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"contains({pair[0]}, {pair[1]})"),
    ),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=400)
@given(json_values, written)
def test_value_is_the_one_that_the_library_gives(value: JsonValue, at: str) -> None:
    try:
        tree = jmespath.compile(at)
    except Exception:  # noqa: BLE001 - not every combination is an expression
        return
    try:
        expected: Any = tree.search(value)
    except Exception as error:  # noqa: BLE001 - whatever the library does
        expected = type(error)
    try:
        found: Any = Interpreter().visit(tree.parsed, value)
    except TooCostly:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the library does
        found = type(error)
    assert repr(found) == repr(expected)


@given(json_values, written)
def test_nothing_but_a_refusal_comes_out_of_an_expression(value: JsonValue, at: str) -> None:
    with contextlib.suppress(ExtractFailed):
        extract(value, at)


@pytest.mark.parametrize(
    "at", ["[::0]", "ceil(to_number('1e999'))", "avg([`1e400`, `-1e400`])", "a < 's'", "abs('x')", "`{`"]
)
def test_error_that_the_library_lets_through_is_a_refusal(at: str) -> None:
    with contextlib.suppress(ExtractFailed):
        extract({"a": 1}, at)


def test_growth_that_is_computed_bounds_the_one_that_happens() -> None:
    for at in HONEST:
        tree = jmespath.compile(at).parsed
        try:
            found = Interpreter().visit(tree, ANSWER)
        except Exception:  # noqa: BLE001 - does not fit this answer
            continue
        assert expressions.measure(found) <= expressions._weighed(tree).out * expressions.measure(ANSWER)


NESTED: JsonValue = [[[str(n)] * 10 for n in range(100)] for _ in range(10)]  # over 10,000 members
COSTS: dict[str, tuple[JsonValue, int]] = {
    "contains(@, `1`)": (NESTED, 10_000),
    "to_string(@)": (NESTED, 100_000),
    "[0] == [0]": ([NESTED], 10_000),
    "[]": (NESTED, 1_000),
    "sort(@)": ([str(n) for n in range(1_000)], 9_000),
    "max(@)": ([str(n) for n in range(1_000)], 9_000),
    "sort_by(@, &@)": ([str(n) for n in range(1_000)], 10_000),
    "join(',', @)": (["x" * 8_000] * 100, 100_000),
}


@pytest.mark.parametrize("at", COSTS)
def test_work_is_paid_for_by_how_much_it_looks_at(at: str) -> None:
    value, least = COSTS[at]
    interpreter = Interpreter()
    interpreter.visit(jmespath.compile(at).parsed, value)
    assert interpreter.steps >= least
