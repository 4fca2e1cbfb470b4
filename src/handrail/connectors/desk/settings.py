"""Reading ``[desk]``: a preset, and over it what this installation sets itself."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from handrail.connectors.desk.config import DeskConfig
from handrail.connectors.registry import faults_of
from handrail.kernel.errors import Fault, Misconfigured

_LOGINS = frozenset({"auth", "oauth"})
_PRESET = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")


def read_desk(section: Mapping[str, Any] | None, *, presets: Path) -> DeskConfig | None:
    """The configured desk, or None where handrail.toml has no ``[desk]``.

    ``preset = "zammad"`` stands for the table ``[desk]`` of ``presets/zammad.toml``; tables of the section are laid
    over the preset's, key by key, and other values replace them. Raises Misconfigured with one fault per mistake.
    """
    if not section:
        return None
    own = dict(section)
    preset = own.pop("preset", None)
    merged = overlay(_outdone(_preset(preset, presets), own), own) if preset is not None else own
    try:
        return DeskConfig.model_validate(merged)
    except ValidationError as error:
        raise _misconfigured(faults_of("desk", error)) from None


def _outdone(preset: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """``preset`` without its way to log in where ``own`` has another: ``auth`` and ``oauth`` exclude each other."""
    if not _LOGINS & set(own):
        return preset
    return {key: value for key, value in preset.items() if key not in _LOGINS - set(own)}


def preset_names(presets: Path) -> list[str]:
    """The presets that there are, sorted."""
    return sorted(path.stem for path in presets.glob("*.toml"))


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``: tables are merged, everything else is replaced.

    ``create.body`` is replaced whole: half of one desk's template and half of another's would be neither. So is a table
    whose ``kind`` changes (``auth``): the old kind's keys would be refused.
    """
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = value
        if isinstance(old, Mapping) and isinstance(value, Mapping) and key != "body" and _same_kind(old, value):
            merged[key] = overlay(old, value)
    return merged


def _same_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return bool(new.get("kind", old.get("kind")) == old.get("kind"))


def _preset(name: Any, presets: Path) -> Mapping[str, Any]:
    known = preset_names(presets)
    if not isinstance(name, str) or not _PRESET.fullmatch(name) or name not in known:
        raise _misconfigured(
            [Fault("desk.preset", f"must be one of {', '.join(known) or 'none (there is no preset)'}")]
        )
    try:
        document = tomllib.loads((presets / f"{name}.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _misconfigured([Fault("desk.preset", f"desks/{name}.toml can't be read: {error}")]) from None
    desk = document.get("desk")
    if not isinstance(desk, Mapping):
        raise _misconfigured([Fault("desk.preset", f"desks/{name}.toml has no table [desk]")])
    return desk


def _misconfigured(faults: list[Fault]) -> Misconfigured:
    return Misconfigured("handrail.toml: " + "; ".join(str(fault) for fault in faults) + ".", faults=faults)
