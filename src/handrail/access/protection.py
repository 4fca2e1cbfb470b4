"""Grants and row security in the database, made of ``access.rights`` after every migration.

Made again as a whole, in one transaction, and only where the text of it has changed, whose digest stands in a comment,
or the database has something else by now (``access.strays``).
The owner's role sees every row by a policy of its own, because row security is forced on it too. Superusers, and roles
with BYPASSRLS, are under no policy: ``handrail check`` names one that serves.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from django.conf import settings
from django.db import connection, transaction

from handrail.access import strays
from handrail.access.rights import ALL, CLAIMS, RIGHTS, Rights, Shown, views

MARK = "handrail_run_lease"
# Read once a query, not once a row: a sub-select is evaluated before the scan begins.
_WORKSPACE = "(SELECT nullif(current_setting('handrail.workspace', true), '')::bigint)"
_TENANTS = "(SELECT nullif(nullif(current_setting('handrail.tenants', true), '*'), '')::bigint[])"
_EVERY_TENANT = "(SELECT current_setting('handrail.tenants', true) = '*')"
_MEMBER = "EXISTS (SELECT FROM public.access_membership m WHERE m.id = membership_id)"
# Policies of before, which showed whole rows of every workspace to those who looked over all of them.
_FORMER = ("handrail_new", "handrail_duty_audit", "handrail_duty_directory", "handrail_duty_installation")

# A temporary table is found before every other: one of the name of a table of ours would stand in for it as long as
# its connection lives. Only the database's owner can take the right away; for anybody else this is a warning.
_NO_TEMPORARY = (
    "DO $$ BEGIN EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC, {role}', current_database());"
    " END $$"
)


def apply() -> bool:
    """Makes grants and policies as this version has them. False when they are so already.

    The connection must be the owner's. Raises ProgrammingError when the serving role does not exist.
    """
    statements = list(_statements(_serving_role()))
    digest = "rights " + sha256("\n".join(statements).encode()).hexdigest()
    if applied() == digest and not strays.found(_serving_role()):
        return False
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        cursor.execute(f"COMMENT ON VIEW {MARK} IS '{digest}'")
    return True


def digest() -> str:
    """Of the table itself, before there is a database to apply it to."""
    return sha256(
        repr((sorted(RIGHTS.items()), sorted(views().items()), sorted(CLAIMS.items(), key=str))).encode()
    ).hexdigest()


def applied() -> str | None:
    """The digest of what was applied last; None when nothing was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", [f"public.{MARK}"])
        found = cursor.fetchone()[0]
    return None if found is None else str(found)


def is_applied() -> bool:
    """Whether the database has grants and policies as this version has them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass(%s)", [f"public.{MARK}"])
        found = cursor.fetchone()
    if found is None:
        return False
    statements = list(_statements(_serving_role(), owner=found[0]))
    return applied() == "rights " + sha256("\n".join(statements).encode()).hexdigest()


def withdraw_views() -> None:
    """Takes the views away, which would keep a migration from changing the columns that they show."""
    with connection.cursor() as cursor:
        for view in views():
            cursor.execute(f"DROP VIEW IF EXISTS public.{view}")


def statements() -> list[str]:
    """The SQL of ``apply``, for somebody who applies it by hand."""
    return list(_statements(_serving_role()))


def _serving_role() -> str | None:
    """The role that the grants are for; None where one role does everything."""
    role: str | None = getattr(settings, "HANDRAIL_SERVING_ROLE", None)
    return role


def _statements(serving: str | None, owner: str | None = None) -> Iterator[str]:
    if owner is None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            owner = cursor.fetchone()[0]
    shown = views()
    for view, body in shown.items():
        yield f"DROP VIEW IF EXISTS public.{view}"
        yield f"CREATE VIEW public.{view} AS {' '.join(body.split())}"
    if serving is not None:
        role = _quoted(serving)
        yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}"
        yield f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {role}"
        yield f"REVOKE CREATE ON SCHEMA public FROM PUBLIC, {role}"
        yield _NO_TEMPORARY.format(role=role)
        yield f"GRANT USAGE ON SCHEMA public TO {role}"
        yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}"
        for view in shown:
            yield f"GRANT SELECT ON public.{view} TO {role}"
        for view, claim in CLAIMS.items():
            yield f"GRANT UPDATE ({', '.join(claim.update)}) ON public.{view} TO {role}"
    existing = _tables()
    for table, rights in RIGHTS.items():
        if table not in existing:
            continue
        if serving is not None:
            yield from _grants(table, rights, _quoted(serving), existing[table])
        if rights.shown is not Shown.EVERYWHERE:
            yield from _policies(table, rights, _quoted(owner))


def _grants(table: str, rights: Rights, role: str, columns: frozenset[str]) -> Iterator[str]:
    yield f"REVOKE ALL ({', '.join(map(_quoted, sorted(columns)))}) ON public.{table} FROM {role}"
    may = ["SELECT"]
    if rights.insert:
        may.append("INSERT")
    if rights.delete:
        may.append("DELETE")
    if rights.update == (ALL,):
        may.append("UPDATE")
    elif named := [_quoted(column) for column in rights.update if column in columns]:
        may.append(f"UPDATE ({', '.join(named)})")
    elif rights.lock:
        may.append("UPDATE (id)")
    yield f"GRANT {', '.join(may)} ON public.{table} TO {role}"


def _policies(table: str, rights: Rights, owner: str) -> Iterator[str]:
    yield f"ALTER TABLE public.{table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE public.{table} FORCE ROW LEVEL SECURITY"
    for name in ("handrail_owner", "handrail_scope", *_FORMER):
        yield f"DROP POLICY IF EXISTS {name} ON public.{table}"
    yield f"CREATE POLICY handrail_owner ON public.{table} TO {owner} USING (true) WITH CHECK (true)"
    yield f"CREATE POLICY handrail_scope ON public.{table} USING ({_condition(table, rights.shown)})"


def _condition(table: str, shown: Shown) -> str:
    if shown is Shown.MEMBERSHIP:
        return _MEMBER
    if shown is Shown.IS_WORKSPACE:
        return f"id = {_WORKSPACE}"
    # What is nobody's workspace's, such as a refused log-in, is nobody's who is in one.
    workspace = f"workspace_id = {_WORKSPACE}"
    if table == "audit_auditevent":
        workspace = f"({workspace} OR (workspace_id IS NULL AND {_WORKSPACE} = 0))"
    if shown is Shown.WORKSPACE:
        return workspace
    column = "id" if shown is Shown.IS_TENANT else "tenant_id"
    if shown is Shown.COMMON:
        return f"{workspace} AND (tenant_id IS NULL OR {_EVERY_TENANT} OR tenant_id = ANY ({_TENANTS}::bigint[]))"
    return f"{workspace} AND ({_EVERY_TENANT} OR {column} = ANY ({_TENANTS}::bigint[]))"


def _tables() -> dict[str, frozenset[str]]:
    """The tables of the schema, with their columns."""
    found: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
        )
        for table, column in cursor.fetchall():
            found.setdefault(table, set()).add(column)
    return {table: frozenset(columns) for table, columns in found.items()}


def _quoted(name: str) -> str:
    quoted: str = connection.ops.quote_name(name)
    return quoted
