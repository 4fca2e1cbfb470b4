"""The demo's database, blank at every start: migrated once, then copied from a template in a moment."""

from __future__ import annotations

import hashlib

import psycopg
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from handrail.access import evidence
from handrail.cli import installation, migrations


def make_blank() -> None:
    """Throws away what the last demo left. The first time, and after new migrations, it migrates; else it copies."""
    evidence.forget_mark()
    with installation.as_owner():
        _make_blank(_template_name())


def _make_blank(template: str) -> None:
    settings = connection.settings_dict
    name = settings["NAME"]
    connections.close_all()
    server = {"host": settings["HOST"], "port": settings["PORT"], "user": settings["USER"], "dbname": "postgres"}
    with psycopg.connect(**{key: value for key, value in server.items() if value}, autocommit=True) as admin:
        known = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template]).fetchone()
        _drop(admin, name)
        if known:
            _copy(admin, name, template)
            return
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        migrations.apply()
        connections.close_all()
        _copy(admin, template, name)


def _template_name() -> str:
    """Named after the migrations that this version has, so that a template of another version is never copied."""
    known = MigrationLoader(None).disk_migrations
    text = "\n".join([*sorted(f"{app}.{name}" for app, name in known), installation.rights_digest()])
    return "blank_" + hashlib.sha256(text.encode()).hexdigest()[:16]


def _drop(admin: psycopg.Connection, name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _copy(admin: psycopg.Connection, name: str, template: str) -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
    admin.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
