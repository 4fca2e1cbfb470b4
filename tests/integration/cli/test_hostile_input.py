"""What a command reads from a file or its environment may be endless, or no text."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from handrail.cli import entry
from handrail.conf import config
from tests.integration.cli.conftest import Handrail

ENDLESS = "/dev/zero"
DIGITS = 5000


@pytest.mark.parametrize(
    "arguments",
    [
        ("definitions", "check", ENDLESS),
        ("definitions", "propose", ENDLESS),
        ("intake", "verify", "package.zip", "--key", ENDLESS),
        ("runs", "preview", ENDLESS),
        ("runs", "start", ENDLESS),
        ("tasks", "receive", ENDLESS),
        ("packets", "assemble", "any", ENDLESS),
    ],
    ids=lambda given: "-".join(given[:2]),
)
@pytest.mark.usefixtures("estate")
def test_endless_file_is_read_up_to_the_limit(handrail: Handrail, arguments: tuple[str, ...]) -> None:
    ended = handrail(*arguments)
    said = f"handrail: {ENDLESS} is over 1048576 bytes"
    keys = f"{said}: it is not a key file. [key-file]\n"
    assert (ended.code, ended.err) == (2, keys if "--key" in arguments else f"{said}. [too-large]\n")


@pytest.mark.usefixtures("estate")
def test_number_of_too_many_digits_is_no_json(handrail: Handrail, tmp_path: Path) -> None:
    file = tmp_path / "task.json"
    file.write_text(f'{{"version": {"9" * DIGITS}}}', encoding="utf-8")
    for command in (("runs", "start"), ("tasks", "receive")):
        ended = handrail(*command, str(file))
        assert (ended.code, "[not-json]" in ended.err) == (2, True), command


@pytest.mark.usefixtures("estate")
@pytest.mark.parametrize("token", ["hrt_\udcff", "\udcff", "hrt_\u00e9"])
def test_token_that_is_no_ascii_opens_nothing(handrail: Handrail, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("HANDRAIL_TOKEN", token)
    for command in (("runs", "list"), ("workspaces", "list"), ("workspaces", "add", "acme", "--name", "Acme")):
        ended = handrail(*command)
        assert (ended.code, "opens nothing" in ended.err) == (2, True), command


@pytest.mark.usefixtures("estate")
@pytest.mark.parametrize("errors", ["strict", "surrogateescape"], ids=["UTF-8", "C"])
@pytest.mark.parametrize("given", [b"correct horse \xff battery\n", b"correct horse \0 battery\n", b"x\xed\xa0\x80\n"])
def test_password_that_is_no_text_is_refused_by_name(
    handrail: Handrail, monkeypatch: pytest.MonkeyPatch, given: bytes, errors: str
) -> None:
    """``errors``: what Python does with other bytes, by the locale."""
    for command in (("add", "new@example.com", "--role", "auditor"), ("password", "new@example.com")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), "utf-8", errors))
        ended = handrail("members", *command, "--password-stdin")
        if command[0] == "password" and ended.code == 3:  # nobody was added
            continue
        assert (ended.code, "password: " in ended.err) == (2, True), ended.err


@pytest.mark.usefixtures("estate")
def test_password_is_read_up_to_a_limit(handrail: Handrail, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(ENDLESS).open(encoding="utf-8") as endless:
        monkeypatch.setattr(sys, "stdin", endless)
        ended = handrail("members", "add", "new@example.com", "--role", "auditor", "--password-stdin")
    assert (ended.code, "password: Use 12 to 256 characters." in ended.err) == (2, True)


@pytest.mark.parametrize("command", [("workspaces", "list"), ("check",), ("web",), ("intake", "verify", "x.zip")])
def test_configuration_that_can_not_be_read_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    latin = tmp_path / "handrail.toml"
    latin.write_bytes('state_directory = "\xfc"'.encode("latin-1"))
    for named in (latin, tmp_path / ("a" * 300)):
        monkeypatch.setenv("HANDRAIL_CONFIG", str(named))
        config.load.cache_clear()
        try:
            code = entry.run(command)
        finally:
            config.load.cache_clear()
        told = capsys.readouterr()
        assert code in {1, 2, 7}, told.err  # check reports it as a finding; a package that is not there comes first
        assert "Traceback" not in told.err


@pytest.mark.usefixtures("estate")
@pytest.mark.parametrize("field", ["\0", "\x1b[31m\x1b]0;title\x07", "\u202e", "\x9b31m", "\r\x08", "\n", "\ue000"])
def test_field_that_a_terminal_would_obey_is_named_without_it(handrail: Handrail, tmp_path: Path, field: str) -> None:
    file = tmp_path / "task.json"
    file.write_text(json.dumps({f"odd{field}name": 1}), encoding="utf-8")
    for command in (("runs", "start"), ("runs", "preview")):
        ended = handrail(*command, str(file))
        assert (ended.code, "odd" in ended.err, f"odd{field}" in ended.err) == (2, True, False), ended.err
