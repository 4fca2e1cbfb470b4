"""Whether the database still guards the tables of the log as the migrations left them.

``guards.json`` has, for each table that a trigger of ours guards, the triggers with a digest of their functions, its
row policies, and the view that shows what its leaves are made of. A test compares it with a migrated database;
``make guards`` writes it. What is found differs from it in a way that lets rows be changed, dropped on arrival or
hidden: CF-40 of docs/reference/checkpoint-format.md.

Somebody who owns the tables can take a guard away, change rows, and put it back between two looks. So this shows what
is open now; what was changed meanwhile shows in the log itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import chain
from typing import Any

from django.apps import apps
from django.db import connection

from handrail.audit import sources, structure
from handrail.audit.differences import Difference, DifferenceKind
from handrail.audit.sources import LEAF_VIEW
from handrail.audit.structure import SPELLING, Finding, digest, rows

FILE = "guards.json"
ALWAYS = "A"
_MODES = {"D": "disabled", "O": "not enabled for replication", "R": "enabled for replication only"}

_MIGRATION = re.compile(r"\d{4}_.*\.py$")
Guards = dict[str, dict[str, Any]]
"""Table → {"triggers": {name: "type function digest"}, "policies": {name: digest}, "row_security": off|on|forced,
"view": digest or "", "columns": {name: text}, "constraints": {name: digest}}."""


@dataclass(frozen=True, slots=True)
class LeafView:
    """``plain``: a view with its owner's rights, of that one table alone and of no function but PostgreSQL's."""

    text: str
    owner: str
    plain: bool


@dataclass(frozen=True, slots=True)
class Trigger:
    table: str
    name: str
    mode: str
    text: str
    internal: bool


def expected() -> Guards:
    """What the migrations of this version make."""
    return _expected()


def differences() -> list[Difference]:
    """Everything that guards less than it should, or could; empty while all is well."""
    stray = _migrations()
    looks = (_tables, _triggers, _constraints, _structure, _hiding, _leaf_views, _settings, structure.lookalikes)
    found = [stray] if stray else list(chain.from_iterable(look() for look in looks))
    names = {source.table: source.name for source in sources.known()}
    return [Difference(DifferenceKind.GUARD, message, source=names.get(table)) for table, message in found]


def current() -> Guards:
    """The guards of this database, as ``guards.json`` has them."""
    tables: Guards = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE 'handrail%'")
        names = sorted(name for (name,) in cursor.fetchall())
    by_name, security, views = policies(names), _row_security(names), _read_leaf_views()
    columns, constraints = structure.columns(names), structure.constraints(names)
    for trigger in _read_triggers(names):
        if not trigger.internal:
            table = tables.setdefault(
                trigger.table, {"triggers": {}, "policies": {}, "row_security": "off", "view": ""}
            )
            table["triggers"][trigger.name] = trigger.text
    for name, table in tables.items():
        table["policies"] = by_name.get(name, {})
        table["row_security"] = security[name]
        table["view"] = views[name].text if name in views else ""
        table["columns"] = columns.get(name, {})
        table["constraints"] = constraints.get(name, {})
    return tables


@cache
def _expected() -> Guards:
    text = resources.files("handrail.audit").joinpath(FILE).read_text(encoding="utf-8")
    guards: Guards = json.loads(text)
    return guards


def _migrations() -> Finding | None:
    """Triggers can be compared only where code and database are of one version."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations WHERE app = ANY(%s)", [sorted(_files())])
        applied = {(app, name) for app, name in cursor.fetchall()}
    if applied == {(app, name) for app, names in _files().items() for name in names}:
        return None
    message = "The database has other migrations than this version, so its triggers can't be compared. "
    return "django_migrations", f"{message}Run: handrail migrate, with the newest version in use"


@cache
def _files() -> Mapping[str, frozenset[str]]:
    """The names of our own migrations, by app."""
    found = {}
    for config in apps.get_app_configs():
        if config.name.startswith("handrail."):
            directory = resources.files(config.name).joinpath("migrations")
            if directory.is_dir():
                names = (entry.name for entry in directory.iterdir())
                found[config.label] = frozenset(name[:-3] for name in names if _MIGRATION.match(name))
    return found


