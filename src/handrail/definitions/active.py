"""The definitions in force, compiled once for each digest."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol, TypeVar

from handrail.definitions.models import Definition
from handrail.definitions.profile.compiled import CompiledProfile
from handrail.definitions.profile.compiler import compile_profile
from handrail.definitions.runbook.compiled import CompiledRunbook
from handrail.definitions.runbook.compiler import compile_runbook
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.definitions.table import CompiledTable, compile_table
from handrail.kernel.errors import Conflict, NotFound


def active_runbook(workspace_id: int, name: str) -> Definition:
    """The active version of the runbook ``name``. Raises NotFound."""
    return _active(workspace_id, DefinitionKind.RUNBOOK, name)


def active_profile(workspace_id: int, name: str) -> Definition:
    """The active version of the packet profile ``name``. Raises NotFound."""
    return _active(workspace_id, DefinitionKind.PACKET, name)


def active_table(workspace_id: int, name: str) -> Definition:
    """The active version of the reference table ``name``. Raises NotFound."""
    return _active(workspace_id, DefinitionKind.TABLE, name)


def active_runbooks() -> list[Definition]:
    """Every runbook in force, in all workspaces."""
    rows = Definition.objects.filter(kind=DefinitionKind.RUNBOOK, state=DefinitionState.ACTIVE)
    return list(rows.select_related("workspace").order_by("workspace__slug", "name"))


def _active(workspace_id: int, kind: DefinitionKind, name: str) -> Definition:
    rows = Definition.objects.filter(workspace_id=workspace_id, kind=kind, name=name, state=DefinitionState.ACTIVE)
    found = rows.first()
    if found is None:
        raise NotFound(f"No version of the {kind} {name} is active. Propose one, and have it approved.")
    return found


def compiled(definition: Definition, *, pinned: str | None = None) -> CompiledRunbook:
    """``definition`` ready to be followed; kept, because a digest always stands for the same text.

    ``pinned`` is the digest that whoever follows it began with. Raises Conflict (``definition-altered``) when the text
    is not the one that was approved, or not the pinned one; Invalid when this version can't read it.
    """
    if pinned is not None and pinned != definition.digest:
        raise _altered(definition.name)
    return _compiled(definition.digest, definition.text)


def compiled_table(definition: Definition) -> CompiledTable:
    """``definition`` ready to be looked up in; kept, and refused, likewise."""
    return _compiled_table(definition.digest, definition.text)


def compiled_profile(definition: Definition) -> CompiledProfile:
    """``definition`` ready to assemble packets by; kept, and refused, likewise."""
    return _compiled_profile(definition.digest, definition.text)


class _Digested(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...


D = TypeVar("D", bound=_Digested)


def _approved(found: D, digest: str) -> D:
    """``found``, if it is what ``digest`` was made of: the trigger keeps texts, this notices where it was got round."""
    if found.digest != digest:
        raise _altered(found.name)
    return found


def _altered(name: str) -> Conflict:
    says = f"The text of {name} is not the one that was approved. Have the database looked at before anything is run."
    return Conflict(says, code="definition-altered")


@lru_cache(maxsize=256)
def _compiled_profile(digest: str, text: str) -> CompiledProfile:
    return _approved(compile_profile(text), digest)


@lru_cache(maxsize=256)
def _compiled(digest: str, text: str) -> CompiledRunbook:
    return _approved(compile_runbook(text), digest)


@lru_cache(maxsize=256)
def _compiled_table(digest: str, text: str) -> CompiledTable:
    return _approved(compile_table(text), digest)
