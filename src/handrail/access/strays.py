"""What the database lets the serving role do, or shows it, that ``access.rights`` does not say.

Grants and policies are made by ``access.protection``, and can be changed afterwards by the role that owns the tables.
The log has guards of its own (``audit.guards``), which stop the sealer; this is what ``handrail check`` names, and what
makes ``handrail migrate`` apply the rights again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from django.db import connection

from handrail.access.rights import ALL, CLAIMS, DIRECTORY, LEASES, RIGHTS, Rights, Shown, scoped_tables, views
from handrail.audit.queries import guarded_tables, row_policies, view_text

SCHEMA = "public"
FILE, VIEWS_FILE = "policies.json", "views.json"
# Settings of a role that decide which table a name means, which rows are shown, or which triggers run.
_TELLING = (
    *("row_security", "search_path", "session_replication_role", "handrail.", "session_preload_libraries"),
    *("local_preload_libraries", "transform_null_equals", "extra_float_digits", "synchronous_commit"),
)
# pgaudit and others have such functions. Who has made an extension can add their own to it; a superuser's are its.
_OF_EXTENSION = """
    EXISTS (SELECT FROM pg_depend d JOIN pg_roles s ON s.oid = f.proowner AND s.rolsuper
            WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e')
"""


def found(serving: str | None) -> list[str]:
    """A sentence for each; none while the database is as ``access.rights`` has it.

    ``serving`` is the role that serves; None where one role does everything and no grants are made.
    """
    sentences = [*_row_security(), *_policies(), *_views(), *_sequences(), *_triggers(), *_elsewhere()]
    if serving is not None:
        sentences += [*_tables(serving), *_columns(serving), *_hidden(serving), *_settings(serving), *_functions()]
    return sentences


def policies_of(rights: Rights) -> set[str]:
    """The names of the policies of a table with ``rights``."""
    if rights.shown is Shown.EVERYWHERE:
        return set()
    return {"handrail_owner", "handrail_scope"}


def _row_security() -> Iterator[str]:
    query = """
        SELECT relname, relrowsecurity FROM pg_class WHERE relnamespace = %s::regnamespace AND relname = ANY(%s)
        AND NOT (relrowsecurity AND relforcerowsecurity) ORDER BY 1
    """
    for table, on in _rows(query, SCHEMA, scoped_tables()):
        yield f"Row security on {table} is {'not forced' if on else 'off'}."


def _policies() -> Iterator[str]:
    query = "SELECT tablename, policyname FROM pg_policies WHERE schemaname = %s AND tablename = ANY(%s)"
    present: dict[str, set[str]] = {}
    for table, policy in _rows(query, SCHEMA, sorted(RIGHTS)):
        present.setdefault(table, set()).add(policy)
    for table in sorted(RIGHTS):
        here, wanted = present.get(table, set()), policies_of(RIGHTS[table])
        for policy in sorted(here - wanted):
            yield f"The row policy {policy} on {table} is not one of Handrail's."
        for policy in sorted(wanted - here):
            yield f"The row policy {policy} on {table} is missing."
    yield from _changed_policies()


def _changed_policies() -> Iterator[str]:
    """By name they are Handrail's. ``handrail_owner`` is for the table's owner alone, all others are for everybody."""
    query = """
        SELECT c.relname, p.polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE c.relnamespace = %s::regnamespace AND c.relname = ANY(%s) AND p.polname LIKE 'handrail%%'
        AND p.polroles <> ARRAY[CASE p.polname WHEN 'handrail_owner' THEN c.relowner ELSE 0 END] ORDER BY 1, 2
    """
    for table, policy in _rows(query, SCHEMA, sorted(RIGHTS)):
        yield f"The row policy {policy} on {table} is for other roles than it was made for."
    present = row_policies(scoped_tables())
    for table, policies in sorted(_made(FILE).items()):
        for policy, text in sorted(policies.items()):
            if policy in present.get(table, {}) and present[table][policy] != text:
                yield f"The row policy {policy} on {table} has another condition."


def _views() -> Iterator[str]:
    """They show something of all workspaces to every process: one more column, or another table, is too much. The views
    of leaves are the log's own guards."""
    query = """
        SELECT c.relname, pg_get_userbyid(c.relowner) FROM pg_class c
        WHERE c.relnamespace = %s::regnamespace AND c.relname = ANY(%s)
        AND c.relowner <> (SELECT relowner FROM pg_class WHERE oid = to_regclass('public.access_workspace')) ORDER BY 1
    """
    wanted, present = _made(VIEWS_FILE), view_definitions()
    for name in sorted({*LEASES, *CLAIMS, *DIRECTORY}):
        if name not in present:
            yield f"The view {name} is missing."
        elif present[name] != wanted.get(name):
            yield f"The view {name} is not the one of this version: it can show more than it should."
    for name, owner in _rows(query, SCHEMA, sorted({*LEASES, *CLAIMS, *DIRECTORY})):
        yield f"The view {name} belongs to {owner}."


def view_definitions() -> dict[str, str]:
    """Of each view of leases and of the directory a digest; "" for one with a rule, an option or a dependency that it
    should not have, or that is another kind of relation."""
    query = """
        SELECT c.relname, pg_get_viewdef(c.oid), c.relkind = 'v' AND c.reloptions IS NULL
        AND (SELECT count(*) FROM pg_rewrite w WHERE w.ev_class = c.oid) = 1
        AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid)
        AND NOT EXISTS (SELECT FROM pg_rewrite w
            JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
            LEFT JOIN pg_class t ON d.refclassid = 'pg_class'::regclass AND t.oid = d.refobjid
            WHERE w.ev_class = c.oid AND (t.oid IS NULL OR t.relnamespace <> c.relnamespace))
        FROM pg_class c WHERE c.relnamespace = %s::regnamespace AND c.relname = ANY(%s)
    """
    found = _rows(query, SCHEMA, sorted({*LEASES, *CLAIMS, *DIRECTORY}))
    return {name: view_text(text) if text and is_plain else "" for name, text, is_plain in found}


@cache
def _made(file: str) -> dict[str, Any]:
    """What a migrated database has: of each table its policies, or of each view its definition, as digests.
    ``make guards`` writes the files."""
    text = resources.files("handrail.access").joinpath(file).read_text(encoding="utf-8")
    made: dict[str, Any] = json.loads(text)
    return made


def _sequences() -> Iterator[str]:
    """Ids come from sequences: one that was set back gives ids that are taken, so that nothing can be added."""
    query = """
        SELECT c.relname, a.attname, s.seqincrement, s.seqcycle, s.seqrelid::regclass::text FROM pg_sequence s
        JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.deptype IN ('a', 'i')
        JOIN pg_class c ON c.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
        WHERE c.relnamespace = %s::regnamespace AND c.relname = ANY(%s) ORDER BY 1
    """
    for table, column, step, cycles, sequence in _rows(query, SCHEMA, sorted(RIGHTS)):
        if step != 1 or cycles:
            yield f"The sequence of {table} doesn't count up by one."
        quoted = _quoted(column)
        behind = f"""
            SELECT max(t.{quoted}) > coalesce(pg_sequence_last_value(%s::regclass), 0) FROM {SCHEMA}.{_quoted(table)} t
        """  # noqa: S608 - names of the catalog, quoted
        if _rows(behind, sequence)[0][0]:
            yield f"The sequence of {table} is behind its ids."


def _triggers() -> Iterator[str]:
    """On tables that the log does not guard Handrail has none."""
    query = """
        SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = %s::regnamespace AND c.relname = ANY(%s) AND NOT t.tgisinternal
        UNION SELECT tablename, rulename FROM pg_rules WHERE schemaname = %s AND tablename = ANY(%s) ORDER BY 1, 2
    """
    free = sorted(set(RIGHTS) - guarded_tables())
    for table, name in _rows(query, SCHEMA, free, SCHEMA, free):
        yield f"The trigger or rule {name} on {table} is not one of Handrail's."


def _elsewhere() -> Iterator[str]:
    """What writes here from another server, or acts when tables are changed."""
    subscriptions = """
        SELECT subname FROM pg_subscription
        WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1
    """
    for (name,) in _rows(subscriptions):
        yield f"The subscription {name} writes rows of another server into this database."
    events = f"""
        SELECT e.evtname FROM pg_event_trigger e JOIN pg_proc f ON f.oid = e.evtfoid
        WHERE e.evtenabled <> 'D' AND f.pronamespace = %s::regnamespace AND NOT {_OF_EXTENSION} ORDER BY 1
    """  # noqa: S608 - a constant
    for (name,) in _rows(events, SCHEMA):
        yield f"The event trigger {name} acts whenever tables are changed."


def _tables(serving: str) -> Iterator[str]:
    """What the role may do by any way: a grant, one to PUBLIC, or a role that it is a member of."""
    query = """
        SELECT c.relname, p.privilege FROM pg_class c,
        unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) WITH ORDINALITY p (privilege, place)
        WHERE c.relnamespace = %s::regnamespace AND c.relname = ANY(%s)
        AND has_table_privilege(%s, c.oid, p.privilege) ORDER BY c.relname, p.place
    """
    for table, privilege in _rows(query, SCHEMA, sorted([*RIGHTS, *views()]), serving):
        if privilege not in _allowed(RIGHTS.get(table)):
            yield f"{serving} has {privilege} on {table}."


def _allowed(rights: Rights | None) -> set[str]:
    if rights is None:
        return set()
    given = {"INSERT": rights.insert, "UPDATE": rights.update == (ALL,), "DELETE": rights.delete}
    return {privilege for privilege, is_given in given.items() if is_given}


def _columns(serving: str) -> Iterator[str]:
    query = """
        SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = %s::regnamespace AND c.relname = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped
        AND has_column_privilege(%s, c.oid, a.attnum, 'UPDATE') AND NOT has_table_privilege(%s, c.oid, 'UPDATE')
        ORDER BY 1, 2
    """
    for table, column in _rows(query, SCHEMA, sorted([*RIGHTS, *views()]), serving, serving):
        if column not in _changeable(table):
            yield f"{serving} may change {column} of {table}."


def _changeable(table: str) -> tuple[str, ...]:
    if table not in RIGHTS:
        return CLAIMS[table].update if table in CLAIMS else ()
    rights = RIGHTS[table]
    return rights.update or (("id",) if rights.lock else ())


def _hidden(serving: str) -> Iterator[str]:
    """Tables of the same name that this role's statements would find first: a schema named like the role."""
    query = """
        SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relname = ANY(%s) ORDER BY 2
    """
    for schema, table in _rows(query, serving, sorted([*RIGHTS, *views()])):
        yield f"The schema {schema} has a {table} too, which hides that of {SCHEMA}."


def _functions() -> Iterator[str]:
    """Handrail has none that run with the rights of the role that made them."""
    query = f"""
        SELECT proname FROM pg_proc f WHERE prosecdef AND pronamespace = %s::regnamespace AND NOT {_OF_EXTENSION}
        ORDER BY 1
    """  # noqa: S608 - a constant
    for (name,) in _rows(query, SCHEMA):
        yield f"The function {name} runs with its owner's rights."


def _settings(serving: str) -> Iterator[str]:
    query = """
        SELECT DISTINCT split_part(one, '=', 1) FROM pg_db_role_setting s, unnest(s.setconfig) one
        WHERE s.setrole IN (0, to_regrole(%s)::oid)
        AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        AND one NOT IN ('search_path=public', 'search_path="$user", public') ORDER BY 1
    """
    for (name,) in _rows(query, _quoted(serving)):
        if name.startswith(_TELLING):
            yield f"The setting {name} is kept for {serving} or its database."


def _quoted(name: str) -> str:
    quoted: str = connection.ops.quote_name(name)
    return quoted


def _rows(query: str, *parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, list(parameters))
        return list(cursor.fetchall())
