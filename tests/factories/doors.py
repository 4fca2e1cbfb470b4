"""The programs of docs/, for tests: the table of doors, which they walk, and any other by name."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"


def program_of(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its dataclasses look there for their types
    spec.loader.exec_module(module)
    return module


program = program_of("doors")
ACTS: list[Any] = program.load()[0]


def pairs(kind: str, *, who: str = "member") -> dict[str, Any]:
    """Every door of one kind with its act; of a door with several, the act that needs most."""
    found: dict[str, Any] = {}
    for act in ACTS:
        for door in act.doors.get(kind, ()) if act.who == who else ():
            if door not in found or not found[door].capability or found[door].reads:
                found[door] = act
    return found
