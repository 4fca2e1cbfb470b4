"""What the command line loads: nothing for its help, no more than the models for that of a command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from handrail.cli.commands import Commands, app
from tests.lanes import portion

WITHOUT_DJANGO = (
    "import sys; from handrail.cli.entry import run; code = run(sys.argv[1:]);"
    "loaded = {name.split('.')[0] for name in sys.modules};"
    "assert not loaded & {'django', 'psycopg', 'granian', 'handrail.conf'}, loaded; sys.exit(code)"
)


def handrail(*arguments: str, cwd: Path, program: tuple[str, ...] = ("-m", "handrail")) -> subprocess.CompletedProcess:
    """The program in a process and a directory of its own, without any configuration from the environment."""
    environ = {key: value for key, value in os.environ.items() if key in {"PATH", "LANG", "PYTHONPATH"}}
    return subprocess.run(
        [sys.executable, *program, *arguments],
        cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--help"], 0), (["--version"], 0), (["intake", "verify", "--help"], 0), (["rums"], 2)]
)
def test_help_version_and_the_receivers_side_load_no_django(arguments: list[str], code: int, tmp_path: Path) -> None:
    ended = handrail(*arguments, cwd=tmp_path, program=("-c", WITHOUT_DJANGO))
    assert ended.returncode == code, ended.stderr


def test_unknown_command_is_answered_with_a_near_one(tmp_path: Path) -> None:
    assert "'runs'" in handrail("rums", cwd=tmp_path).stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    portion([(["runs", "--help"], 0), (["runs", "list", "--help"], 0), (["runs", "lst"], 2), (["runs"], 2),
             (["packets", "list", "--limit", "0"], 2), (["members", "add"], 2)], 2),
)  # fmt: skip
def test_help_and_wrong_usage_need_no_configuration_and_leave_nothing(
    arguments: list[str], code: int, tmp_path: Path
) -> None:
    (tmp_path / "handrail.toml").write_text("this is no TOML")
    ended = handrail(*arguments, cwd=tmp_path)
    assert ended.returncode == code, ended.stderr
    assert "Usage: handrail" in ended.stdout + ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["handrail.toml"]


def test_check_tells_what_is_wrong_with_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "handrail.toml").write_text("[worker]\nconcurency = 4\n")
    ended = handrail("check", cwd=tmp_path)
    assert ended.returncode == 1
    assert "worker.concurency" in ended.stdout


def test_every_module_of_commands_is_declared() -> None:
    folder = Path(sys.modules["handrail.cli.commands"].__file__ or "").parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {entry.module for entry in Commands.entries.values()} == modules


def test_help_of_a_group_names_each_of_its_commands() -> None:
    for word, group in get_command(app).commands.items():  # type: ignore[attr-defined]
        for name in getattr(group, "commands", {}):
            assert name in Commands.entries[word].help, word
