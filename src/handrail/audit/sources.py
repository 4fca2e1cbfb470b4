"""Which tables are sealed into the log, and which of their columns.

Slices above register theirs when Django is ready, so that this one imports none of them. The name and the columns of
a source are part of every leaf that was made of it: never rename them, never take one away. A column added later must
be nullable and without default: leaves leave out what is null, so that those of older rows stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """``table`` has an integer ``id`` and a time ``at``; ``columns`` are those that never change, both included."""

    name: str
    table: str
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        if missing := {"id", "at"} - set(self.columns):
            raise ValueError(f"the source {self.name} lacks {', '.join(sorted(missing))}")


EVENTS = Source(
    "audit.event",
    "audit_auditevent",
    (
        "id",
        "at",
        "actor_kind",
        "actor",
        "event",
        "outcome",
        "workspace_id",
        "tenant_id",
        "subject_kind",
        "subject",
        "context",
    ),
)

_known: dict[str, Source] = {EVENTS.name: EVENTS}


def register(source: Source) -> None:
    """Has the rows of ``source`` sealed from now on. Raises ValueError when its name means another one already."""
    if _known.setdefault(source.name, source) != source:
        raise ValueError(f"there is another source named {source.name}")


def known() -> tuple[Source, ...]:
    """Every source, by name."""
    return tuple(_known[name] for name in sorted(_known))


def find(name: str) -> Source | None:
    return _known.get(name)
