"""The rows of a source as they are now, and the leaves that they make.

A leaf (CF-13) is the RFC 8785 JSON of ``{"row": …, "source": …}``. The row is what PostgreSQL's ``to_jsonb`` makes of
its columns (times in UTC) under the names that ``sources`` gives them, without those that are null. RFC 8785 knows
only numbers that fit a double: any other number becomes ``{"$number": "<digits>"}``, and a key that starts with ``$``
gets a second one, so that no two rows look alike. ``CF-…`` are clauses of docs/reference/checkpoint-format.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from psycopg import sql

from handrail.audit import merkle
from handrail.audit.sources import Source
from handrail.kernel.canonical import canonical_bytes

SAFE_INTEGER = 2**53 - 1


@dataclass(frozen=True, slots=True)
class SealedRow:
    """``values`` holds only what JSON and RFC 8785 can say."""

    source: str
    id: int
    values: dict[str, Any]

    def leaf(self) -> bytes:
        return canonical_bytes({"row": self.values, "source": self.source})

    def leaf_hash(self) -> bytes:
        return merkle.leaf_hash(self.leaf())

    def at(self) -> datetime | None:
        """The row's time; None when somebody put something else there."""
        try:
            return datetime.fromisoformat(str(self.values.get("at")))
        except ValueError:
            return None


def read(source: Source, ids: Iterable[int]) -> Iterator[SealedRow]:
    """Those rows of ``source`` that exist, by id, with the names that their columns have in leaves."""
    columns = [sql.SQL("{} AS {}").format(*map(sql.Identifier, pair)) for pair in source.sealed.items()]
    statement = sql.SQL(
        "SELECT id, to_jsonb(r)::text FROM (SELECT {} FROM {} WHERE id = ANY(%s)) r ORDER BY id"
    ).format(sql.SQL(", ").join(columns), sql.Identifier(source.table))
    for row_id, text in _all(statement, [list(ids)]):
        values = json.loads(text, parse_int=_integer, parse_float=_decimal, object_pairs_hook=_object)
        yield SealedRow(source.name, row_id, {name: value for name, value in values.items() if value is not None})


def unsealed(source: Source, *, above: int, limit: int) -> list[int]:
    """The ids over ``above`` that have no leaf yet, the lowest first."""
    statement = sql.SQL("SELECT t.id {} AND t.id > %s ORDER BY t.id LIMIT %s").format(_without_leaf(source))
    return [row_id for (row_id,) in _all(statement, [source.name, above, limit])]


def count_unsealed(source: Source) -> int:
    statement = sql.SQL("SELECT count(*) {}").format(_without_leaf(source))
    return int(_all(statement, [source.name])[0][0])


def unsealed_before(source: Source, at: datetime, *, limit: int) -> list[int]:
    """The ids of rows without a leaf that call themselves older than ``at``."""
    statement = sql.SQL("SELECT t.id {} AND t.{} < %s ORDER BY t.id LIMIT %s").format(
        _without_leaf(source), sql.Identifier(source.time)
    )
    return [row_id for (row_id,) in _all(statement, [source.name, at, limit])]


def _without_leaf(source: Source) -> sql.Composed:
    return sql.SQL(
        "FROM {} t LEFT JOIN audit_auditleaf l ON l.source = %s AND l.row_id = t.id WHERE l.id IS NULL"
    ).format(sql.Identifier(source.table))


def _all(statement: sql.Composed, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(None), parameters)
        return list(cursor.fetchall())


def _integer(text: str) -> int | dict[str, str]:
    """CF-15, as the two below."""
    number = int(text)
    return number if -SAFE_INTEGER <= number <= SAFE_INTEGER else {"$number": text}


def _decimal(text: str) -> float | dict[str, str]:
    number = float(text)
    exact = math.isfinite(number) and Decimal(repr(number)) == Decimal(text)
    return number if exact else {"$number": text}


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {f"${key}" if key.startswith("$") else key: value for key, value in pairs}
