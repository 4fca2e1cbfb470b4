"""``deploy/handrail-admin``: commands with the services' configuration and secrets."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "deploy" / "handrail-admin"
SHOWS = "#!/bin/sh\nenv | grep -E '^(HANDRAIL_CONFIG|A_|B_|C_)' | sort\necho \"$@\"\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    program = tmp_path / "handrail"
    program.write_text(SHOWS)
    program.chmod(0o755)
    return tmp_path


def run(place: Path, secrets: str, *arguments: str, owner: Path | None = None) -> subprocess.CompletedProcess[str]:
    (place / "secrets.env").write_text(secrets)
    environ = {
        "PATH": os.environ["PATH"],
        "HANDRAIL_PROGRAM": str(place / "handrail"),
        "HANDRAIL_USER": getpass.getuser(),
        "HANDRAIL_SECRETS": str(place / "secrets.env"),
        "HANDRAIL_OWNER_SECRETS": str(owner or place / "none"),
    }
    return subprocess.run([SCRIPT, *arguments], env=environ, capture_output=True, text=True, check=False)


def test_command_gets_configuration_secrets_and_its_words(place: Path) -> None:
    ended = run(place, "# one\nA_KEY=x y$HOME`id`=\n\nB_KEY=\"quoted\"\nC_KEY='single'", "members", "add", "a b")
    assert ended.returncode == 0
    assert ended.stdout.splitlines() == [
        "A_KEY=x y$HOME`id`=",
        "B_KEY=quoted",
        "C_KEY=single",
        "HANDRAIL_CONFIG=/etc/handrail/handrail.toml",
        "members add a b",
    ]


@pytest.mark.parametrize("line", ["no equals sign", "A-B=x", "=x", "1A=x"])
def test_secrets_file_that_is_wrong_is_refused_without_quoting_it(place: Path, line: str) -> None:
    ended = run(place, line, "check")
    assert (ended.returncode, ended.stdout) == (7, "")
    assert "not NAME=value" in ended.stderr
    assert "equals" not in ended.stderr


def test_real_program_works_with_what_it_was_given(place: Path) -> None:
    """The configuration is that of the installation, not whatever lies in the caller's directory."""
    config = place / "handrail.toml"
    config.write_text(f'state_directory = "{place}/state"\n')
    (place / "handrail").write_text(f'#!/bin/sh\nHANDRAIL_CONFIG={config} exec {sys.executable} -m handrail "$@"\n')
    ended = run(place, "", "keys", "generate")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (place / "state" / "release-signing-key.pem").is_file()


@pytest.mark.parametrize(
    ("command", "shown"), [("migrate", True), ("database", True), ("web", False), ("runs", False), ("", False)]
)
def test_owner_password_goes_to_what_migrates_alone(place: Path, command: str, shown: bool) -> None:
    (place / "owner.env").write_text("B_OWNER=secret")
    ended = run(place, "A_KEY=x", *filter(None, [command]), owner=place / "owner.env")
    assert ("B_OWNER=secret" in ended.stdout) is shown
    assert "A_KEY=x" in ended.stdout
