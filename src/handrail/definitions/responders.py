"""Whether the people that a definition names can be notified: each is one of Handrail's roles, whose members are, or a
responder of handrail.toml. What is missing refuses no definition: those that were approved stay as they are."""

from __future__ import annotations

from collections.abc import Iterator

from handrail.access.capabilities import Role
from handrail.connectors import channels
from handrail.definitions.profile.compiled import CompiledProfile
from handrail.definitions.runbook.compiled import CompiledRunbook
from handrail.definitions.source.faults import Path, dotted
from handrail.definitions.source.loader import Document
from handrail.kernel.errors import Fault

OWN = frozenset(Role)


def named_by(definition: CompiledRunbook | CompiledProfile) -> Iterator[tuple[Path, str]]:
    """Every name of people in a definition, and where it stands."""
    if isinstance(definition, CompiledRunbook):
        yield ("escalate_to",), definition.escalate_to
        return
    spec = definition.spec
    for name in spec.signers.from_:
        yield ("signers", "from", name), name
    yield ("hold_owner",), spec.hold_owner
    for code, hold in spec.holds.items():
        yield ("holds", code, "owner"), hold.owner


def findings(definition: CompiledRunbook | CompiledProfile, document: Document) -> list[Fault]:
    """One for each name that no responder of this installation has, in whatever workspace."""
    known = OWN | {one.name for one in channels.current().by_key.values()}
    found, seen = [], set()
    for path, name in named_by(definition):
        if name in known or name in seen:
            continue
        seen.add(name)
        mark = document.mark(path)
        message = f"no responder called {name} is configured, and it is none of Handrail's roles"
        found.append(Fault(dotted(document.written(path)), message, mark.line, mark.column))
    return found
