"""The definitions in force, compiled once for each digest."""

from __future__ import annotations

from functools import lru_cache

from handrail.definitions.compiled import CompiledRunbook
from handrail.definitions.compiler import compile_runbook
from handrail.definitions.models import Definition
from handrail.definitions.profile_compiled import CompiledProfile
from handrail.definitions.profile_compiler import compile_profile
from handrail.definitions.states import DefinitionState, Kind
from handrail.definitions.tables import CompiledTable, compile_table
from handrail.kernel.errors import NotFound


def active_runbook(workspace_id: int, name: str) -> Definition:
    """The active version of the runbook ``name``. Raises NotFound."""
    return _active(workspace_id, Kind.RUNBOOK, name)


def active_profile(workspace_id: int, name: str) -> Definition:
    """The active version of the packet profile ``name``. Raises NotFound."""
    return _active(workspace_id, Kind.PACKET, name)


def active_table(workspace_id: int, name: str) -> Definition:
    """The active version of the reference table ``name``. Raises NotFound."""
    return _active(workspace_id, Kind.TABLE, name)


def _active(workspace_id: int, kind: Kind, name: str) -> Definition:
    rows = Definition.objects.filter(workspace_id=workspace_id, kind=kind, name=name, state=DefinitionState.ACTIVE)
    found = rows.first()
    if found is None:
        raise NotFound(f"No version of the {kind} {name} is active. Propose one, and have it approved.")
    return found


def compiled(definition: Definition) -> CompiledRunbook:
    """``definition`` ready to be followed; kept, because a digest always stands for the same text."""
    return _compiled(definition.digest, definition.text)


def compiled_table(definition: Definition) -> CompiledTable:
    """``definition`` ready to be looked up in; kept likewise."""
    return _compiled_table(definition.digest, definition.text)


def compiled_profile(definition: Definition) -> CompiledProfile:
    """``definition`` ready to assemble packets by; kept likewise."""
    return _compiled_profile(definition.digest, definition.text)


@lru_cache(maxsize=256)
def _compiled_profile(digest: str, text: str) -> CompiledProfile:  # noqa: ARG001 - the digest is the short half
    return compile_profile(text)


@lru_cache(maxsize=256)
def _compiled(digest: str, text: str) -> CompiledRunbook:  # noqa: ARG001 - the digest is the short half of the key
    return compile_runbook(text)


@lru_cache(maxsize=256)
def _compiled_table(digest: str, text: str) -> CompiledTable:  # noqa: ARG001 - as above
    return compile_table(text)
