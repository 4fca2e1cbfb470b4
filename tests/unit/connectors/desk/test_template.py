"""Placeholders, and plain text in each desk's format."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.connectors.desk.formats import in_format
from handrail.connectors.template import faults_in, render, render_page, render_text, render_url

SCOPE = {"queue": 7, "subject": "A {subject}", "run": None, "yes": True}


def test_render_keeps_the_type_of_a_lone_placeholder() -> None:
    assert render({"a": "{queue}", "b": "q{queue}", "c": ["{yes}", 3]}, SCOPE) == {"a": 7, "b": "q7", "c": [True, 3]}


def test_render_leaves_out_what_has_no_value() -> None:
    assert render({"a": "{run}", "b": ["{run}", "x"], "c": "run {run}"}, SCOPE) == {"b": ["x"], "c": "run "}


def test_render_does_not_read_placeholders_in_values() -> None:
    assert render("[{subject}]", SCOPE) == "[A {subject}]"


def test_render_takes_doubled_braces_for_braces() -> None:
    assert render_text("CF.{{Key}} = {queue}", SCOPE) == "CF.{Key} = 7"


def test_render_url_encodes_each_value_as_one_piece() -> None:
    assert render_url("/p/{project}/x", {"project": "a/b?c#d e"}) == "/p/a%2Fb%3Fc%23d%20e/x"


def test_render_page_keeps_the_slashes_of_constants_alone() -> None:
    constants = {"base_url": "https://d.test/x", "project": "a/b?c"}
    page = render_page("{base_url}/{project}/{reference}", constants, {"reference": "1/2?3"})
    assert page == "https://d.test/x/a/b%3Fc/1%2F2%3F3"


@pytest.mark.parametrize(
    ("template", "where"),
    [
        ({"a": {"b": ["x", "{nope}"]}}, ["t.a.b.1"]),
        ("{", ["t"]),
        ("a } b {nope}", ["t", "t"]),
        ({"a": "{Queue}"}, ["t.a", "t.a"]),
        ({"a": "{queue} {{x}}", "b": 3}, []),
    ],
)
def test_faults_name_the_place(template: object, where: list[str]) -> None:
    assert [fault.where for fault in faults_in("t", template, {"queue"})] == where  # type: ignore[arg-type]


@given(st.text())
def test_html_shows_the_text_and_holds_no_tag_but_breaks(text: str) -> None:
    tags: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
    parser.feed(in_format(text, "html"))
    parser.close()
    assert set(tags) <= {"br"}


@given(st.text(alphabet="`\n ab~", max_size=60))
def test_markdown_fence_is_not_closed_by_the_text(text: str) -> None:
    first, *rest = in_format(text, "markdown").split("\n")
    fence = first.removesuffix("text")
    assert rest[-1] == fence
    assert not any(fence in line for line in rest[:-1])


@given(st.text(alphabet="{}nofrmatNOFRMAT\n", max_size=60))
def test_jira_block_is_not_closed_by_the_text(text: str) -> None:
    inner = in_format("{noformat}" + text, "jira").removeprefix("{noformat}\n").removesuffix("\n{noformat}")
    assert "{noformat" not in inner.lower()


def test_text_stays_as_it_is() -> None:
    assert in_format("<b>&", "text") == "<b>&"
