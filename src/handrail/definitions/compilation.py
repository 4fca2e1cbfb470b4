"""The one way from a definition's text to what it means: a proposal is checked, a kept text is compiled once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, Protocol, overload

from handrail.definitions import responders
from handrail.definitions.profile.compiled import CompiledProfile
from handrail.definitions.profile.compiler import compile_profile_document
from handrail.definitions.runbook import review
from handrail.definitions.runbook.compiled import CompiledRunbook
from handrail.definitions.runbook.compiler import compile_runbook_document
from handrail.definitions.source.faults import TextFaults
from handrail.definitions.source.loader import Document, load
from handrail.definitions.states import DefinitionKind
from handrail.definitions.table import CompiledTable, compile_table_document
from handrail.kernel.errors import Conflict, Fault, Invalid


class CompiledDefinition(Protocol):
    """What every compiled definition has, whatever its kind."""

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


@dataclass(frozen=True, slots=True)
class CheckedText:
    """A text without faults, and its kind. ``warnings``: one for each key or value that has another name today.

    ``findings``: what is probably not meant. ``refusals``: for what a new text can't be proposed, though one that was
    proposed earlier stays as it is. ``decisions``: when each prerequisite of a runbook is decided.
    """

    kind: DefinitionKind
    definition: CompiledDefinition
    warnings: tuple[Fault, ...]
    findings: tuple[Fault, ...] = ()
    refusals: tuple[Fault, ...] = ()
    decisions: tuple[review.PrerequisiteTiming, ...] = ()

    def refuse_if_any(self) -> None:
        """Raises Invalid (``definition-invalid``) where a new text can't be proposed."""
        if self.refusals:
            count = f"{len(self.refusals)} fault{'' if len(self.refusals) == 1 else 's'}"
            message = f"This definition can't be proposed: {count}. First: {self.refusals[0]}"
            raise Invalid(message, code="definition-invalid", faults=self.refusals)


FORMATS: Mapping[str, DefinitionKind] = MappingProxyType(
    {"runbook/v1": DefinitionKind.RUNBOOK, "packet/v1": DefinitionKind.PACKET, "table/v1": DefinitionKind.TABLE}
)
_COMPILERS: Mapping[DefinitionKind, Callable[[Document], CompiledDefinition]] = MappingProxyType(
    {
        DefinitionKind.RUNBOOK: compile_runbook_document,
        DefinitionKind.PACKET: compile_profile_document,
        DefinitionKind.TABLE: compile_table_document,
    }
)


def check(text: str, *, file: str = "definition") -> CheckedText:
    """The definition in ``text``. Raises Invalid (``definition-invalid``) with every fault's field, line and column."""
    document = load(text, file=file)
    written: Any = document.data.get("handrail") if isinstance(document.data, dict) else None
    if not isinstance(written, str) or written not in FORMATS:
        faults = TextFaults(file)
        expected = " or ".join(f"handrail: {name}" for name in FORMATS)
        faults.add(("handrail",), f"expected {expected}", document.mark(("handrail",)))
        faults.refuse()
    kind = FORMATS[written]
    definition = _COMPILERS[kind](document)
    warnings = tuple(document.warnings())
    if isinstance(definition, CompiledProfile):
        return CheckedText(kind, definition, warnings, tuple(responders.findings(definition, document)))
    if not isinstance(definition, CompiledRunbook):
        return CheckedText(kind, definition, warnings)
    found = [*review.findings(definition, document), *responders.findings(definition, document)]
    refused = review.not_carried(definition, document)
    return CheckedText(kind, definition, warnings, tuple(found), tuple(refused), review.decisions(definition))


@overload
def compile_text(kind: Literal[DefinitionKind.RUNBOOK], text: str, digest: str) -> CompiledRunbook: ...
@overload
def compile_text(kind: Literal[DefinitionKind.PACKET], text: str, digest: str) -> CompiledProfile: ...
@overload
def compile_text(kind: Literal[DefinitionKind.TABLE], text: str, digest: str) -> CompiledTable: ...
def compile_text(kind: DefinitionKind, text: str, digest: str) -> CompiledDefinition:
    """A text that was proposed earlier, compiled; kept, because a digest always stands for the same text.

    Raises Conflict (``definition-altered``) when ``text`` is not what ``digest`` was computed from; Invalid when this
    version of Handrail can't read it.
    """
    return _compiled(kind, text, digest)


@lru_cache(maxsize=256)
def _compiled(kind: DefinitionKind, text: str, digest: str) -> CompiledDefinition:
    """A trigger prevents changes to texts; the comparison detects one that bypassed it."""
    compiled = _COMPILERS[kind](load(text, file=str(kind), kept=True))
    if compiled.digest != digest:
        raise altered(compiled.name)
    return compiled


def altered(name: str) -> Conflict:
    """The refusal to follow a text that is not the approved one."""
    message = f"The text of {name} is not the one that was approved. Examine the database before anything is run."
    return Conflict(message, code="definition-altered")
