"""The reference pages cover every command, option and setting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from handrail.cli.commands import app
from handrail.conf.config import Config
from handrail.connectors import registry

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference"


def leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    for word, child in getattr(command, "commands", {}).items():
        yield from leaves(f"{name} {word}", child)
    if not hasattr(command, "commands"):
        yield name, command


COMMANDS = dict(leaves("handrail", get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_described(name: str) -> None:
    text = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    part = text.partition(f"## {name}\n")[2].partition("\n## ")[0]
    options = [option for p in COMMANDS[name].params for option in p.opts if option.startswith("--")]
    assert COMMANDS[name].help
    assert [option for option in options if option != "--help" and f"`{option}`" not in part] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_parameter_has_a_help_text(name: str) -> None:
    assert [p.name for p in COMMANDS[name].params if not p.help] == []


def test_every_setting_is_described() -> None:
    text = (REFERENCE / "configuration.md").read_text(encoding="utf-8")
    sections = [field.annotation for field in Config.model_fields.values()]
    models = [m for a in sections for m in (a, *getattr(a, "__args__", ())) if hasattr(m, "model_fields")]
    models += [kind.config for kind in registry.kinds().values()]
    assert len(models) > 6
    assert [f"{m.__name__}.{name}" for m in models for name in m.model_fields if f"| `{name}` |" not in text] == []
