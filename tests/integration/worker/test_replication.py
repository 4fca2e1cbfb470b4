"""Two PostgreSQL servers, one of which takes writes: named in one URL, found, and told apart."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.db import connection

from handrail.cli import checks, database_server
from handrail.conf import database
from handrail.conf.config import Config, DatabaseSection
from handrail.connectors.finding import Finding
from handrail.kernel.errors import HandrailError
from tests.chaos.cluster import Cluster, own_programs

pytestmark = [pytest.mark.peer, pytest.mark.requirement("R2-20", "R2-33")]


@contextmanager
def pair() -> Iterator[tuple[Cluster, Cluster]]:
    """A primary, and a standby that has each commit before it counts."""
    with TemporaryDirectory(prefix="handrail-pair-", ignore_cleanup_errors=True) as text:
        Path(text).chmod(0o711)
        primary = Cluster(own_programs(), Path(text) / "primary")
        primary.make()
        primary.start()
        standby = primary.copy("standby")
        standby.start()
        try:
            yield primary, standby
        finally:
            for server in (primary, standby):
                server.stop(signal.SIGQUIT)


@contextmanager
def reached(*servers: Cluster) -> Iterator[None]:
    places = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    settings = database.settings(f"postgresql://postgres@{places}/postgres")
    before = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict |= {key: settings[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict |= before


def port() -> int:
    connection.ensure_connection()
    return int(connection.connection.info.port)


def standby_finding() -> Finding:
    networked = Config(database=DatabaseSection(url="postgresql://one,two/x"))
    return next(found for found in database_server.findings(networked) if found.name == "standby")


@pytest.mark.usefixtures("committed_db")
def test_whichever_of_two_servers_takes_writes_is_found_and_told_apart() -> None:
    with pair() as (primary, standby), reached(standby, primary):
        assert port() == primary.port
        found = standby_finding()
        assert (found.ok, "commits don't wait for a standby" in found.message) == (False, True)
        with primary.connection() as admin:
            admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            admin.execute("SELECT pg_reload_conf()")
        connection.close()
        found = standby_finding()
        assert (found.ok, f"127.0.0.1 port {primary.port}, one of 2 servers, takes the writes" in found.message) == (
            True,
            True,
        )
        primary.stop(signal.SIGKILL)
        connection.close()
        with pytest.raises(HandrailError, match="is a standby, which takes no writes"):
            checks.database()
        standby.promote()
        assert port() == standby.port
