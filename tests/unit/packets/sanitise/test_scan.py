from __future__ import annotations

import json
import time

import pytest

from handrail.packets.sanitise.context import SanitiseContext
from handrail.packets.sanitise.redaction import Redaction
from handrail.packets.sanitise.scan import doubts


def rules(text: str, dropped: str = "", credential: str = "") -> set[str]:
    redaction = Redaction(SanitiseContext.alone(b"a test"))
    redaction.remember("body", dropped)
    redaction.remember("cookie", credential)
    return {doubt.rule for doubt in doubts(json.dumps({"k": text}), redaction)}


def rules_of(output: str) -> set[str]:
    return {doubt.rule for doubt in doubts(output, Redaction(SanitiseContext.alone(b"a test")))}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("eyJhbGciOiJIUzI1NiJ9.e30.x", "jwt"),
        ("jo.doe@victim.example", "e-mail"),
        ("jo.doe%40victim.example", "e-mail"),
        ("ghp_abcdefghijkl", "known-token"),
        ("AKIAIOSFODNN7EXAMPLE", "known-token"),
        ("0123456789abcdef0", "hexadecimal"),
        ("f29da15f-a434-4c64-abfa-369f21f25533", "uuid"),
        ("4111111111111111", "digits"),
        ("c2VjcmV0LXZhbHVl==", "base64"),
        ("Zk9qXw81LmTbR4vN2c", "entropy"),
        ("ünïcode", "escape"),
    ],
)
def test_doubts_finds_shapes_of_secrets(text: str, rule: str) -> None:
    assert rule in rules(text)


@pytest.mark.parametrize(
    "text",
    ["https://idp.example.com/saml2/acs", "2026-11-22T10:15:02.846Z", "application/x-www-form-urlencoded",
     "(Macintosh) Version/17 Safari/605", "stale-while-revalidate=3600", "https://app.example.com/cb?redirect_uri=~"],
)  # fmt: skip
def test_doubts_passes_what_rules_let_through(text: str) -> None:
    assert rules(text) == set()


@pytest.mark.parametrize(
    "shown",
    [
        "river7stone",
        "xxriver7stonexx",
        "RIVER7STONE",
        "72697665723773746f6e65",
        "cml2ZXI3c3RvbmU",
        "eHJpdmVyN3N0b25l",
        "%72iver7stone",
    ],
)
def test_doubts_finds_a_dropped_value_under_other_forms(shown: str) -> None:
    assert "dropped-value" in rules(f"https://{shown}.example.com/", dropped="k=river7stone;")


def test_doubts_finds_a_plain_word_only_when_it_was_a_credential() -> None:
    assert "dropped-value" not in rules("https://starlight.example.com/", dropped="starlight")
    assert "dropped-value" in rules("https://starlight.example.com/", credential="starlight")


def test_doubts_passes_a_cookie_domain() -> None:
    assert rules("https://starlight.example.com/", credential="a=1; Domain=.starlight.example.com") == set()


@pytest.mark.parametrize("unit", ["a", "a.", "a@", "%40", "-", "eyJ", "=", "A1", "0", "a@a.", "1-"])
def test_doubts_takes_time_in_proportion_for_repeated_text(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    started = time.process_time()

    rules(text, dropped=text)

    assert time.process_time() - started < 5


def test_what_was_dropped_beside_it_by_chance_is_no_label_of_a_word() -> None:
    redaction = Redaction(SanitiseContext.alone(b"a test"))
    redaction.spelled.add("Session12")
    for value in ("Session12", *(f"password{n}" for n in range(200))):
        redaction.remember("body", value)

    assert doubts(json.dumps({"k": "Session12"}), redaction) == []


def test_large_output_is_searched_to_its_end() -> None:
    many = json.dumps([{"k": "x" * 1000}] * 2_000)
    assert rules_of(f'{many[:-1]}, {{"k": "jo.doe@victim.example"}}]') == {"e-mail"}
