"""What is kept about people and tenants: every column of every table, in one of seven classes (``kept.toml``).

``docs/reference/what-is-kept.md`` is made of it, and an erasure goes by it: what it can forget, and what stays and why.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("kept.toml")


class KeptAs(StrEnum):
    """The classes, as the file names them."""

    IDENTIFIER = "identifier"  # references, row ids and digests
    STRUCTURE = "structure"  # states, codes, counts, times, names that an installation gives
    SECRET = "secret"  # noqa: S105 - a word: what opens something
    STAFF = "staff"  # people of the workspace, not of the tenant
    SEALED = "sealed"  # a tenant's value, under its subject's key: forgotten with it
    OVERWRITTEN = "overwritten"  # a tenant's value in clear, which an erasure overwrites or deletes
    CLEAR = "clear"  # in clear, and no erasure changes it: with the reason


@dataclass(frozen=True, slots=True)
class KeptColumn:
    """``why``: of a column in clear."""

    table: str
    column: str
    kept: KeptAs
    why: str = ""


@cache
def columns() -> Mapping[str, Mapping[str, KeptColumn]]:
    """By table and column. Raises ValueError for a column that stands twice, a class that there is not, or one in clear
    without a reason."""
    read = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {table: {one.column: one for one in _of_table(table, classes)} for table, classes in read.items()}


def sealed() -> Iterator[KeptColumn]:
    """Those that are forgotten with a key."""
    return (one for table in columns().values() for one in table.values() if one.kept is KeptAs.SEALED)


def overwritten() -> Iterator[KeptColumn]:
    """Those in clear that an erasure overwrites."""
    return (one for table in columns().values() for one in table.values() if one.kept is KeptAs.OVERWRITTEN)


def clear() -> Iterator[KeptColumn]:
    """Those that stay."""
    return (one for table in columns().values() for one in table.values() if one.kept is KeptAs.CLEAR)


def _of_table(table: str, classes: Mapping[str, object]) -> Iterator[KeptColumn]:
    seen: set[str] = set()
    for name, listed in classes.items():
        kept = KeptAs(name)
        reasons = listed if isinstance(listed, dict) else dict.fromkeys(listed, "")  # type: ignore[call-overload]
        for column, why in reasons.items():
            if column in seen:
                raise ValueError(f"{table}.{column} stands twice")
            if (kept is KeptAs.CLEAR) != bool(why):
                raise ValueError(f"{table}.{column}: a column in clear, and only it, needs a reason")
            seen.add(column)
            yield KeptColumn(table, column, kept, why)
