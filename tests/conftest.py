"""What every test stands on: a real PostgreSQL, and databases that are really committed to."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Gives every test session a database of its own, so that two sessions can run beside each other."""
    from django.db import connection

    name = connection.settings_dict["TEST"].get("NAME") or f"test_{connection.settings_dict['NAME']}"
    connection.settings_dict["TEST"]["NAME"] = f"{name}_{os.getpid()}"


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: Any, django_db_modify_db_settings: None
) -> Iterator[None]:
    """The migrated database, also for sessions whose tests only use clones of it."""
    from django.test.utils import setup_databases, teardown_databases

    with django_db_blocker.unblock():
        before = setup_databases(verbosity=0, interactive=False, aliases=["default"])
    yield
    with django_db_blocker.unblock():
        teardown_databases(before, verbosity=0)


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A database of this test's own, cloned from the migrated one, in which transactions really commit.

    Append-only tables refuse the TRUNCATE by which Django would clean up; a clone is dropped whole instead.
    Gives the clone's URL, for processes that the test starts.
    """
    import psycopg
    from django.db import connection

    with django_db_blocker.unblock():
        template = connection.settings_dict["NAME"]
        connection.close()
        clone = f"{template}_{next(tempfile._get_candidate_names())}".lower()
        settings = connection.settings_dict
        server = {"host": settings["HOST"], "user": settings["USER"], "dbname": "postgres"}
        server |= {k: v for k, v in {"password": settings["PASSWORD"], "port": settings["PORT"]}.items() if v}
        with psycopg.connect(**server, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{clone}" TEMPLATE "{template}"')
            settings["NAME"] = clone
            try:
                user, port = settings["USER"], settings["PORT"]
                yield (
                    f"postgresql://{user}:{settings['PASSWORD']}@/{clone}?host={settings['HOST']}"
                    + (f"&port={port}" if port else "")
                )
            finally:
                connection.close()
                settings["NAME"] = template
                with suppress(psycopg.Error):
                    admin.execute(f'DROP DATABASE "{clone}" WITH (FORCE)')
