"""The log as JSON lines, to be kept and checked elsewhere. ``exportcheck`` says what the lines are."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handrail.audit import cosigned, mark, rows, signing, store
from handrail.audit.exportcheck import FORMAT, LINE_LIMIT
from handrail.audit.models import AuditLeaf
from handrail.audit.sources import EVENTS, Source
from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.errors import Conflict, Misconfigured
from handrail.kernel.scope import RowScope, entered

# Leaves at a time. Their rows are in memory together.
CHUNK = 250
Leaf = tuple[int, str, int, bytes | memoryview]


@dataclass(frozen=True, slots=True)
class Scope:
    """What is shown in clear: rows of ``sources`` and of one workspace; of ``tenant_ids`` only, unless that is None."""

    workspace_id: int
    tenant_ids: Collection[int] | None
    sources: Sequence[Source] = (EVENTS,)

    def holds(self, row: dict[str, Any]) -> bool:
        if row.get("workspace_id") != self.workspace_id:
            return False
        return self.tenant_ids is None or row.get("tenant_id") in self.tenant_ids


def lines(scope: Scope) -> Iterator[str]:
    """The export up to the newest checkpoint, each line with its newline. Raises Conflict when there is none yet."""
    last = store.latest()
    if last is None:
        raise Conflict("Nothing has been sealed yet. Run: handrail audit seal")
    return _lines(scope, last.size, cosigned.text_of(last))


def _lines(scope: Scope, size: int, text: str) -> Iterator[str]:
    by = signing.get()
    head = {"handrail": FORMAT, "key": by.verifier().to_text(), "origin": by.origin, "size": size}
    yield _line(head | {"mark": kept} if (kept := _mark()) else head)
    for begin in range(0, size, CHUNK):
        leaves = AuditLeaf.objects.filter(index__gte=begin, index__lt=min(begin + CHUNK, size)).order_by("index")
        chunk: list[Leaf] = list(leaves.values_list("index", "source", "row_id", "leaf_hash"))
        seen = _shown(scope, chunk)
        for index, source, row_id, value in chunk:
            leaf = {"hash": base64.b64encode(value).decode(), "index": index}
            whole = _line(leaf | {"row": seen[source, row_id], "source": source}) if (source, row_id) in seen else ""
            yield whole if 0 < len(whole) <= LINE_LIMIT else _line(leaf)
    yield _line({"checkpoint": text})


def _shown(scope: Scope, leaves: Sequence[Leaf]) -> Mapping[tuple[str, int], dict[str, Any]]:
    """The rows behind ``leaves`` that are shown, as they are now, by source and id. One statement a source."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    with entered(RowScope(scope.workspace_id, None if scope.tenant_ids is None else frozenset(scope.tenant_ids))):
        for source in scope.sources:
            ids = [row_id for _, name, row_id, _ in leaves if name == source.name]
            for row in rows.read_shown(source, ids) if ids else ():
                if scope.holds(row.values):
                    found[source.name, row.id] = row.values
    return found


def _mark() -> str | None:
    """CF-26: what this machine signed last. One that can't be read is left out: an export must not fail for it."""
    try:
        return mark.get().read()
    except Misconfigured:
        return None


def _line(value: dict[str, Any]) -> str:
    return canonical_bytes(value).decode() + "\n"
