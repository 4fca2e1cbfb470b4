"""The presets of ``task_systems/``: a whole table each, over which an installation lays what it sets itself."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from handrail.connectors.desk.settings import overlay, preset_names

_PACKAGE = Path(__file__).resolve().parents[2]
# Beside the package when it is installed, at the root of the repository otherwise.
_DIRECTORIES = (_PACKAGE / "task_systems", _PACKAGE.parents[1] / "task_systems")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")


def directory() -> Path:
    return next((path for path in _DIRECTORIES if path.is_dir()), _DIRECTORIES[0])


def with_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` over the preset that it names: tables key by key, a body and other values whole. Raises ValueError."""
    name = given["preset"]
    known = preset_names(directory())
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name not in known:
        raise ValueError(f"preset must be one of {', '.join(known) or 'none (there is no preset)'}")
    return overlay(_read(name), given)


@cache
def _read(name: str) -> dict[str, Any]:
    try:
        document = tomllib.loads((directory() / f"{name}.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"task_systems/{name}.toml can't be read: {error}") from None
    section = document.get("tasks")
    if not isinstance(section, dict):
        raise ValueError(f"task_systems/{name}.toml has no table [tasks]")  # noqa: TRY004 - pydantic's
    return section
