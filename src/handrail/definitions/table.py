"""The format ``table/v1``: a reviewed mapping from one vocabulary to another, such as plan codes to plan names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from handrail.definitions.language.valuetypes import name_of
from handrail.definitions.source.faults import TextFaults
from handrail.definitions.source.loader import Document, load
from handrail.definitions.source.scalars import Closed, Kebab, Line, Prose
from handrail.definitions.source.validate import validate
from handrail.kernel.canonical import digest
from handrail.kernel.errors import NotFound

Value = str | int | float | bool
Text = Annotated[str, StringConstraints(max_length=2000)]


class TableSpec(Closed):
    """A reference table as it is written. It is closed: a key that is not listed has no value."""

    handrail: Literal["table/v1"]
    name: Kebab
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    title: Line
    owner: Line
    of: Prose
    rows: Annotated[dict[str, Text | int | float | bool], Field(min_length=1, max_length=5000)]


@dataclass(frozen=True, slots=True)
class CompiledTable:
    """``digest`` is over the canonical JSON of the parsed text."""

    spec: TableSpec
    digest: str

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def version(self) -> int:
        return self.spec.version

    @property
    def title(self) -> str:
        return self.spec.title

    @property
    def owner(self) -> str:
        return self.spec.owner

    @property
    def rows(self) -> Mapping[str, Value]:
        return self.spec.rows

    def value_of(self, key: str) -> Value:
        """The value of ``key``, compared exactly. Raises NotFound: a table never guesses."""
        if key not in self.rows:
            raise NotFound(f"The table {self.name} (version {self.version}) has no row for this key.")
        return self.rows[key]


def compile_table(text: str, *, file: str = "table") -> CompiledTable:
    """The table in ``text``. Raises Invalid (``definition-invalid``) with every fault's field, line and column."""
    return compile_table_document(load(text, file=file))


def compile_table_document(document: Document) -> CompiledTable:
    """The table in ``document``. Raises as ``compile_table``."""
    faults = TextFaults(document.file)
    table = validate(document, TableSpec, faults)
    _check_rows(document, table, faults)
    faults.refuse_if_any()
    return CompiledTable(table, digest(document.data))


def _check_rows(document: Document, table: TableSpec, faults: TextFaults) -> None:
    wanted = name_of(next(iter(table.rows.values())))
    for key, value in table.rows.items():
        path = ("rows", key)
        if not key.strip() or key != key.strip():
            faults.add(path, "a key is not empty and has no space around it", document.key_mark(path))
        if name_of(value) != wanted:
            message = f"expected {wanted} as in the first row, got {name_of(value)}"
            faults.add(path, message, document.mark(path))
