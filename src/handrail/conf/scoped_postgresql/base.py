"""Every transaction says its scope before it asks anything else.

The settings hold until the transaction ends (``set_config(…, true)``), and go out in one message with the statement
that opens it: no further round trip, nothing left behind on a connection that a pool hands on, and a statement outside
any transaction is one with its settings. After ``ROLLBACK TO SAVEPOINT`` they are sent again, for it undoes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from django.db.backends.postgresql import base
from django.db.backends.postgresql.operations import DatabaseOperations
from psycopg import sql
from psycopg.pq import TransactionStatus

from handrail.kernel import scope
from handrail.kernel.scope import RowScope

if TYPE_CHECKING:
    from psycopg import ClientCursor

    Cursor = ClientCursor[Any]
else:
    Cursor = base.Cursor  # django-stubs does not know it: it is there with psycopg 3 only

CLEAR: Mapping[str, str] = {"handrail.workspace": "", "handrail.tenants": "", "handrail.duty": ""}


_SAID = re.compile(r"^SELECT (?:set_config\('[a-z.]+', '[^']*', true\)(?:, )?)+; ")


def settings_of(which: RowScope | None) -> Mapping[str, str]:
    """What row security goes by, as the database's settings. The policies in ``access.protection`` read them."""
    if which is None:
        return CLEAR
    listed = ",".join(str(int(pk)) for pk in sorted(which.tenant_ids or ()))
    tenants = "*" if which.tenant_ids is None else f"{{{listed}}}"
    return {
        "handrail.workspace": str(int(which.workspace_id)),
        "handrail.tenants": tenants,
        "handrail.duty": which.duty.value if which.duty else "",
    }


def statement_of(settings: Mapping[str, str]) -> str:
    """The statement that makes ``settings`` hold until the transaction ends. Values are ours: numbers and words."""
    calls = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    return f"SELECT {calls}; "


class ScopedCursor(Cursor):
    """A cursor that puts the scope before a statement where the transaction does not know it yet."""

    wrapper: DatabaseWrapper

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        first = self.wrapper.announcement(self.connection.info.transaction_status)
        if not first:
            return super().execute(query, params, **options)
        try:
            super().execute(_joined(first, query), params, **options)
        except BaseException:
            self.wrapper.forget()
            raise
        self.nextset()
        return self

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
        for params in params_seq:
            self.execute(query, params, **options)


def _joined(first: str, query: Any) -> Any:
    if isinstance(query, str):
        return first + query
    if isinstance(query, bytes):
        return first.encode() + query
    return sql.Composed([sql.SQL(cast("Any", first)), query])


class ScopedOperations(DatabaseOperations):
    """Query logs and tests get to see the statement that was asked for."""

    def last_executed_query(self, cursor: Any, sql: str, params: Any) -> str:
        said = str(super().last_executed_query(cursor, sql, params))
        return _SAID.sub("", said, count=1)


class DatabaseWrapper(base.DatabaseWrapper):
    """``announced``: the settings that the open transaction knows; None when that can't be said."""

    ops_class = ScopedOperations
    clear: Mapping[str, str] = CLEAR
    announced: Mapping[str, str] | None = None

    def settings_now(self) -> Mapping[str, str]:
        """What the next statement is to run under."""
        return settings_of(scope.current())

    def announcement(self, status: TransactionStatus) -> str:
        """What has to stand before the next statement; nothing when the transaction knows it.

        A transaction begins without settings. One that failed takes no statement but the rollback.
        """
        if status == TransactionStatus.INERROR:
            return ""
        known = self.clear if status == TransactionStatus.IDLE else self.announced
        now = self.settings_now()
        self.announced = now
        return "" if now == known else statement_of(now)

    def unsaid_settings(self) -> Mapping[str, str]:
        """What a statement that is a transaction of its own has to run under, beyond what a session begins with."""
        return {name: value for name, value in self.settings_now().items() if value != self.clear[name]}

    def forget(self) -> None:
        self.announced = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.cursor_factory = type("BoundCursor", (ScopedCursor,), {"wrapper": self})
        self.forget()
        return connection

    def chunked_cursor(self) -> Any:
        """Inside a transaction a cursor of the server, which knows the scope; outside one a plain one: a server's
        cursor would outlive the statement that says it."""
        if self.get_autocommit():
            return self.cursor()
        with self.cursor() as cursor:
            cursor.execute("SELECT 1")  # opens the transaction, and says the scope
        return super().chunked_cursor()

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc] # django-stubs leaves it out
        self.forget()
