"""Which tables are sealed into the log, and which of their columns.

Slices above register theirs when Django is ready, so that this one imports none of them. The name of a source and the
names of its columns are part of every leaf that was made of it. So neither ever changes (CF-14 of
docs/reference/checkpoint-format.md): a column that is renamed in the database keeps its name in the leaves
(``renamed``), and none is ever taken away. A column added later must be nullable and without default: leaves leave out
what is null, so that those of older rows stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """``table`` has an integer ``id`` and a time ``at``; ``columns`` are those that never change, both included.

    ``renamed`` maps a column, by its name in the table, to the name that it has in leaves. All others have the same in
    both. Raises ValueError when ``id`` or ``at`` is missing or renamed, when ``renamed`` names no column, or when two
    columns would have one name in leaves.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    renamed: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if missing := {"id", "at"} - (set(self.columns) - set(self.renamed)):
            raise ValueError(f"the source {self.name} needs {' and '.join(sorted(missing))}, under that name")
        if unknown := set(self.renamed) - set(self.columns):
            raise ValueError(f"the source {self.name} renames what is not among its columns: {sorted(unknown)}")
        if len(set(self.sealed.values())) != len(self.columns):
            raise ValueError(f"the source {self.name} has two columns of one name")

    @property
    def sealed(self) -> dict[str, str]:
        """The name that each column has in leaves."""
        return {column: self.renamed.get(column, column) for column in self.columns}


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
