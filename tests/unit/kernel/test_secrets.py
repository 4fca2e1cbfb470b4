"""Secrets are named, never shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from handrail.connectors.config import SecretReference
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import MAX_BYTES, Secret, Secrets


def test_resolve_reads_the_environment_that_it_was_given() -> None:
    assert Secrets({"TOKEN": "abc"}).resolve("env:TOKEN").reveal() == "abc"


def test_resolve_reads_a_file_without_its_last_newline(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    assert Secrets({}).resolve(f"file:{tmp_path}/token").reveal() == "abc"


@pytest.mark.parametrize("name", ["our own secrets", "Überwachung", 'it\'s "here"', "a#b%20c"])
def test_resolve_reads_a_file_whatever_its_path(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "token").write_text("abc\n")
    reference = f"file:{tmp_path}/{name}/token"
    assert TypeAdapter(SecretReference).validate_python(reference) == reference
    assert Secrets({}).resolve(reference).reveal() == "abc"


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("env:TWO WORDS", "secret-reference"),
        ("file: /a", "secret-reference"),
        ("file:/a\nb", "secret-reference"),
        ("abc", "secret-reference"),
        ("env:", "secret-reference"),
        ("env:MISSING", "secret-missing"),
        ("env:EMPTY", "secret-missing"),
        ("file:/no/such/file", "secret-unreadable"),
    ],
)
def test_resolve_says_what_is_wrong(reference: str, code: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        Secrets({"EMPTY": ""}).resolve(reference)
    assert caught.value.code == code


def test_resolve_refuses_a_huge_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x" * (MAX_BYTES + 1))
    with pytest.raises(Misconfigured, match="over 65536 bytes"):
        Secrets({}).resolve(f"file:{tmp_path}/token")


def test_a_secret_shown_by_accident_shows_nothing() -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]} {{'k': {secret!r}}}"
