"""Time that only a test moves: the database's clock, and that of all in this process that goes by it.

Functions of the same names stand before the database's own, and count microseconds in a sequence. Each look at the
clock takes one, so that no two times are equal, and the same acts in the same order always see the same times.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db import connection

from handrail.kernel import clock
from handrail.kernel.clock import RemoteClock
from handrail.runbooks.engine import advance, holder, ledger, outside
from tests import databases

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Time that goes by in a test has gone by in the world: what is dated in the future is not believed by the audit log.
LONG_AGO = timedelta(days=400)
# How long a look at this process's clock takes: longer than one at the database's, so that it is never behind.
TICK_SECONDS = 0.000_1
SHADOWS = """
CREATE SCHEMA moved;
CREATE SEQUENCE moved.tick START {start};
CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT timestamptz '1970-01-01 00:00+00' + pg_catalog.nextval('moved.tick') * interval '1 microsecond' $$;
CREATE FUNCTION moved.statement_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT moved.clock_timestamp() $$;
CREATE FUNCTION moved.now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT moved.clock_timestamp() $$;
GRANT USAGE ON SCHEMA moved TO PUBLIC;
GRANT USAGE ON SEQUENCE moved.tick TO PUBLIC;
"""
# What goes by the clock of the statement that asks, and so was bound to the database's own when it was made.
BOUND = """
SELECT c.oid::regclass::text, pg_get_viewdef(c.oid), coalesce(array_to_string(c.reloptions, ', '), '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'v' AND n.nspname = 'public' AND pg_get_viewdef(c.oid) ~ '(clock|statement)_timestamp|now\\(\\)'
"""


@dataclass
class MovedTime:
    """``elapsed``: seconds since the beginning, of this process's steady clock."""

    admin: psycopg.Connection[Any]
    start: datetime
    elapsed: float = 0.0

    def steady(self, _: int = 0) -> float:
        self.elapsed += TICK_SECONDS
        return self.elapsed

    def now(self) -> datetime:
        """The time, without taking any."""
        return self.start + timedelta(seconds=self.elapsed)

    def go_by(self, seconds: float) -> None:
        """Lets ``seconds`` go by, for everybody; a worker sleeps so."""
        self.elapsed += max(seconds, 0.0)
        at = int((self.now() - EPOCH) / timedelta(microseconds=1))
        self.admin.execute("SELECT setval('moved.tick', greatest(%s, (SELECT last_value FROM moved.tick)))", [at])


@contextmanager
def moved_time(url: str) -> Iterator[MovedTime]:
    """Time that stands in the database of ``url``, which Django works on, until it is moved."""
    name = connection.settings_dict["NAME"]
    with databases.connection_to(url) as admin, ExitStack() as stack:
        start = datetime.now(UTC) - LONG_AGO
        admin.execute(SHADOWS.format(start=int((start - EPOCH) / timedelta(microseconds=1))))
        views = admin.execute(BOUND).fetchall()
        admin.execute(f'ALTER DATABASE "{name}" SET search_path = moved, pg_catalog, public')
        _bind(admin, "moved, pg_catalog, public", views)
        stack.callback(_unbind, admin, name, views)
        time = MovedTime(admin, start)
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        patched.setattr(clock, "time", SimpleNamespace(clock_gettime=time.steady))
        for module in (advance, holder, ledger, outside):
            patched.setattr(module, "time", SimpleNamespace(sleep=time.go_by))
        stack.enter_context(clock.followed.use(RemoteClock(start, 0.0)))
        connection.close()
        yield time


def _bind(admin: psycopg.Connection[Any], path: str, views: list[tuple[str, str, str]]) -> None:
    admin.execute(f"SET search_path = {path}")
    for view, text, options in views:
        admin.execute(f"CREATE OR REPLACE VIEW {view} {f'WITH ({options})' if options else ''} AS {text}")


def _unbind(admin: psycopg.Connection[Any], name: str, views: list[tuple[str, str, str]]) -> None:
    connection.close()
    admin.execute(f'ALTER DATABASE "{name}" RESET search_path')
    _bind(admin, '"$user", public', views)
    admin.execute("DROP SCHEMA moved CASCADE")
