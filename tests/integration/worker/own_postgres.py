"""An embedded PostgreSQL of one test's own, which the test may stop and start."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.db import connection

from handrail.conf import database
from handrail.conf.postgres import server
from tests.factories import postgres


class OwnPostgres:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.url: str = database.embedded(directory)

    def migrate(self) -> None:
        """Points this process's default connection here, and makes the tables."""
        settings = database.settings(self.url)
        connection.close()
        connection.settings_dict |= {key: settings[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
        call_command("migrate", verbosity=0)

    def restart(self) -> None:
        """Ends every connection, stops the server, and starts it again on the same data."""
        self.stop()
        server.use(self._directory)

    def stop(self) -> None:
        postgres.stop(self._directory)


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    directory = Path(tempfile.mkdtemp(prefix="handrail-own-")).resolve()
    before = dict(connection.settings_dict)
    own = OwnPostgres(directory)
    try:
        yield own
    finally:
        connection.close()
        connection.settings_dict |= before
        own.stop()
        shutil.rmtree(directory, ignore_errors=True)