def _tables() -> Iterator[Finding]:
    """Each is one ordinary table, all of one owner, under a name that nothing else takes first."""
    names = sorted(expected())
    query = """
        SELECT c.relname, n.nspname, c.relkind, c.relpersistence, pg_get_userbyid(c.relowner), c.oid
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = ANY(%s) AND n.nspname = ANY(current_schemas(true))
        ORDER BY c.relname, array_position(current_schemas(true), n.nspname)
    """
    found: dict[str, list[tuple[str, str, str, str]]] = {}
    for name, schema, kind, persistence, owner, _ in rows(query, names):
        found.setdefault(name, []).append((schema, kind, persistence, owner))
    owners = [here[-1][3] for here in found.values()]
    usual = max(sorted(set(owners)), key=owners.count) if owners else ""
    for name in names:
        here = found.get(name, [])
        if not here:
            yield name, f"The table {name} is not there."
            continue
        if len(here) > 1:
            yield name, f"The schema {here[0][0]} has a {name} too, which hides that of {here[-1][0]}."
        _, kind, persistence, owner = here[-1]
        if kind != "r" or persistence != "p":
            yield name, f"{name} is not an ordinary table."
        if owner != usual:
            yield name, f"{name} belongs to {owner}, all others to {usual}."


def _triggers() -> Iterator[Finding]:
    present: dict[str, dict[str, Trigger]] = {}
    for trigger in _read_triggers(sorted(expected())):
        if not trigger.internal:
            present.setdefault(trigger.table, {})[trigger.name] = trigger
        elif trigger.mode in "DR":
            yield trigger.table, f"A foreign key's trigger on {trigger.table} is disabled."
    for table, guards in sorted(expected().items()):
        here = present.get(table, {})
        for name, text in sorted(guards["triggers"].items()):
            found = here.get(name)
            if found is None:
                yield table, f"The trigger {name} on {table} is missing."
            elif found.text != text:
                yield table, f"The trigger {name} on {table}, or its function, is not the one of the migrations."
            elif found.mode != ALWAYS:
                yield table, f"The trigger {name} on {table} is {_MODES.get(found.mode, found.mode)}."
        for name in sorted(here.keys() - guards["triggers"].keys()):
            yield table, f"The trigger {name} on {table} is not one of the migrations."


def _constraints() -> Iterator[Finding]:
    """The constraints that the models name: a decision by one person, or a second leaf of a row, must be impossible."""
    query = """
        SELECT c.relname, o.conname FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
        WHERE o.convalidated AND to_jsonb(o) ->> 'conenforced' IS DISTINCT FROM 'false'
        UNION SELECT c.relname, n.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_class n ON n.oid = i.indexrelid WHERE i.indisunique AND i.indisvalid
    """
    present = set(rows(query))
    for model in sorted(apps.get_models(), key=lambda model: model._meta.db_table):
        table = model._meta.db_table
        for constraint in model._meta.constraints if table in expected() else ():
            if (table, constraint.name) not in present:
                yield table, f"The constraint {constraint.name} on {table} is missing, or not in effect."


def _structure() -> Iterator[Finding]:
    """Columns and constraints as the migrations made them; those that models name are looked at above."""
    named = {
        model._meta.db_table: {constraint.name for constraint in model._meta.constraints} for model in apps.get_models()
    }
    yield from structure.differences(expected(), named)


def _hiding() -> Iterator[Finding]:
    """What could change rows on their way in or out: rules, policies, children, defaults."""
    names = sorted(expected())
    for table, rule in rows("SELECT tablename, rulename FROM pg_rules WHERE tablename = ANY(%s) ORDER BY 1, 2", names):
        yield table, f"The rule {rule} on {table} rewrites queries."
    present, security = policies(names), _row_security(names)
    for table, guards in sorted(expected().items()):
        for name, text in sorted(present.get(table, {}).items()):
            if guards["policies"].get(name) != text:
                yield table, f"The row policy {name} on {table} is not one of the migrations: it can hide rows."
        if security.get(table, "off") != "off" and not present.get(table):
            yield table, f"Row security on {table} without a policy hides its rows."
    inherits = """
        SELECT p.relname, c.relname FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
        JOIN pg_class c ON c.oid = i.inhrelid WHERE p.relname = ANY(%s) OR c.relname = ANY(%s) ORDER BY 1, 2
    """
    for parent, child in rows(inherits, names, names):
        yield (parent if parent in names else child), f"{child} inherits from {parent}."
    columns = """
        SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relname = ANY(%s) AND pg_table_is_visible(c.oid) AND a.attnum > 0 AND NOT a.attisdropped
        AND (a.atthasdef OR a.attgenerated <> '') ORDER BY 1, 2
    """
    for table, column in rows(columns, names):
        yield table, f"The database itself fills in {column} of {table}."


