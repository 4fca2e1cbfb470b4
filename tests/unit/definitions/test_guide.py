"""The guide is what authors have: what it shows compiles, and it names every key there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from handrail.definitions import table as tables
from handrail.definitions.requests import forms
from handrail.definitions.runbook import format as runbook
from handrail.definitions.runbook.compiler import compile_runbook
from handrail.definitions.source.scalars import Closed
from handrail.definitions.table import compile_table

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/guides/write-a-runbook.md").read_text(encoding="utf-8")
RUNBOOKS = re.findall(r"^```yaml runbook\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
TABLES = re.findall(r"^```yaml table\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
REFERENCE = re.sub(r"^```.*?^```$", "", GUIDE, flags=re.DOTALL | re.MULTILINE)


def keys() -> list[str]:
    modules = (runbook, forms, tables)
    models = [item for module in modules for item in vars(module).values() if isinstance(item, type)]
    return sorted({name for model in models if issubclass(model, Closed) for name in model.field_names()})


def test_guide_shows_whole_definitions() -> None:
    assert RUNBOOKS
    assert TABLES


@pytest.mark.parametrize("text", RUNBOOKS)
def test_guide_runbooks_compile(text: str) -> None:
    assert compile_runbook(text).steps


@pytest.mark.parametrize("text", TABLES)
def test_guide_tables_compile(text: str) -> None:
    assert compile_table(text).rows


@pytest.mark.parametrize("key", keys())
def test_guide_names_every_key(key: str) -> None:
    assert re.search(rf"`[^`\n]*\b{key}\b[^`\n]*`", REFERENCE)


@pytest.mark.parametrize("path", sorted((ROOT / "definitions/runbooks").glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_runbooks_compile(path: Path) -> None:
    compiled = compile_runbook(path.read_text(encoding="utf-8"), file=path.name)
    assert compiled.name == path.stem


@pytest.mark.parametrize("path", sorted((ROOT / "definitions/tables").glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_tables_compile(path: Path) -> None:
    assert compile_table(path.read_text(encoding="utf-8"), file=path.name).name == path.stem
