"""Definitions compiled once a process: reading YAML with line numbers costs more than all rows of a small world."""

from __future__ import annotations

from functools import cache
from typing import Any

from handrail.definitions.profile.compiler import compile_profile
from handrail.definitions.runbook.compiler import compile_runbook
from handrail.definitions.source.loader import load
from handrail.definitions.states import DefinitionKind
from handrail.definitions.table import compile_table
from handrail.kernel.canonical import digest, digest_bytes
from handrail.kernel.errors import Invalid

_COMPILE = {
    DefinitionKind.RUNBOOK: compile_runbook,
    DefinitionKind.PACKET: compile_profile,
    DefinitionKind.TABLE: compile_table,
}


@cache
def compiled(kind: DefinitionKind, text: str) -> Any:
    """The compiled definition, which nobody changes. Raises Invalid."""
    return _COMPILE[kind](text)


@cache
def digest_of(text: str) -> str:
    """As the compiler makes it; of a text that is no definition, one that fits nothing."""
    try:
        return digest(load(text, file="text").data)
    except Invalid:
        return digest_bytes(text.encode())