def _leaf_views() -> Iterator[Finding]:
    """Rows are compared with their leaves by these views: one that is changed could show a row as it was."""
    names = {source.table: source.view for source in sources.known()}
    present = _read_leaf_views()
    query = (
        "SELECT relname, pg_get_userbyid(relowner) FROM pg_class WHERE relname = ANY(%s) AND pg_table_is_visible(oid)"
    )
    owners = dict(rows(query, sorted(names)))
    for table, name in sorted(names.items()):
        found = present.get(table)
        if found is None:
            yield table, f"The view {name} is missing. Run: handrail migrate"
        elif not found.plain or found.text != expected()[table]["view"]:
            yield table, f"The view {name} is not the one of this version: it can hide changes of rows."
        elif found.owner != owners.get(table):
            yield table, f"The view {name} belongs to {found.owner}, and {table} to {owners.get(table)}."


def _settings() -> Iterator[Finding]:
    """Triggers are ALWAYS, so this switches none of them off; but nothing of Handrail needs it."""
    query = """
        SELECT coalesce(r.rolname, 'every role') FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
        WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        AND EXISTS (SELECT FROM unnest(s.setconfig) one WHERE one LIKE 'session_replication_role=%%'
                    AND one <> 'session_replication_role=origin') ORDER BY 1
    """
    for (role,) in rows(query):
        yield "", f"session_replication_role is set for {role}: foreign keys are not checked."


def _read_triggers(tables: Iterable[str]) -> list[Trigger]:
    query = """
        SELECT c.relname, t.tgname, t.tgenabled, t.tgtype, t.tgisinternal, p.proname, p.prosrc, l.lanname,
               p.prosecdef, coalesce(p.proconfig::text, ''), coalesce(t.tgqual::text, ''), t.tgnargs, t.tgattr::text
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
        JOIN pg_language l ON l.oid = p.prolang
        WHERE c.relname = ANY(%s) AND pg_table_is_visible(c.oid) ORDER BY c.relname, t.tgname
    """
    return [
        Trigger(table, name, mode, f"{kind} {function} {digest(*text)}", internal)
        for table, name, mode, kind, internal, function, *text in rows(query, list(tables))
    ]


def policies(tables: Iterable[str]) -> dict[str, dict[str, str]]:
    """The row policies of each table by name, each with a digest of what it says."""
    query = """
        SELECT c.relname, p.polname, p.polcmd, p.polpermissive, coalesce(pg_get_expr(p.polqual, p.polrelid), ''),
               coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')
        FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        WHERE c.relname = ANY(%s) AND pg_table_is_visible(c.oid) ORDER BY 1, 2
    """
    found: dict[str, dict[str, str]] = {}
    for table, name, *text in rows(query, list(tables)):
        found.setdefault(table, {})[name] = digest(*(SPELLING.sub("", str(part)) for part in text))
    return found


def _read_leaf_views() -> dict[str, LeafView]:
    """The views of leaves, by their tables."""
    query = """
        SELECT c.relname, c.relkind, pg_get_userbyid(c.relowner), c.reloptions IS NULL, pg_get_viewdef(c.oid),
        (SELECT count(*) FROM pg_rewrite w WHERE w.ev_class = c.oid),
        NOT EXISTS (SELECT FROM pg_rewrite w
            JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid WHERE w.ev_class = c.oid
            AND (d.refclassid <> 'pg_class'::regclass
                OR d.refobjid NOT IN (c.oid, to_regclass('public.' || substr(c.relname, length(%s) + 1))::oid)))
        FROM pg_class c WHERE c.relname = ANY(%s) AND pg_table_is_visible(c.oid)
    """
    tables = {source.view: source.table for source in sources.known()}
    found = {}
    for name, kind, owner, usual, text, rules, alone in rows(query, LEAF_VIEW, sorted(tables)):
        plain = (kind, usual, rules, alone) == ("v", True, 1, True)
        found[tables[name]] = LeafView(structure.view_text(text or ""), owner, plain)
    return found


def _row_security(tables: Iterable[str]) -> dict[str, str]:
    query = """
        SELECT relname, CASE WHEN NOT relrowsecurity THEN 'off' WHEN relforcerowsecurity THEN 'forced' ELSE 'on' END
        FROM pg_class WHERE relname = ANY(%s) AND pg_table_is_visible(oid)
    """
    return dict(rows(query, list(tables)))
