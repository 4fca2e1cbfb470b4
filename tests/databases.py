"""Databases for tests: one migrated template by the migrations' hash, kept between runs, and clones of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connection

from handrail.conf import roles

ROOT = Path(__file__).resolve().parents[1]
PREFIX = "handrail_template_"
ADVISORY_LOCK = 7_263_114
# What brings migrations besides ours.
OTHERS = ("django", "django-allauth")


@contextmanager
def server() -> Iterator[psycopg.Connection[Any]]:
    """The server that tests use, outside any test's database."""
    settings = connection.settings_dict
    reached = {"host": settings["HOST"], "user": settings["USER"], "dbname": "postgres"}
    reached |= {k: v for k, v in {"password": settings["PASSWORD"], "port": settings["PORT"]}.items() if v}
    with psycopg.connect(**reached, autocommit=True) as admin:
        yield admin


def template() -> str:
    """The name of the migrated template, made if no run before this one had the same migrations.

    Of two processes that ask at once, one makes it and the other waits.
    """
    name = PREFIX + _digest()
    with server() as admin:
        admin.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        roles.make(admin)
        known = [row[0] for row in admin.execute("SELECT datname FROM pg_database").fetchall()]
        if name not in known:
            for outdated in (one for one in known if one.startswith(PREFIX)):
                with suppress(psycopg.Error):  # another session is cloning it
                    admin.execute(f'DROP DATABASE "{outdated}"')
            _migrate(admin, name)
    return name


@contextmanager
def clone(of: str) -> Iterator[str]:
    """A database like ``of``, which nobody may be connected to, for as long as the block lasts; its name."""
    name = f"test_handrail_{os.getpid()}_{next(tempfile._get_candidate_names())}".lower()  # type: ignore[attr-defined]
    with server() as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{of}"')
    try:
        yield name
    finally:
        with server() as admin, suppress(psycopg.Error):
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def connected(name: str) -> Iterator[None]:
    """Django works on the database ``name``."""
    settings = connection.settings_dict
    before = settings["NAME"]
    connection.close()
    settings["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        settings["NAME"] = before


def url(name: str) -> str:
    """How another process reaches the database ``name``."""
    settings = connection.settings_dict
    port = f"&port={settings['PORT']}" if settings["PORT"] else ""
    return f"postgresql://{settings['USER']}:{settings['PASSWORD']}@/{name}?host={settings['HOST']}{port}"


def as_role(url: str, role: str) -> str:
    """``url`` with another role, which the tests' own server lets in without a password."""
    user = connection.settings_dict["USER"]
    return url.replace(f"//{user}:", f"//{role}:", 1).replace(f"//{user}@", f"//{role}@", 1)


def as_serving(url: str) -> str:
    """``url`` as the role that serves, as an installation's processes have it: with its grants and under row security.

    A server that asks for passwords has none of it, and lets the superuser serve.
    """
    return url if connection.settings_dict["PASSWORD"] else as_role(url, roles.SERVING)


def connection_to(url: str) -> psycopg.Connection[Any]:
    """A superuser's connection to the database of ``url``, which commits by itself."""
    return psycopg.connect(url, autocommit=True)


def _digest() -> str:
    """Of everything that a fresh database is made from."""
    source = ROOT / "src" / "handrail"
    files = [*sorted(source.rglob("migrations/*.py")), source / "access/rights.py", source / "access/protection.py"]
    files += sorted(source.rglob("*sources.py"))
    parts = [f"{file.relative_to(ROOT)} {sha256(file.read_bytes()).hexdigest()}" for file in files]
    parts += [f"{name} {version(name)}" for name in OTHERS]
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def _migrate(admin: psycopg.Connection[Any], name: str) -> None:
    unfinished = f"{name}_unfinished"
    admin.execute(f'DROP DATABASE IF EXISTS "{unfinished}" WITH (FORCE)')
    admin.execute(f'CREATE DATABASE "{unfinished}"')
    with connected(unfinished):
        call_command("migrate", verbosity=0, run_syncdb=True, interactive=False)
        call_command("createcachetable", verbosity=0)
    admin.execute(f'ALTER DATABASE "{unfinished}" RENAME TO "{name}"')
    admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
