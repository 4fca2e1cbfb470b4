"""What ``handrail check`` says of the role that serves, and ``handrail database grants``, on real roles."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection

from handrail.conf import roles
from handrail.conf.roles import OWNER, SERVING
from tests import databases
from tests.factories import forks
from tests.lanes import NIGHTLY

pytestmark = [pytest.mark.peer, pytest.mark.requirement("R2-23")]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def handrail(committed_db: str, tmp_path: Path) -> Run:
    """The command line on this database, as the given roles, with a state directory of its own: the mark of another
    database's log would keep this one from being sealed."""
    if connection.settings_dict["PASSWORD"]:
        pytest.skip("the server asks for passwords, which the roles of tests have none of")

    forks.share_keys(tmp_path)

    def run(*arguments: str, serving: str, owner: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "DATABASE_URL": databases.as_role(committed_db, serving),
            "HANDRAIL_STATE_DIR": str(tmp_path),
        }
        if owner is not None:
            environment["DATABASE_OWNER_URL"] = databases.as_role(committed_db, owner)
        return subprocess.run(
            [sys.executable, "-m", "handrail", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def handed_over(committed_db: str) -> None:
    """The database belongs to the owner's role, as the embedded server has it."""
    with databases.connection_to(committed_db) as admin:
        roles.hand_over(admin, committed_db.partition("@/")[2].partition("?")[0])


def test_two_roles_are_in_order(handrail: Run, handed_over: None) -> None:
    applied = handrail("database", "grants", "--apply", serving=SERVING, owner=OWNER)
    assert (applied.returncode, applied.stdout) == (0, "applied\n"), applied.stderr
    again = handrail("database", "grants", "--apply", serving=SERVING, owner=OWNER)
    assert again.stdout == "They are applied already.\n"
    checked = handrail("check", "--json", serving=SERVING, owner=OWNER)
    assert f"{SERVING} serves, and owns nothing." in checked.stdout


def test_owner_that_serves_is_named(handrail: Run, handed_over: None) -> None:
    assert handrail("database", "grants", "--apply", serving=OWNER).returncode == 0
    checked = handrail("check", "--json", serving=OWNER)
    assert f"{OWNER} serves and owns the tables" in checked.stdout


def test_superuser_that_serves_is_named(handrail: Run) -> None:
    user = connection.settings_dict["USER"]
    assert f"{user} is a superuser" in handrail("check", "--json", serving=user).stdout


def test_serving_role_cannot_migrate_or_grant(handrail: Run, handed_over: None) -> None:
    refused = handrail("database", "grants", "--apply", serving=SERVING)
    assert refused.returncode != 0


def test_commands_work_as_the_serving_role(handrail: Run, handed_over: None) -> None:
    """From an empty installation to what people do: each in its own process, under grants and row security."""
    both = {"serving": SERVING, "owner": OWNER}
    assert handrail("migrate", **both).returncode == 0
    for arguments in (
        ("workspaces", "add", "acme", "--name", "Acme"),
        ("workspaces", "list"),
        ("tenants", "add", "ten_one", "--name", "One Ltd"),
        ("members", "add", "ada@example.com", "--no-password", "--role", "auditor"),
        ("members", "list"),
        ("members", "token", "ada@example.com", "--name", "ci"),
        ("members", "tokens"),
        ("runs", "list"),
        ("exceptions", "list"),
        ("packets", "list"),
        ("definitions", "list"),
        ("audit", "list", "--as", "ada@example.com"),
        ("audit", "seal"),
        ("audit", "verify"),
        ("audit", "export"),
    ):
        if arguments[1] in {"list", "tokens", "token", "export"} and not NIGHTLY:
            continue  # each is a process; by day those that write, and the log
        done = handrail(*arguments, serving=SERVING)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    listed = handrail("members", "list", serving=SERVING)
    assert "ada@example.com" in listed.stdout


def test_right_that_was_given_afterwards_is_named(handrail: Run, handed_over: None, committed_db: str) -> None:
    both = {"serving": SERVING, "owner": OWNER}
    handrail("database", "grants", "--apply", **both)
    with databases.connection_to(committed_db) as admin:
        admin.execute(f"GRANT DELETE ON audit_auditevent TO {SERVING}")
    assert f"{SERVING} has DELETE on audit_auditevent." in handrail("check", "--json", **both).stdout
    assert handrail("migrate", **both).returncode == 0
    assert f"{SERVING} serves, and owns nothing." in handrail("check", "--json", **both).stdout


def test_serving_role_without_rights_is_told_to_migrate(handrail: Run, handed_over: None, committed_db: str) -> None:
    """As after an upgrade from one role to two: the server answers, so it needs no start and no other address."""
    with databases.connection_to(committed_db) as admin:
        admin.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {SERVING}")
    checked = handrail("check", "--json", serving=SERVING, owner=OWNER)
    assert "the database is not migrated to this version" in checked.stdout
    assert "fix DATABASE_URL" not in checked.stdout
    refused = handrail("worker", serving=SERVING, owner=OWNER)
    assert (refused.returncode, "Run: handrail migrate" in refused.stderr) == (7, True), refused.stderr
