"""What a command reads from a file or its environment may be endless, or no text."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    assert (ended.code, ended.err) == (2, f"handrail: {ENDLESS} is over 1048576 bytes. [too-large]\n")


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
