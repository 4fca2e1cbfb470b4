"""Commands that the pages show exist, with the options that they show."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# The changelog names commands that are gone.
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs" / "guides").rglob("*.md")} - {ROOT / "CHANGELOG.md"})
REFERENCE = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
# What stands in code: a block, or a span between backticks.
CODE = re.compile(r"```.*?\n(.*?)```|`([^`\n]+)`", re.DOTALL)
# A command where one can begin: at the start of a line or a span, after a prompt, && or a variable.
SHOWN = re.compile(
    r"(?:^|\$ |&& |=\S+ )handrail(?:-admin)? ([a-z](?:[a-z-]*[a-z])?(?: [a-z-]*[a-z])*)([^\n`|&#>]*)", re.MULTILINE
)


@cache
def commands() -> dict[str, set[str]]:
    """The options of every command, by its words."""
    parts = re.split(r"^## handrail ", REFERENCE, flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0].strip(): set(re.findall(r"--[a-z-]+", part)) for part in parts}


def shown(page: Path) -> list[tuple[str, str]]:
    """The words and the rest of each command on ``page``."""
    code = "\n".join(block or span for block, span in CODE.findall(page.read_text(encoding="utf-8")))
    return [(words, rest) for words, rest in SHOWN.findall(code.replace("\\\n", " "))]


def wrong(words: str, rest: str) -> bool:
    known = commands()
    said = words.split()
    name = next((" ".join(said[:n]) for n in range(len(said), 0, -1) if " ".join(said[:n]) in known), None)
    if name is None:
        return True
    return not set(re.findall(r"(?<!\S)--[a-z-]+", words + rest)) <= known[name] | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_on_a_page_exist(page: Path) -> None:
    assert [f"{words}{rest}" for words, rest in shown(page) if wrong(words, rest)] == []


@pytest.mark.parametrize(
    "command",
    [
        "handrail nosuch",
        "handrail runs",
        "handrail runs tell RUN-1",
        "handrail check --nope",
        "handrail runs redeliver RUN-1 --nope",
        "handrail demo --once --nope",
    ],
)
def test_a_wrong_command_is_seen(command: str) -> None:
    assert [wrong(words, rest) for words, rest in SHOWN.findall(command)] == [True]
