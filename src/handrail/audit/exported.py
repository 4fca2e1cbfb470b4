"""The log as JSON lines, to be kept and checked elsewhere. ``exportcheck`` says what the lines are."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from handrail.audit import mark, rows, signing, store
from handrail.audit.exportcheck import FORMAT
from handrail.audit.models import AuditLeaf
from handrail.audit.sources import EVENTS
from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.errors import Conflict, Misconfigured
from handrail.kernel.scope import RowScope, entered

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Scope:
    """Events of one workspace; of ``tenant_ids`` only, unless that is None."""

    workspace_id: int
    tenant_ids: Collection[int] | None

    def holds(self, row: dict[str, Any]) -> bool:
        if row.get("workspace_id") != self.workspace_id:
            return False
        return self.tenant_ids is None or row.get("tenant_id") in self.tenant_ids


def lines(scope: Scope) -> Iterator[str]:
    """The export up to the newest checkpoint, each line with its newline. Raises Conflict when there is none yet."""
    last = store.latest()
    if last is None:
        raise Conflict("Nothing has been sealed yet. Run: handrail audit seal")
    return _lines(scope, last.size, last.text)


def _lines(scope: Scope, size: int, text: str) -> Iterator[str]:
    by = signing.get()
    head = {"handrail": FORMAT, "key": by.verifier().to_text(), "origin": by.origin, "size": size}
    yield _line(head | {"mark": kept} if (kept := _mark()) else head)
    for begin in range(0, size, CHUNK):
        leaves = AuditLeaf.objects.filter(index__gte=begin, index__lt=min(begin + CHUNK, size)).order_by("index")
        chunk = list(leaves.values_list("index", "source", "row_id", "leaf_hash"))
        with entered(RowScope(scope.workspace_id, None if scope.tenant_ids is None else frozenset(scope.tenant_ids))):
            events = list(rows.read_shown(EVENTS, [row_id for _, source, row_id, _ in chunk if source == EVENTS.name]))
        seen = {row.id: row for row in events if scope.holds(row.values)}
        for index, source, row_id, value in chunk:
            shown = {"hash": base64.b64encode(value).decode(), "index": index}
            if source == EVENTS.name and row_id in seen:
                shown |= {"row": seen[row_id].values, "source": source}
            yield _line(shown)
    yield _line({"checkpoint": text})


def _mark() -> str | None:
    """CF-26: what this machine signed last. One that can't be read is left out: an export must not fail for it."""
    try:
        return mark.get().read()
    except Misconfigured:
        return None


def _line(value: dict[str, Any]) -> str:
    return canonical_bytes(value).decode() + "\n"
