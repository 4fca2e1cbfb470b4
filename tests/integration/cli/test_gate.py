"""The command line takes text in UTF-8 only: an argument of other bytes is refused by its place, at any command."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from handrail.cli.commands import Commands
from tests.integration.cli.conftest import Handrail

COMMANDS = sorted(Commands.entries)


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "caf\udce9"])
def test_argument_that_nothing_can_keep_is_refused_before_any_command(
    handrail: Handrail, text: str, counted: Callable[[str], None]
) -> None:
    count = 0
    for command in COMMANDS:
        for arguments in ([command, text], [command, "list", f"--workspace={text}"], [text, command]):
            ended = handrail(*arguments)
            assert (ended.code, "argument" in ended.err, "[unreadable]" in ended.err) == (2, True, True), arguments
            count += 1
    counted(f"{count} command lines: all refused")
