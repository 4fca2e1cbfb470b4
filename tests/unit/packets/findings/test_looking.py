"""What a look at a text finds: each kind where it stands, however it is written, and next to nothing in plain notes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.packets.findings import CODES, TextTerms, claims, look, masked
from handrail.packets.findings.kinds import MARKS
from handrail.packets.findings.library import OVERLAP, WINDOW
from tests.factories.linear import CLASSES, PAIRS, makers, too_slow, within
from tests.lanes import NIGHTLY, examples
from tests.unit.packets.findings.planted import JWT, PLANTED
from tests.unit.packets.findings.prose import ENGLISH, FRENCH, GERMAN

FORBIDDEN = claims.compiled({"root-cause": ["root cause", "was caused by"], "credit": ["credit", "refund*"]})


def wide(text: str) -> str:
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found_where_it_stands(name: str) -> None:
    code, sentence, planted = PLANTED[name]
    text = sentence.format(planted)
    found = look(text)
    assert code in {one.code for one in found}
    assert planted not in masked(text, found).text


@pytest.mark.parametrize("name", PLANTED)
def test_masked_text_has_nothing_more_to_find(name: str) -> None:
    _, sentence, planted = PLANTED[name]
    text = sentence.format(planted)
    assert look(masked(text, look(text)).text) == ()


def test_there_are_forty_kinds_and_more() -> None:
    assert len(PLANTED) >= 60
    assert {code for code, _, _ in PLANTED.values()} | {"forbidden-claim"} == set(CODES)


def test_ordinary_notes_give_few_false_alarms(counted: Callable[[str], None]) -> None:
    held = {language: sum(bool(look(line)) for line in notes) for language, notes in NOTES.items()}
    counted(f"held of ordinary notes: {held} of { ({language: len(notes) for language, notes in NOTES.items()}) }")
    assert len(ENGLISH) == 60
    assert len(GERMAN) + len(FRENCH) == 20
    assert sum(held.values()) <= 1


NOTES = {"English": ENGLISH, "German": GERMAN, "French": FRENCH}


WRITINGS: dict[str, Callable[[str], str]] = {
    "full-width letters": wide,
    "soft hyphens": "\u00ad".join,
    "zero-width joiners": "\u200d".join,
    "zero-width spaces": "\u200b".join,
    "over two lines": lambda text: f"{text[: len(text) // 2]}\n{text[len(text) // 2 :]}",
    "in brackets": lambda text: f"({text}).",
    "in quotes": lambda text: f"\u201c{text}\u201d,",
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "percent signs": lambda text: "".join(f"%{one:02x}" for one in text.encode()),
    "escaped for an address": lambda text: quote(text, safe=""),
}


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize(
    "secret", ["AKIAIOSFODNN7EXAMPLE", JWT, "4111111111111111", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"]
)
def test_secret_is_found_however_it_is_written(writing: str, secret: str) -> None:
    written = WRITINGS[writing](secret)
    text = f"Seen in the log: {written} and more"
    left = masked(text, look(text)).text
    assert written not in left
    assert left.startswith("Seen in the log: ")


@pytest.mark.parametrize(
    "text",
    [
        "The root cause is known.",
        "ROOT\u00adCAUSE? The ro\u200dot cause.",
        "the root\ncause",
        wide("root") + "\u3000" + wide("cause"),
        "a re-\nfund",
        "Refunds!",
    ],
)
def test_claim_is_found_as_whole_words(text: str) -> None:
    found = look(text, TextTerms(claims=FORBIDDEN))
    assert [one.code for one in found] == ["forbidden-claim"]
    assert found[0].kind in ("root-cause", "credit")


@pytest.mark.parametrize("text", ["the roots cause no harm", "accredited", "causes and credits", "root"])
def test_part_of_a_word_is_no_claim(text: str) -> None:
    assert look(text, TextTerms(claims=FORBIDDEN)) == ()


def test_what_a_field_carries_on_purpose_is_no_finding() -> None:
    text = "Ann, ann@vendor.example, +49 30 901820, pw: hunter22"
    kinds = {one.kind for one in look(text, TextTerms(carries=frozenset({"email", "telephone"})))}
    assert kinds == {"password"}


def test_host_that_the_profile_shows_is_no_finding() -> None:
    terms = TextTerms(hosts=frozenset({"vendor.internal"}))
    assert look("edge.vendor.internal and VENDOR.INTERNAL", terms) == ()
    assert look("edge.vendor.internal.corp", terms) != ()


@pytest.mark.parametrize(
    "value",
    [
        "https://idp.alder.example/saml",
        "9f86d081884c7d659a2feaa0c55ad015",
        "2026-11-22T09:00:00Z",
        "idp-signing-2026-07",
        "dc01",
    ],
)
def test_value_that_is_held_to_a_pattern_raises_no_alarm(value: str) -> None:
    assert look(value, TextTerms(bound=True)) == ()


@pytest.mark.parametrize("secret", ["AKIAIOSFODNN7EXAMPLE", JWT, "https://app:s3cr3t@db.example/x"])
def test_certain_secret_is_found_even_where_a_pattern_lets_it_through(secret: str) -> None:
    assert look(secret, TextTerms(bound=True)) != ()


def test_secret_of_the_library_is_found_at_the_edge_of_a_window() -> None:
    token = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw8"
    for before in (WINDOW - 20, WINDOW - OVERLAP - 5, 3 * WINDOW):
        text = "a word " * (before // 7) + token
        assert any(text[one.start : one.end].endswith("PALDsaw8") for one in look(text))


hostile = st.text(st.sampled_from("aZ0 \n\u00ad\u200d\uff21\ufb01é=:@.-/%+[]"), max_size=60)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(hostile | st.sampled_from([planted for _, _, planted in PLANTED.values()]), max_size=5))
def test_findings_of_a_code_stand_apart_inside_the_text(parts: list[str]) -> None:
    text = " ".join(parts)
    found = look(text)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    for code in CODES:
        spans = [(one.start, one.end) for one in found if one.code == code]
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
    json.dumps(masked(text, found).text)


def test_look_takes_linear_time() -> None:
    """On each character and many pairs over and over, and on what the shapes almost match."""
    terms = TextTerms(claims=FORBIDDEN)
    texts = list(makers([*CLASSES.values(), *(PAIRS if NIGHTLY else PAIRS[::29])], [("", ""), ("a", "\x01")]))
    more = [
        "password is ",
        "key: ",
        "10.1.",
        "+49 30 ",
        "a@b.",
        "eyJ.",
        "-----BEGIN KEY",
        "DE89 3704 ",
        "//a:b@",
        "1 rue ",
        "root ",
    ]
    texts += list(makers(more, [("", "")]))
    texts = texts if NIGHTLY else texts[::3]

    def work() -> list[str]:
        slow = ((name, too_slow(lambda text: look(text, terms), make, (8192,))) for name, make in texts)
        return [f"{name}: {why}" for name, why in slow if why]

    assert within(240, work) == []


@pytest.mark.parametrize("mark", sorted(MARKS))
@pytest.mark.parametrize(
    "before", ["", "password: ", "https://h/?sig=", "Authorization: Bearer ", "JSESSIONID=", "PIN "]
)
@pytest.mark.parametrize("after", ["", "=abc", "@host.example.com/x", ":4711", " and more"])
def test_masking_comes_to_an_end(mark: str, before: str, after: str) -> None:
    """A mark may be read as the value of the label before it; what is masked then is not read so again."""
    text = f"{before}{mark}{after}"
    for _ in range(3):
        text = masked(text, look(text)).text
    assert look(text) == ()


def test_mark_of_a_claim_is_no_claim() -> None:
    """Whatever claims are called and look for: also the words of marks themselves."""
    terms = TextTerms(claims=claims.compiled({"credit": ["credit", "refund*"], "marks": ["masked", "forbidden claim"]}))
    text = "We give a credit and a refund. It is masked, a forbidden claim."
    once = masked(text, look(text, terms)).text
    assert once.count("[masked: forbidden claim]") == 4
    assert look(once, terms) == ()
