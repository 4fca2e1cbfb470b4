"""Statements that workers send so often that planning each of them would take longer than running it.

What row security goes by is set in front of the prepared statement, in one message: one transaction, one round trip.
Web processes prepare nothing, because their way to the database may be a pooler that changes sessions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import psycopg
from django.db import connection
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8

from handrail.kernel.configured import Configured
from handrail.work import roundtrip

# Whether this process prepares statements: a worker does.
preparing: Configured[bool] = Configured(False)

# A plan is made once and kept. One that was made while a table had few rows would read it whole for as long as nobody
# has analysed it since: all these statements find their rows by an index.
PLANNED = {"enable_seqscan": "off"}
_NAME = re.compile(r"%\((\w+)\)s|%%")


class Statement:
    """SQL with parameters such as ``%(name)s``. ``scoped``: whether it reads what row security protects. ``planned``:
    the planner's settings for it."""

    def __init__(self, text: str, *, scoped: bool = True, planned: Mapping[str, str] = PLANNED) -> None:
        self.text, self.planned, self._scoped = text, planned, scoped
        self._names: list[str] = []
        self._numbered = _NAME.sub(self._number, text).encode()

    def fetch(self, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Its rows. Outside a transaction it is one of its own."""
        connection.ensure_connection()
        raw: roundtrip.Raw = connection.connection
        if preparing.find() and raw.autocommit and raw.info.transaction_status == TransactionStatus.IDLE:
            with connection.wrap_database_errors:
                return self._fetch_prepared(raw, [_of_one_type(parameters[name]) for name in self._names])
        if not self._scoped:
            with connection.wrap_database_errors:
                return psycopg.Cursor(raw).execute(self.text, parameters).fetchall()
        with connection.cursor() as cursor:
            cursor.execute(self.text, parameters)
            return cast("list[tuple[Any, ...]]", cursor.fetchall())

    def _fetch_prepared(self, raw: roundtrip.Raw, values: list[Any]) -> list[tuple[Any, ...]]:
        settings = {**(cast("Any", connection).unsaid_settings() if self._scoped else {}), **self.planned}
        said = [word for pair in settings.items() for word in pair]
        return roundtrip.fetch(raw, [(_settings(len(settings)), said), (self._numbered, values)])

    def _number(self, found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "%"
        if name not in self._names:
            self._names.append(name)
        return f"${self._names.index(name) + 1}"


def _of_one_type(value: Any) -> Any:
    """The driver sends an integer as the smallest type that it fits, and for each one a statement is prepared."""
    return Int8(value) if type(value) is int else value


@cache
def _settings(count: int) -> bytes:
    calls = ", ".join(f"set_config(${2 * n + 1}, ${2 * n + 2}, true)" for n in range(count))
    return f"SELECT {calls}".encode()
