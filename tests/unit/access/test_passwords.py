# ruff: noqa: RUF001 - look-alikes are the subject
"""Passwords that are guessed first are refused at every door; others are taken, whatever they consist of."""

from __future__ import annotations

import secrets
import unicodedata

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from hypothesis import example, given
from hypothesis import strategies as st

from handrail.access import actions, passwords, queries
from handrail.access.capabilities import Role
from handrail.access.models import Membership, User
from handrail.cli.demo import fixtures
from handrail.kernel.errors import Invalid
from handrail.kernel.scope import entered
from tests.factories import rows
from tests.factories.installation import Installation

WORDS = ("ann.kowalski@initech.example", "Ann", "Kowalski", "northwind-support", "Northwind Support")
REFUSED = [
    # one character, few characters, a pattern
    "aaaaaaaaaaaa", "            ", "AaAaAaAaAaAa", "ababababababab", "abcabcabcabcabc", "xyzxyzxyzxyz",
    "kqmkqmkqmkqmk",
    "nokia8nokia8nokia8", "ääääääääääää",
    "ａａａａａａａａａａａａ", "🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎🐎", "111111222222",
    # rows and columns of keyboards, the alphabet, digits, both ways
    "qwertyuiop12", "qwertyuiopasdf", "poiuytrewq098", "asdfghjkl;'1", "1qaz2wsx3edc", "123456789012", "987654321098",
    "abcdefghijkl", "zyxwvutsrqpo", "qwertzuiopü1",
    "azertyuiop12", "yxcvbnm,.-09", "!@#$%^&*()_+", "147258369147",
    "aabbccddeeff", "a1b2c3" * 2, "QWERTYqwerty1", "１２３４５６７８９０１２",
    # common ones, dressed up
    "password1234", "Password1234!", "p@ssw0rd12345", "PASSWORDPASSWORD", "passwordpassword1", "iloveyou1234",
    "ILoveYou!!!!",
    "dragon123456", "2024monkey2024", "...sunshine...", "ｐａｓｓｗｏｒｄ９９９９", "m0nk3y!!!!!!", "letmein-letmein",
    "l.e.t.m.e.i.n.9.9",
    "changeme20261", "Welcome-2026!", "pässwörd-2026",
    # names of the person, of their address, of the workspace, of the product
    "handrail-2026!", "H4ndr41l-forever", "h-a-n-d-r-a-i-l-77", "kowalski-and-i", "initech rocks 9", "K0walsk1-the-cat",
    "annkowalski#91", "northwind gate 7", "Northwind!Support", "n0rthw1nd-zebra", "support me please",
    "HANDRAILhandrail7",
    # too short, too long, not storable
    "tr0ub4dor&3", "x" * 257, "correct horse\0 battery", "correct horse\ud800 battery", "",
]  # fmt: skip
TAKEN = [
    "another kowal staple",
    "correct horse battery", "another battery staple", "tr0ub4dor&3 zebra", "seven purple bicycles", "vB7#kq2!Lp9x",
    "zażółć gęślą jaźń", "пароль не угадать", "密码应该足够长而且难以猜到",
    "mellow otter climbs", "12 monkeys went home", "dG4-rT9-xQ2-pL7",
    "🐎🔋📎✅🌧️🍋🚲📚🧵🎻🛶🏔️", "I like my cat, very much", "x9" + "q7Zm" * 3 + "wLc4",
]  # fmt: skip


@pytest.mark.parametrize("password", REFUSED, ids=ascii)
def test_guessable_password_is_refused(password: str) -> None:
    assert passwords.faults(password, words=WORDS)


@pytest.mark.parametrize("password", TAKEN, ids=ascii)
def test_other_password_is_taken(password: str) -> None:
    assert passwords.faults(password, words=WORDS) == []


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_form_of_unicode_makes_no_difference(form: str) -> None:
    for password in ("pässwörd-2026", "ｐａｓｓｗｏｒｄ９９９９", "Kówalski-and-i"):
        assert passwords.faults(unicodedata.normalize(form, password), words=WORDS)  # type: ignore[arg-type]


def test_random_password_is_taken() -> None:
    assert not any(passwords.faults(secrets.token_urlsafe(12), words=WORDS) for _ in range(200))


@given(st.text(max_size=300))
def test_answer_is_sentences_whatever_the_text(password: str) -> None:
    assert all(sentence.endswith(".") for sentence in passwords.faults(password, words=WORDS))


@given(st.text(min_size=1, max_size=6), st.integers(2, 60))
@example("0000\u00bc ", 2)
def test_repeated_text_is_refused(unit: str, times: int) -> None:
    assert passwords.faults(unit * times)


def test_what_the_demo_makes_is_taken() -> None:
    words = [text for one in fixtures.ACCOUNTS for text in (one.email, one.name)] + ["Practice Support"]
    assert not any(passwords.faults(fixtures.new_password(), words=words) for _ in range(200))


@pytest.mark.django_db
def test_every_door_refuses_a_guessable_password() -> None:
    """The action behind `members add`, the one behind `members password`, and the form of the page."""
    house = Installation.named("Northwind")
    operator = house.worker
    for password in ("aaaaaaaaaaaa", "northwind gate 7", "ann-was-here-ann@example.com"):
        with pytest.raises(Invalid):
            actions.add_member(
                email="ann-was@example.com", roles=["operator"], tenants=None, by=operator, password=password
            )
        assert not User.objects.filter(email="ann-was@example.com").exists()
    member = rows.member(house.workspace, email="karl@contoso.example")
    for password in ("aaaaaaaaaaaa", "northwind gate 7", "contoso-2026-x"):
        with pytest.raises(Invalid):
            actions.set_password(email=member.email, password=password, by=operator)
        with pytest.raises(ValidationError):
            validate_password(password, member)


def test_names_of_every_workspace_count_whatever_the_scope(db: None) -> None:
    first, second = rows.workspace("Northwind"), rows.workspace("Southgate")
    member = rows.member(first, Role.OPERATOR)
    Membership.objects.create(workspace=second, user=member, roles=["operator"], created_at=member.date_joined)
    with entered(queries.actor_for(member).scope):
        assert {"Northwind", "Southgate"} <= set(passwords.words_of(member))
