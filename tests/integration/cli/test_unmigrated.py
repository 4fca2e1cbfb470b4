"""Commands on a database that has not been migrated: a sentence, not a traceback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from handrail.cli.entry import run as handrail
from tests import databases

COMMANDS = [
    ["workspaces", "list"],
    ["tenants", "list", "--workspace", "acme"],
    ["members", "list", "--workspace", "acme"],
    ["runs", "list", "--workspace", "acme"],
    ["packets", "list", "--workspace", "acme"],
    ["definitions", "list"],
    ["audit", "verify"],
    ["audit", "seal"],
    ["tasks", "pull"],
    ["worker"],
]


@pytest.fixture
def unmigrated(committed_db: str) -> Iterator[None]:
    name = f"{committed_db.rpartition('/')[2].partition('?')[0]}_empty"
    with databases.server() as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    try:
        with databases.connected(name):
            yield
    finally:
        with databases.server() as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_each_command_says_that_the_database_is_not_migrated(
    unmigrated: None, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {}
    for command in COMMANDS:
        code = handrail(command)
        said[" ".join(command)] = (code, capsys.readouterr().err.splitlines()[-1:])
    sentence = "handrail: The database is not migrated to this version. Run: handrail migrate [not-migrated]"
    asked = {command: answer for command, answer in said.items() if "tasks-unconfigured" not in str(answer)}
    assert asked == dict.fromkeys(asked, (7, [sentence]))
    assert len(asked) >= 8
