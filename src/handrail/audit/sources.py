"""Which tables are sealed into the log, and which of their columns.

Slices above register theirs when Django is ready, so that this one imports none of them. The name of a source and the
names of its columns are part of every leaf that was made of it. So neither ever changes (CF-14 of
docs/reference/checkpoint-format.md): a column that is renamed in the database keeps its name in the leaves
(``renamed``), and none is ever taken away. A column added later must be nullable and without default: leaves leave out
what is null, so that those of older rows stay as they are.

A source that joins later has a higher ``since``. Every seal's event says up to which ``since`` it sealed
(``SOURCES``), so the log itself says from where on it has known a source: rows of it that are older than that are not a
sign of an insertion (CF-32).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

Check = Callable[[Collection[int]], Mapping[int, str]]
"""Given ids of a source's rows, those that contradict what their sealed events decided, each with one sentence (CF-38).

Only columns that never change are in a leaf. The others are written once or twice, each time with an event in the same
transaction, and that event is sealed whole.
"""

LEAF_VIEW = "handrail_leaf_"
SIGNED_ACT = (
    *("proof", "nonce", "statement", "key_ref", "public_key", "algorithm"),
    *("authenticator_data", "client_data", "signature", "enrolment"),
)
"""The columns that show how an act is its person's, in each table that has them (``access.models.SignedAct``)."""
SOURCES = 7
"""The highest ``since`` of any source: 1 the ledgers and events, 2 definitions and support requests, 3 brakes, 4 marks
of completions that were found wrong, 5 what is read again and started from exception packets,
6 what people have seen, redacted and attested of escalation packets, 7 passkeys of people: enrolled, confirmed,
ended; and how approvals were proved."""


@dataclass(frozen=True, slots=True)
class Source:
    """``table`` has an integer ``id``; ``columns`` are those that never change, with it and the time of the row.

    ``renamed`` maps a column, by its name in the table, to the name that it has in leaves. All others have the same in
    both; in leaves the time is ``at``. ``since``: see ``SOURCES``; ``check``: see ``Check``. ``shown_with``: the
    capability with which people see such rows anyway, so that an export shows them in clear; empty for none.

    Raises ValueError when ``id`` is missing or renamed or no column is ``at`` in leaves, when ``renamed`` names no
    column, or when two columns would have one name there.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    renamed: Mapping[str, str] = field(default_factory=dict, hash=False)
    since: int = 1
    check: Check | None = field(default=None, compare=False)
    shown_with: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if "id" not in set(self.columns) - set(self.renamed):
            raise ValueError(f"the source {self.name} needs id, under that name")
        if "at" not in self.sealed.values():
            raise ValueError(f"the source {self.name} needs a time that is called at in leaves")
        if not 1 <= self.since <= SOURCES:
            raise ValueError(f"the source {self.name} is known since 1 to {SOURCES}")
        if unknown := set(self.renamed) - set(self.columns):
            raise ValueError(f"the source {self.name} renames what is not among its columns: {sorted(unknown)}")
        if len(set(self.sealed.values())) != len(self.columns):
            raise ValueError(f"the source {self.name} has two columns of one name")

    @property
    def sealed(self) -> dict[str, str]:
        """The name that each column has in leaves."""
        return {column: self.renamed.get(column, column) for column in self.columns}

    @property
    def view(self) -> str:
        """The view that shows of every row what its leaf is made of, and nothing else."""
        return LEAF_VIEW + self.table

    @property
    def selection(self) -> str:
        """The sealed columns of the table's rows, as SQL, under the names that they have in leaves. Names are ours."""
        columns = ", ".join(f'"{column}" AS "{name}"' for column, name in self.sealed.items())
        return f'SELECT {columns} FROM public."{self.table}"'  # noqa: S608

    @property
    def leaf_selection(self) -> str:
        """What ``view`` shows, as SQL: of every row its id, its time, its leaf, and the transaction that wrote it."""
        columns = ", ".join(f't."{column}" AS "{name}"' for column, name in self.sealed.items())
        shown = "t.id, r.at, to_jsonb(r) AS leaf, t.xmin AS written"
        return f'SELECT {shown} FROM public."{self.table}" t, LATERAL (SELECT {columns}) r'  # noqa: S608


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
    shown_with="audit:export",
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
