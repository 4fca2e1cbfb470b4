"""The rows of a source as they are now, and the leaves that they make.

A leaf (CF-13) is the RFC 8785 JSON of ``{"row": …, "source": …}``. The row is what PostgreSQL's ``to_jsonb`` makes of
its columns (times in UTC) under the names that ``sources`` gives them, without those that are null. RFC 8785 knows
only numbers that fit a double: any other number becomes ``{"$number": "<digits>"}``, and a key that starts with ``$``
gets a second one, so that no two rows look alike. ``CF-…`` are clauses of docs/reference/checkpoint-format.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from handrail.audit import merkle
from handrail.audit.sources import Source
from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.scope import Duty, duty

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
    """Those rows of ``source`` that exist, of all workspaces, by id, with the names of leaves."""
    statement = f"SELECT id, leaf::text FROM {source.view} WHERE id = ANY(%s) ORDER BY id"  # noqa: S608 - its name is ours
    with duty(Duty.AUDIT):
        found = _all(statement, [list(ids)])
    yield from _rows(source, found)


def read_shown(source: Source, ids: Iterable[int]) -> Iterator[SealedRow]:
    """As ``read``, those alone that row security shows in the current scope."""
    statement = f"SELECT id, to_jsonb(r)::text FROM ({source.selection} WHERE id = ANY(%s)) r ORDER BY id"  # noqa: S608 - as above
    yield from _rows(source, _all(statement, [list(ids)]))


def _rows(source: Source, found: Iterable[tuple[Any, ...]]) -> Iterator[SealedRow]:
    for row_id, text in found:
        values = json.loads(text, parse_int=_integer, parse_float=_decimal, object_pairs_hook=_object)
        yield SealedRow(source.name, row_id, {name: value for name, value in values.items() if value is not None})


def unsealed(source: Source, *, above: int, limit: int) -> list[int]:
    """The ids over ``above`` that have no leaf yet, the lowest first."""
    statement = f"SELECT t.id {_without_leaf(source)} AND t.id > %s ORDER BY t.id LIMIT %s"
    with duty(Duty.AUDIT):
        return [row_id for (row_id,) in _all(statement, [source.name, above, limit])]


def count_unsealed(source: Source) -> int:
    with duty(Duty.AUDIT):
        return int(_all(f"SELECT count(*) {_without_leaf(source)}", [source.name])[0][0])


def unsealed_before(source: Source, at: datetime, *, limit: int) -> list[int]:
    """The ids of rows without a leaf that call themselves older than ``at``."""
    statement = f"SELECT t.id {_without_leaf(source)} AND t.at < %s ORDER BY t.id LIMIT %s"
    with duty(Duty.AUDIT):
        return [row_id for (row_id,) in _all(statement, [source.name, at, limit])]


def unsealed_after(source: Source, at: datetime, *, limit: int) -> list[int]:
    """The ids of rows without a leaf that call themselves later than ``at``."""
    statement = f"SELECT t.id {_without_leaf(source)} AND t.at > %s ORDER BY t.id LIMIT %s"
    with duty(Duty.AUDIT):
        return [row_id for (row_id,) in _all(statement, [source.name, at, limit])]


def unsealed_events(source: Source, event: str, *, limit: int) -> list[int]:
    """The ids of events of that name without a leaf."""
    statement = f"SELECT t.id {_without_leaf(source)} AND t.leaf ->> 'event' = %s ORDER BY t.id LIMIT %s"
    with duty(Duty.AUDIT):
        return [row_id for (row_id,) in _all(statement, [source.name, event, limit])]


def misdated(
    source: Source, ids: Collection[int], *, before: datetime | None, seal: int, margin: timedelta
) -> tuple[list[int], list[int]]:
    """Of ``ids``, the rows that call themselves older than ``before`` although the transaction that wrote them began to
    write after the one that signed the checkpoint over ``seal`` leaves; and those that are over ``margin`` in the
    future. PostgreSQL numbers transactions in the order in which they begin to write; ``written`` is a row's."""
    statement = (
        f"SELECT t.id, t.at > clock_timestamp() FROM {source.view} t WHERE t.id = ANY(%s)"  # noqa: S608 - as above
        " AND (t.at > clock_timestamp() + %s OR (t.at < %s AND"
        " age(t.written) < (SELECT age(c.xmin) FROM audit_auditcheckpoint c WHERE c.size = %s))) ORDER BY t.id"
    )
    with duty(Duty.AUDIT):
        found = _all(statement, [list(ids), margin, before, seal])
    return [row_id for row_id, ahead in found if not ahead], [row_id for row_id, ahead in found if ahead]


def _without_leaf(source: Source) -> str:
    leaves = "LEFT JOIN audit_auditleaf l ON l.source = %s AND l.row_id = t.id"
    return f"FROM {source.view} t {leaves} WHERE l.id IS NULL"


def _all(statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
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
