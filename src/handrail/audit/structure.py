"""Columns, constraints and indexes of the guarded tables, and what could be called in place of PostgreSQL's own
operators and functions.

A column that may be empty, a constraint that is gone, or an operator that finds other rows equal changes what the log
can be made to say, and no trigger sees it. ``guards`` compares it all with a migrated database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from django.db import connection

Finding = tuple[str, str]
Structure = dict[str, dict[str, str]]
"""Table → name → text: a column's type and rules, or a digest of a constraint."""

# Versions of PostgreSQL print brackets, casts and the names of tables before columns differently.
QUALIFIED = re.compile(r"\b\w+\.(?=[\w*])")
SPELLING = re.compile(r"[\s()]|::\w+")
# A constraint that was dumped and restored has its casts elsewhere.
_CASTS = re.compile(r"::(character varying|timestamp with time zone|double precision|\w+)(\(\d+\))?(\[\])?")


def columns(tables: Iterable[str]) -> Structure:
    """Type, whether it may be empty, collation and identity of each column."""
    query = """
        SELECT c.relname, a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
               CASE WHEN a.attnotnull THEN 'not null' END, CASE a.attidentity WHEN '' THEN NULL ELSE 'identity' END,
               CASE WHEN l.collname <> 'default' THEN l.collname END)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_collation l ON l.oid = a.attcollation
        WHERE c.relname = ANY(%s) AND pg_table_is_visible(c.oid) AND a.attnum > 0 AND NOT a.attisdropped
    """
    return _by_table(rows(query, list(tables)))


def constraints(tables: Iterable[str]) -> Structure:
    """The constraints that are in effect, by name. PostgreSQL has those of columns that may not be empty among them
    since version 18: they are the columns' here."""
    query = """
        SELECT c.relname, o.conname, pg_get_constraintdef(o.oid)
        FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid LEFT JOIN pg_index i ON i.indexrelid = o.conindid
        WHERE c.relname = ANY(%s) AND pg_table_is_visible(c.oid) AND o.contype IN ('p', 'u', 'c', 'f', 'x')
        AND o.convalidated AND to_jsonb(o) ->> 'conenforced' IS DISTINCT FROM 'false'
        AND (o.contype IN ('c', 'f') OR (i.indisvalid AND i.indisready AND i.indislive AND i.indisunique))
    """
    found = rows(query, list(tables))
    return _by_table((table, name, digest(SPELLING.sub("", _CASTS.sub("", text)))) for table, name, text in found)


def differences(expected: Mapping[str, Mapping[str, Any]], named: Mapping[str, set[str]]) -> Iterator[Finding]:
    """Columns and constraints that are not as ``expected``. ``named``: constraints, by table, that others look at."""
    present, in_effect = columns(expected), constraints(expected)
    for table, guards in sorted(expected.items()):
        here = present.get(table, {})
        for name, text in sorted(guards["columns"].items()):
            if here.get(name) != text:
                yield table, f"The column {name} of {table} is {here.get(name, 'missing')}, not {text}."
        texts = set(in_effect.get(table, {}).values())
        for name, text in sorted(guards["constraints"].items()):
            if text not in texts and name not in named.get(table, ()):
                yield table, f"The constraint {name} on {table} is missing, changed or not in effect."
        for name, text in sorted(in_effect.get(table, {}).items()):
            if text not in guards["constraints"].values():
                yield table, f"The constraint {name} on {table} is not one of the migrations: it can refuse rows."
    yield from _invalid_indexes(expected)


def _invalid_indexes(tables: Iterable[str]) -> Iterator[Finding]:
    query = """
        SELECT c.relname, n.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_class n ON n.oid = i.indexrelid
        WHERE c.relname = ANY(%s) AND pg_table_is_visible(c.oid) AND i.indisunique
        AND NOT (i.indisvalid AND i.indisready AND i.indislive) ORDER BY 1, 2
    """
    for table, index in rows(query, sorted(tables)):
        yield table, f"The unique index {index} on {table} is not in use."


def lookalikes() -> Iterator[Finding]:
    """PostgreSQL prefers what fits the types best, wherever it is: an operator ``=`` or a function ``to_jsonb`` of
    somebody else's would be called in place of its own. Those of extensions are left alone, if a superuser owns them:
    who has made an extension can add objects of their own to it."""
    query = """
        SELECT 'operator', o.oprname, n.nspname FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
        WHERE n.nspname = ANY(current_schemas(false)) AND n.nspname <> 'pg_catalog'
        AND EXISTS (SELECT FROM pg_operator p
                    WHERE p.oprname = o.oprname AND p.oprnamespace = 'pg_catalog'::regnamespace)
        AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_roles s ON s.oid = o.oprowner AND s.rolsuper
                        WHERE d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e')
        UNION SELECT 'function', f.proname, n.nspname FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
        WHERE n.nspname = ANY(current_schemas(false)) AND n.nspname <> 'pg_catalog'
        AND EXISTS (SELECT FROM pg_proc p WHERE p.proname = f.proname AND p.pronamespace = 'pg_catalog'::regnamespace)
        AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_roles s ON s.oid = f.proowner AND s.rolsuper
                        WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e')
        UNION SELECT 'cast', format_type(t.castsource, NULL) || ' as ' || format_type(t.casttarget, NULL),
               'the database' FROM pg_cast t WHERE t.oid >= 16384
        AND EXISTS (SELECT FROM pg_type p WHERE p.oid IN (t.castsource, t.casttarget) AND p.oid < 16384)
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_cast'::regclass AND d.objid = t.oid
                        AND d.deptype = 'e' AND NOT EXISTS (
                            SELECT FROM pg_type p JOIN pg_roles s ON s.oid = p.typowner AND NOT s.rolsuper
                            WHERE p.oid IN (t.castsource, t.casttarget)))
        ORDER BY 1, 2, 3
    """
    for kind, name, schema in rows(query):
        yield "", f"The {kind} {name} of {schema} can be taken for PostgreSQL's own."


def view_text(definition: str) -> str:
    """A digest of what ``pg_get_viewdef`` gives, alike in all versions of PostgreSQL and for every search path."""
    return digest(SPELLING.sub("", QUALIFIED.sub("", definition)))


def digest(*parts: object) -> str:
    return "sha256:" + sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()


def rows(query: str, *parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, list(parameters) or None)
        return list(cursor.fetchall())


def _by_table(found: Iterable[tuple[str, str, str]]) -> Structure:
    tables: Structure = {}
    for table, name, text in found:
        tables.setdefault(table, {})[name] = text
    return tables
