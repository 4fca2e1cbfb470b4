"""A definition's text, whatever its format says it is: checked, and told what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from handrail.definitions.profile.compiler import compile_profile
from handrail.definitions.runbook.compiler import compile_runbook
from handrail.definitions.source.faults import TextFaults
from handrail.definitions.source.loader import load
from handrail.definitions.states import DefinitionKind
from handrail.definitions.table import compile_table


class CompiledDefinition(Protocol):
    """What every compiled definition tells of itself."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def digest(self) -> str: ...


class CompileText(Protocol):
    def __call__(self, text: str, *, file: str = ...) -> CompiledDefinition: ...


@dataclass(frozen=True, slots=True)
class CheckedText:
    """A text without faults, and its kind."""

    kind: DefinitionKind
    definition: CompiledDefinition


FORMATS: Mapping[str, tuple[DefinitionKind, CompileText]] = MappingProxyType(
    {
        "runbook/v1": (DefinitionKind.RUNBOOK, compile_runbook),
        "packet/v1": (DefinitionKind.PACKET, compile_profile),
        "table/v1": (DefinitionKind.TABLE, compile_table),
    }
)


def check(text: str, *, file: str = "definition") -> CheckedText:
    """The definition in ``text``. Raises Invalid (``definition-invalid``) with every fault's field, line and column."""
    document = load(text, file=file)
    given: Any = document.data.get("handrail") if isinstance(document.data, dict) else None
    if not isinstance(given, str) or given not in FORMATS:
        faults = TextFaults(file)
        expected = " or ".join(f"handrail: {name}" for name in FORMATS)
        faults.add(("handrail",), f"expected {expected}", document.mark(("handrail",)))
        faults.refuse()
    kind, compile_text = FORMATS[given]
    return CheckedText(kind, compile_text(text, file=file))
