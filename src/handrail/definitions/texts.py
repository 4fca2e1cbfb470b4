"""A definition's text, whatever its format says it is: checked, and told what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from handrail.definitions.profile.compiler import compile_profile
from handrail.definitions.runbook.compiler import compile_runbook
from handrail.definitions.source.faults import Faults
from handrail.definitions.source.loader import load
from handrail.definitions.states import Kind
from handrail.definitions.table import compile_table


class Compiled(Protocol):
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


class Compile(Protocol):
    def __call__(self, text: str, *, file: str = ...) -> Compiled: ...


@dataclass(frozen=True, slots=True)
class Checked:
    """A text without faults, and its kind."""

    kind: Kind
    definition: Compiled


FORMATS: Mapping[str, tuple[Kind, Compile]] = MappingProxyType(
    {
        "runbook/v1": (Kind.RUNBOOK, compile_runbook),
        "packet/v1": (Kind.PACKET, compile_profile),
        "table/v1": (Kind.TABLE, compile_table),
    }
)


def check(text: str, *, file: str = "definition") -> Checked:
    """The definition in ``text``. Raises Invalid (``definition-invalid``) with every fault's field, line and column."""
    document = load(text, file=file)
    given: Any = document.data.get("handrail") if isinstance(document.data, dict) else None
    if not isinstance(given, str) or given not in FORMATS:
        faults = Faults(file)
        expected = " or ".join(f"handrail: {name}" for name in FORMATS)
        faults.add(("handrail",), f"expected {expected}", document.mark(("handrail",)))
        faults.refuse()
    kind, compile_text = FORMATS[given]
    return Checked(kind, compile_text(text, file=file))
