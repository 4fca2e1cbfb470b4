"""The guide is what authors have: what it shows compiles, and it names every key that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from handrail.definitions.profile import format as profile
from handrail.definitions.profile import sources as profile_sources
from handrail.definitions.profile.compiler import compile_profile
from handrail.definitions.profile.holds import BUILT_IN
from handrail.definitions.source.scalars import Closed
from handrail.definitions.table import CompiledTable, compile_table

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/guides/write-a-packet-profile.md").read_text(encoding="utf-8")
PROFILES = re.findall(r"^```yaml profile\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
TABLES = re.findall(r"^```yaml table\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
REFERENCE = re.sub(r"^```.*?^```$", "", GUIDE, flags=re.DOTALL | re.MULTILINE)
SHIPPED = sorted((ROOT / "definitions/profiles").glob("*.yaml"))


def models() -> list[type[Closed]]:
    found = [item for module in (profile, profile_sources) for item in vars(module).values() if isinstance(item, type)]
    return [model for model in found if issubclass(model, Closed)]


def keys() -> list[str]:
    return sorted({name for model in models() for name in model.field_names()})


def tables_in(texts: list[str]) -> dict[str, CompiledTable]:
    return {table.name: table for table in map(compile_table, texts)}


def shipped_tables() -> dict[str, CompiledTable]:
    return tables_in([path.read_text(encoding="utf-8") for path in (ROOT / "definitions/tables").glob("*.yaml")])


def test_guide_profiles_compile_with_its_tables() -> None:
    compiled = [compile_profile(text, tables=tables_in(TABLES)) for text in PROFILES]
    assert [one.name for one in compiled] == ["parcel-delay-carrier-escalation"]


@pytest.mark.parametrize("key", keys())
def test_guide_names_every_key(key: str) -> None:
    assert re.search(rf"`[^`\n]*\b{key}\b[^`\n]*`", REFERENCE)


@pytest.mark.parametrize("key", keys())
def test_guide_example_uses_every_key(key: str) -> None:
    rare = {"id", "members_of", "holders_of", "path", *profile.TaskField.field_names()}
    assert key in rare or re.search(rf"\b{key}\b\??:", PROFILES[0])


@pytest.mark.parametrize("code", sorted(BUILT_IN))
def test_guide_names_every_built_in_hold(code: str) -> None:
    assert f"`{code}`" in REFERENCE


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_profiles_compile(path: Path) -> None:
    compiled = compile_profile(path.read_text(encoding="utf-8"), file=path.name, tables=shipped_tables())
    assert compiled.name == path.stem


def test_shipped_profiles_differ_in_shape() -> None:
    one, other = (compile_profile(path.read_text(encoding="utf-8")) for path in SHIPPED)
    assert one.lane != other.lane
    assert one.signers != other.signers
    assert set(one.sources).isdisjoint(other.sources)
    assert (one.annexes is None) != (other.annexes is None)
