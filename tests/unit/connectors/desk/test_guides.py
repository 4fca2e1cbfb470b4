"""The guides cover the presets and every key of the configuration."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.connectors.desk import Category, DeskConfig, preset_names, read_desk
from handrail.connectors.desk.ticket import TICKET_FIELDS

ROOT = Path(__file__).parents[4]
GUIDES = ROOT / "docs" / "guides" / "desks"
TOML = re.compile(r"^```toml\n(.*?)^```", re.DOTALL | re.MULTILINE)
INDEX = (GUIDES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("preset", preset_names(ROOT / "desks"))
def test_guide_says_what_the_preset_was_run_against(preset: str) -> None:
    text = " ".join((GUIDES / f"{preset}.md").read_text(encoding="utf-8").split())
    real = "Run against the real server" in text
    assert real == (preset == "request-tracker")
    assert real or "not against the real service" in text
    assert f"({preset}.md)" in INDEX


@pytest.mark.parametrize("preset", preset_names(ROOT / "desks"))
def test_settings_in_a_guide_are_read_and_lose_nothing_of_the_presets_body(preset: str) -> None:
    text = (GUIDES / f"{preset}.md").read_text(encoding="utf-8")
    section = tomllib.loads("\n".join(TOML.findall(text)))["desk"]
    assert section["preset"] == preset
    config = read_desk(section, presets=ROOT / "desks")
    shipped = tomllib.loads((ROOT / "desks" / f"{preset}.toml").read_text(encoding="utf-8"))["desk"]["create"]["body"]
    assert config is not None
    assert set(leaves(shipped)) <= set(leaves(config.create.body))


def leaves(body: object, at: str = "") -> Iterator[str]:
    """The places of a body's values, each with its name in the table that holds it."""
    if isinstance(body, dict):
        for name, value in body.items():
            yield from leaves(value, f"{at}/{name}")
    else:
        yield at


def test_index_names_every_key() -> None:
    keys = {field.alias or name for name, field in DeskConfig.model_fields.items()} - {
        "kind",
        "allow",
        "allow_plain_http",
    }
    assert [key for key in sorted(keys) if f"`{key}`" not in INDEX] == []


def test_index_names_every_placeholder_and_category() -> None:
    named = [f"`{{{field}}}`" for field in TICKET_FIELDS] + [f"`{category}`" for category in Category]
    assert [name for name in named if name not in INDEX] == []
