"""Linking a ticket that exists: what people type and paste."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.connectors.desk import Link
from handrail.connectors.desk.links import checked_url, is_reference, reference_checker
from handrail.kernel.errors import Invalid
from tests.unit.connectors.desk.conftest import open_desk

ORIGIN = "https://desk.example"
DESK = open_desk(base_url=ORIGIN)
PAGE = f"{ORIGIN}/t/T-12"


@pytest.mark.parametrize(
    ("reference", "url", "link"),
    [
        ("T-12", "", Link("T-12", None)),
        ("  T-12\n", "", Link("T-12", None)),
        ("#T-12", "", Link("T-12", None)),
        ("T-12", PAGE, Link("T-12", PAGE)),
        ("", PAGE, Link("T-12", PAGE)),
        (PAGE, "", Link("T-12", PAGE)),
        ("", "HTTPS://Desk.Example/t/T-12?tab=2#note", Link("T-12", PAGE)),
        (PAGE, PAGE, Link("T-12", PAGE)),
        ("", f"{ORIGIN}:443/T/T-12/edit/", Link("T-12", PAGE)),
        ("T-12", f"{ORIGIN}/queue/all", Link("T-12", f"{ORIGIN}/queue/all")),
        ("T-12", f"{ORIGIN}:443/queue/all?a=1#b", Link("T-12", f"{ORIGIN}/queue/all?a=1#b")),
    ],
)
def test_link_takes_what_names_one_ticket(reference: str, url: str, link: Link) -> None:
    assert DESK.normalise_link(reference, url) == link


@pytest.mark.parametrize(
    ("reference", "url", "fields"),
    [
        ("", "", ["reference"]),
        ("12", "", ["reference"]),
        ("T-1234567", "", ["reference"]),
        ("T-12\nT-13", "", ["reference"]),
        ("T-12", "https://evil.test/t/T-12", ["url"]),
        ("T-12", "https://desk.example.evil.test/t/T-12", ["url"]),
        ("T-12", "https://desk.example@evil.test/t/T-12", ["url"]),
        ("T-12", "https://user:pw@desk.example/t/T-12", ["url"]),
        ("T-12", "http://desk.example/t/T-12", ["url"]),
        ("T-12", "https://desk.example:8443/t/T-12", ["url"]),
        ("T-12", "javascript:alert(1)", ["url"]),
        ("T-12", "https://desk.example\\@evil.test/", ["url"]),
        ("T-12", f"{ORIGIN}/t/T-13", ["url"]),
        ("T-12", ORIGIN + "/" + "a" * 3000, ["url"]),
        ("", f"{ORIGIN}/queue/all", ["reference"]),
        (f"{ORIGIN}/queue/all", "", ["reference"]),
        (f"{ORIGIN}/t/T-1234567", "", ["reference"]),
        ("https://evil.test/t/T-12", "", ["reference"]),
        ("", "https://evil.test/t/T-12", ["url"]),
        ("https://evil.test/t/T-12", PAGE, ["reference"]),
        ("bad", "https://evil.test/", ["url", "reference"]),
    ],
)
def test_link_names_the_field_that_is_wrong(reference: str, url: str, fields: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        DESK.normalise_link(reference, url)
    assert [fault.where for fault in refused.value.faults] == fields


def test_link_shows_what_a_reference_looks_like() -> None:
    with pytest.raises(Invalid) as refused:
        DESK.normalise_link("nonsense", "")
    assert "T-12" in refused.value.faults[0].message


@pytest.mark.parametrize(
    ("reference", "url", "says"),
    [
        ("https://evil.test/t/T-12", "", f"is not an address at {ORIGIN}, where Example Desk is"),
        (f"{ORIGIN}/queue", "", "does not hold the reference; type that here, such as T-12"),
        ("", f"{ORIGIN}/queue", "is needed too, such as T-12"),
    ],
)
def test_link_says_what_to_do_with_an_address(reference: str, url: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        DESK.normalise_link(reference, url)
    assert says in refused.value.faults[0].message


QUERIES = open_desk(base_url=ORIGIN, web={}, link={"urls": ["{base_url}/show?id={reference}", "{base_url}/#t/{any}"]})


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("/show?id=T-12", Link("T-12", f"{ORIGIN}/show?id=T-12")),
        ("/show?results=a%26b&id=T-12&x#top", Link("T-12", f"{ORIGIN}/show?id=T-12")),
        ("/#t/7/comment/8?x", Link("T-9", f"{ORIGIN}/#t/7")),
        ("/show/more?id=T-12", Link("T-9", f"{ORIGIN}/show/more?id=T-12")),
        ("/show?id=T-12&id=T-13", Link("T-9", f"{ORIGIN}/show?id=T-12&id=T-13")),
    ],
)
def test_link_keeps_of_a_recognised_page_what_its_pattern_names(url: str, link: Link) -> None:
    assert QUERIES.normalise_link("" if link.reference == "T-12" else "T-9", ORIGIN + url) == link


@given(st.text(max_size=200), st.text(max_size=200))
def test_link_gives_a_matching_reference_and_a_page_of_the_desk_or_faults(reference: str, url: str) -> None:
    link, faulty = None, False
    try:
        link = DESK.normalise_link(reference, url)
    except Invalid as refused:
        faulty = bool(refused.faults)
    assert faulty == (link is None)
    assert link is None or is_reference(link.reference, "T-[0-9]{1,6}")
    assert link is None or link.url is None or link.url.startswith(ORIGIN + "/")


@given(st.text(alphabet="/?#&=%2FabT-1;:@[]!", max_size=60), st.sampled_from(["/show?id=T-1", "/#t/7", "/"]))
def test_link_of_a_kept_address_keeps_it(rest: str, start: str) -> None:
    with suppress(Invalid):
        link = QUERIES.normalise_link("T-1", ORIGIN + start + rest)
        assert QUERIES.normalise_link("T-1", str(link.url)) == link


@given(st.from_regex(r"\AT-[0-9]{1,6}\Z"), st.sampled_from(["", "#c1", "?tab=1", "/edit"]))
def test_link_finds_every_reference_in_its_own_page(reference: str, rest: str) -> None:
    assert DESK.normalise_link("", f"{ORIGIN}/t/{reference}{rest}").reference == reference


def test_a_nested_pattern_takes_no_exponential_time() -> None:
    started = time.process_time()
    assert not is_reference("a" * 63 + "!", "(a+)+b")
    assert not is_reference("a" * 100_000, "(a|a)*")
    assert time.process_time() - started < 5


@pytest.mark.parametrize("pattern", [r"(?=a)a", r"(a)\1", "a)|(?:b", "(", "["])
def test_a_pattern_that_the_engine_does_not_know_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="regular expression"):
        reference_checker(pattern)


def test_an_alternative_is_matched_as_a_whole() -> None:
    assert is_reference("ab", "ab|cd")
    assert not is_reference("abx", "ab|cd")
    assert not is_reference("ab\n", "ab|cd")


@pytest.mark.parametrize("url", ["https://desk.example:bad/", "https://[::1", "https://", "ftp://desk.example/"])
def test_a_broken_url_is_none_of_the_desks(url: str) -> None:
    assert checked_url(url, ORIGIN) is None
