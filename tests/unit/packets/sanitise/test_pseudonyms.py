from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.packets.sanitise import SanitiseContext, sanitise
from handrail.packets.sanitise.context import MIN_SECRET_BYTES
from handrail.packets.sanitise.pseudonyms import Pseudonyms, spoken
from handrail.packets.sanitise.scan import shapes
from tests.lanes import examples

ONE, OTHER = SanitiseContext.of_packet(b"1" * 32), SanitiseContext.of_packet(b"2" * 32)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def made(raw: str, secret: bytes = ONE.secret) -> str:
    return Pseudonyms(secret).text(raw, None, "~")


def test_spoken_writes_proquints_as_their_specification_does() -> None:
    assert spoken(bytes([127, 0, 0, 1]), 2) == "lusab-babad"


def test_a_stand_in_depends_on_the_secret_and_the_value_only() -> None:
    names = Pseudonyms(ONE.secret)
    names.text("4711", None, "~")

    assert names.text("0815", None, "~") == made("0815") != made("0815", OTHER.secret)


def test_no_short_number_has_the_stand_in_of_another_secret() -> None:
    """Without the secret, trying every number of five digits finds nothing."""
    shown = made("12345")
    tried = Pseudonyms(OTHER.secret)

    assert shown not in {tried.text(str(number), None, "~") for number in range(10_000, 100_000)}


@pytest.mark.parametrize("secret", [b"", b"x" * (MIN_SECRET_BYTES - 1)])
def test_a_context_refuses_a_secret_that_can_be_tried(secret: bytes) -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        SanitiseContext(secret)


def test_a_context_shows_its_secret_nowhere() -> None:
    assert repr(ONE.secret) not in repr(ONE)


@pytest.mark.parametrize(
    "same",
    [
        ("F29DA15F-A434-4C64-ABFA-369F21F25533", "f29da15f-a434-4c64-abfa-369f21f25533"),
        ("jo%40victim.example", "JO@victim.example"),
        (TRACE.upper(), TRACE),
    ],
)
def test_one_value_in_two_forms_has_one_stand_in(same: tuple[str, str]) -> None:
    assert made(same[0]).split("-", 1)[-1] == made(same[1]).split("-", 1)[-1]


@pytest.mark.parametrize(
    "same",
    [
        (TRACE, TRACE.upper()),
        (TRACE, "S/kvNXezTaajzpKdDg5HNg=="),
        ("0" * 16 + "463ac35c9f6413ad", "463ac35c9f6413ad"),
    ],
    ids=["capitals", "base64", "64 bits"],
)
def test_one_trace_in_two_forms_has_one_id(same: tuple[str, str]) -> None:
    names = Pseudonyms(ONE.secret)

    assert len({names.digits(raw, 32) for raw in same}) == 1


def test_a_trace_keeps_the_form_of_no_trace() -> None:
    assert Pseudonyms(ONE.secret).digits("0" * 16, 16) == "0" * 16


def test_a_trace_in_a_text_has_the_digits_that_it_has_in_a_span() -> None:
    names = Pseudonyms(ONE.secret)

    assert names.text(TRACE, None, "~") == "~" + names.digits(TRACE, 32)


def test_two_values_with_one_stand_in_are_told_apart() -> None:
    names = Pseudonyms(ONE.secret)
    first = names.text("a", None, "~")
    names._owners = dict.fromkeys(names._owners, "another value")
    names._names.clear()

    second = names.text("a", None, "~")

    assert second.startswith(first)
    assert len(second) == len(first) + len("-babad")


@given(st.text(max_size=60), st.binary(min_size=16, max_size=16))
@settings(max_examples=examples(200), deadline=None)
def test_a_stand_in_has_no_shape_of_a_secret(raw: str, secret: bytes) -> None:
    name = Pseudonyms(secret).text(f"!{raw}", None, "~")

    assert list(shapes(name)) == []


@given(st.text(max_size=60))
@settings(max_examples=examples(200), deadline=None)
def test_foreign_text_is_only_what_was_not_given_out(around: str) -> None:
    names = Pseudonyms(ONE.secret)
    ours, theirs = names.text("4711", None, "~"), made("0815")

    assert ours not in names.foreign(f"{around} {ours}")
    assert names.foreign(theirs) == theirs


@pytest.mark.parametrize("form", ["~uuid-lusab-babad-gutih", "hidden-lusab-babad-gutih", "~num1", f"~{TRACE}", TRACE])
@pytest.mark.parametrize("place", ["path", "host"])
def test_sanitise_takes_no_text_of_the_input_for_its_own_stand_in(form: str, place: str) -> None:
    url = f"https://idp.example.com/{form}" if place == "path" else f"https://{form}.example.com/"
    result = sanitise("har/v1", har(url), context=ONE)

    assert result.data is not None, result.reasons
    assert form.encode() not in result.data


def test_one_packet_gives_one_stand_in_in_all_annexes_and_another_packet_another() -> None:
    first, second = har("https://idp.example.com/users/4711"), har("https://idp.example.com/start", "/users/4711")
    shown = [last(sanitise("har/v1", data, context=c).data) for c in (ONE, OTHER) for data in (first, second)]

    assert shown[0] == shown[1] != shown[2] == shown[3]


def last(data: bytes | None) -> str:
    return str(json.loads(data or b"")["log"]["entries"][-1]["request"]["url"]).rpartition("/")[2]


def har(*urls: str) -> bytes:
    entries: list[Any] = [{"request": {"method": "GET", "url": url}, "response": {"status": 200}} for url in urls]
    return json.dumps({"log": {"entries": entries}}).encode()
