"""Migrations under a lock of the whole database, so that machines that start together do not collide.

They run as the owner's role. Grants and row security follow them (``conf.apps``)."""

from __future__ import annotations

from contextlib import suppress

from django.core.management import call_command
from django.db import Error, ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor

from handrail.cli import installation
from handrail.kernel.errors import Misconfigured
from handrail.worker import pooling

NOT_MIGRATED = "The database is not migrated to this version. Run: handrail migrate"
# Any constant will do, so long as nothing else in this database takes the same advisory lock.
LOCK = 0x48616E647261696C


def apply() -> list[str]:
    """Applies what is pending and returns its names, in order. Waits while another process does the same.

    Raises Misconfigured ``transaction-pooling``, before it changes anything, where the owner's connection is through
    such a pooler: the lock would be taken in a session that somebody else is given, and stay there."""
    with installation.as_owner(), connection.cursor() as cursor:
        pooling.refuse(owner=True)
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            names = pending()
            if names:
                call_command("migrate", interactive=False, verbosity=0)
            else:
                installation.apply_rights()
            return names
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def pending() -> list[str]:
    """The migrations that this version has and the database lacks."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def require() -> None:
    """Raises Misconfigured while migrations are pending. A database that does not answer is left to those who wait."""
    with suppress(Error):
        try:
            missing = bool(pending())
        except ProgrammingError:  # the serving role can't even read which there are: rights follow migrations
            missing = True
        if missing:
            raise Misconfigured(NOT_MIGRATED, code="not-migrated")
