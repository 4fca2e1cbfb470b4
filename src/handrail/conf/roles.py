"""The two roles of the embedded server: one owns the tables and migrates, one serves.

Both belong to the one Unix user whose server it is, and so do all others there: this guards against what SQL can do
through Handrail, not against that user.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import psycopg
from psycopg import sql

OWNER = "handrail_owner"
SERVING = "handrail_app"

# Whatever an installation made before there were two roles belongs to the server's superuser.
_HAND_OVER = """
DO $$
DECLARE one record;
BEGIN
    FOR one IN
        SELECT c.oid::regclass AS name FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
          AND c.relowner <> 'handrail_owner'::regrole
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                          AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
    LOOP EXECUTE format('ALTER TABLE %s OWNER TO handrail_owner', one.name); END LOOP;
    FOR one IN
        SELECT p.oid::regprocedure AS name FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proowner <> 'handrail_owner'::regrole
    LOOP EXECUTE format('ALTER ROUTINE %s OWNER TO handrail_owner', one.name); END LOOP;
    FOR one IN
        SELECT t.oid::regtype AS name FROM pg_type t
        WHERE t.typnamespace = 'public'::regnamespace AND t.typowner <> 'handrail_owner'::regrole
          AND t.typtype IN ('e', 'd')
    LOOP EXECUTE format('ALTER TYPE %s OWNER TO handrail_owner', one.name); END LOOP;
END $$
"""


def make(connection: psycopg.Connection[Any]) -> None:
    """Makes both roles, through a superuser's connection that commits by itself. A second call changes nothing."""
    _make_role(connection, OWNER, "LOGIN CREATEDB")  # the demo throws its database away and makes it again
    _make_role(connection, SERVING, "LOGIN NOCREATEDB")


def hand_over(connection: psycopg.Connection[Any], database: str) -> None:
    """Makes the owner's what is in ``database``, through a superuser's connection to it that commits by itself.

    A second call changes nothing.
    """
    if _is_owner_everywhere(connection, database):
        return
    with connection.transaction():
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(*map(sql.Identifier, (database, OWNER))))
        connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(OWNER)))
        connection.execute(_HAND_OVER)


def _make_role(connection: psycopg.Connection[Any], name: str, can: str) -> None:
    can = f"{can} NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION"
    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):  # another process was faster
        known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        statement = "CREATE ROLE {} {}" if known is None else "ALTER ROLE {} {}"
        connection.execute(sql.SQL(statement).format(sql.Identifier(name), sql.SQL(can)))


def _is_owner_everywhere(connection: psycopg.Connection[Any], database: str) -> bool:
    found = connection.execute(
        "SELECT NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i'"
        "   AND relowner <> to_regrole(%s))"
        " AND EXISTS (SELECT FROM pg_database WHERE datname = %s AND datdba = to_regrole(%s))",
        [OWNER, database, OWNER],
    ).fetchone()
    return found is not None and bool(found[0])
