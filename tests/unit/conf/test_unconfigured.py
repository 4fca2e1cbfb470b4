"""A command that works on defaults says so: it may have been meant for another installation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import handrail

ROOT = Path(handrail.__file__).resolve().parents[1]


def run(directory: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environ |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "handrail", *arguments]
    return subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, check=False)


def test_command_without_a_file_says_where_it_works(tmp_path: Path) -> None:
    ended = run(tmp_path, "keys", "list")
    assert ended.returncode == 0
    assert ended.stderr.count("no handrail.toml") == 1
    assert str(tmp_path / "var") in ended.stderr


def test_command_with_a_file_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "handrail.toml").touch()
    assert run(tmp_path, "keys", "list").stderr == ""


def test_named_file_that_is_missing_ends_the_command(tmp_path: Path) -> None:
    ended = run(tmp_path, "keys", "list", HANDRAIL_CONFIG=str(tmp_path / "none.toml"))
    assert (ended.returncode, ended.stdout) == (7, "")


def test_version_is_told(tmp_path: Path) -> None:
    ended = run(tmp_path, "--version")
    assert (ended.returncode, ended.stdout) == (0, f"handrail {handrail.__version__}\n")
