"""The active definitions, and definitions compiled."""

from __future__ import annotations

from django.db.models import QuerySet

from handrail.definitions.compilation import altered, compile_text
from handrail.definitions.models import Definition
from handrail.definitions.profile.compiled import CompiledProfile
from handrail.definitions.runbook.compiled import CompiledRunbook
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.definitions.table import CompiledTable
from handrail.kernel.errors import NotFound


def active_runbook(workspace_id: int, name: str) -> Definition:
    """The active version of the runbook ``name``. Raises NotFound."""
    return _active(workspace_id, DefinitionKind.RUNBOOK, name)


def find_active_runbook(workspace_id: int, name: str) -> Definition | None:
    """The same, or None."""
    return _rows(workspace_id, DefinitionKind.RUNBOOK, name).first()


def active_profile(workspace_id: int, name: str) -> Definition:
    """The active version of the packet profile ``name``. Raises NotFound."""
    return _active(workspace_id, DefinitionKind.PACKET, name)


def active_table(workspace_id: int, name: str) -> Definition:
    """The active version of the reference table ``name``. Raises NotFound."""
    return _active(workspace_id, DefinitionKind.TABLE, name)


def active_runbooks(workspace_id: int) -> list[Definition]:
    """Every active runbook of one workspace, by name."""
    rows = Definition.objects.filter(
        workspace_id=workspace_id, kind=DefinitionKind.RUNBOOK, state=DefinitionState.ACTIVE
    )
    return list(rows.select_related("workspace").order_by("name"))


def _rows(workspace_id: int, kind: DefinitionKind, name: str) -> QuerySet[Definition]:
    return Definition.objects.filter(workspace_id=workspace_id, kind=kind, name=name, state=DefinitionState.ACTIVE)


def _active(workspace_id: int, kind: DefinitionKind, name: str) -> Definition:
    found = _rows(workspace_id, kind, name).first()
    if found is None:
        raise NotFound(f"No version of the {kind} {name} is active. Propose one, and have it approved.")
    return found


def compiled_runbook(definition: Definition, *, pinned: str | None = None) -> CompiledRunbook:
    """``definition`` ready to be followed.

    ``pinned`` is the digest that a run began with. Raises Conflict (``definition-altered``) when the text is not the
    one that was approved, or not the pinned one; Invalid when this version of Handrail can't read it.
    """
    if pinned is not None and pinned != definition.digest:
        raise altered(definition.name)
    return compile_text(DefinitionKind.RUNBOOK, definition.text, definition.digest)


def compiled_table(definition: Definition) -> CompiledTable:
    """``definition`` ready for look-ups. Raises as ``compiled_runbook``."""
    return compile_text(DefinitionKind.TABLE, definition.text, definition.digest)


def compiled_profile(definition: Definition) -> CompiledProfile:
    """``definition`` ready to assemble packets by. Raises as ``compiled_runbook``."""
    return compile_text(DefinitionKind.PACKET, definition.text, definition.digest)
