"""A value from outside is one segment of a path, or refused."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.connectors.http.urls import target_url
from handrail.connectors.paths import checked_template, filled, segment, why_not_segment
from handrail.kernel.errors import Misconfigured

REFUSED = [
    "", " ", "\t", "\u00a0", ".", "..", "a/..", "../b", "a/../b", "a/./b", "./a", "..\\b", "a\\..\\b", "%2e%2e", "%2E.",
    ".%2e", "%252e%252e", "a%2f..%2fb", "a%2F%2e%2e", "a%5c..", "\0", "a\0", "a\nb", "a\r\nb: c", "\x7f", "\x85",
    "a%00", "a%0d%0ab", "\ud800", "a\udfff",
]  # fmt: skip
ACCEPTED = {
    "T-1": "T-1", "a b": "a%20b", "a/b": "a%2Fb", "a\\b": "a%5Cb", "a?b": "a%3Fb", "a#b": "a%23b", "a%b": "a%25b",
    "50%": "50%25", "...": "...", "a..b": "a..b", "..a": "..a", "a;b=c": "a%3Bb%3Dc", "a&b": "a%26b",
    "{task}": "%7Btask%7D",
    "ü": "%C3%BC", "\U0001f600": "%F0%9F%98%80", "http://a.example/b": "http%3A%2F%2Fa.example%2Fb",
    "a:b@c": "a%3Ab%40c",
}  # fmt: skip


@pytest.mark.parametrize("value", REFUSED)
def test_value_that_could_lead_elsewhere_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        segment(value)
    with pytest.raises(Misconfigured) as caught:
        filled("/tasks/{task}/outcome", "task", value)
    assert caught.value.code == "refused-path"


@pytest.mark.parametrize(("value", "encoded"), ACCEPTED.items())
def test_value_is_one_segment(value: str, encoded: str) -> None:
    assert filled("/tasks/{task}/outcome", "task", value) == f"/tasks/{encoded}/outcome"


@given(st.text(max_size=12) | st.text(st.sampled_from("./\\%2eEfF5cC a?#&;"), max_size=12))
def test_value_that_is_accepted_reaches_the_server_as_it_is(value: str) -> None:
    if why_not_segment(value) is None:
        url = target_url(
            "https://a.example", frozenset({("https", "a.example", 443)}), filled("/t/{id}/x", "id", value)
        )
        parts = bytes(url).decode().removeprefix("https://a.example").removeprefix(":443").split("/")
        assert (len(parts), unquote(parts[2])) == (4, value)
        assert not urlsplit(bytes(url).decode()).query


@pytest.mark.parametrize(
    "template", ["tasks/{task}", "/tasks", "/{task}/{task}", "/tasks/{id}", "/tasks/{task", "/{task}/{"]
)
def test_template_without_its_placeholder_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="must"):
        checked_template(template, allowed="task", required=True)
