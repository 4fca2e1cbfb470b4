"""``handrail check`` about the database: each fault is made for real, and named with what to do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from handrail.cli import checks, database_server
from handrail.conf import config
from handrail.conf.config import Config, DatabaseSection
from handrail.connectors.finding import Finding
from handrail.kernel.errors import HandrailError
from tests import databases
from tests.factories.postgres_gate import gate
from tests.unit.connectors.peers import certificate

SOCKET_ONLY = pytest.mark.skipif(
    "host=/" not in os.environ.get("DATABASE_URL", ""), reason="needs a server with a socket of this machine"
)
pytestmark = pytest.mark.requirement("R2-23")
NETWORKED = Config(database=DatabaseSection(url="postgresql://db/x"))


@contextmanager
def reached_by(**changes: Any) -> Iterator[None]:
    """Django reaches its database another way within the block."""
    settings = connection.settings_dict
    before = dict(settings)
    connection.close()
    settings |= changes
    try:
        yield
    finally:
        connection.close()
        settings |= before


def away() -> str:
    """What `check` says of a database that lets nobody in."""
    with pytest.raises(HandrailError) as caught:
        checks.database()
    return caught.value.message


def named(findings: Iterator[Finding], name: str) -> Finding:
    return next(finding for finding in findings if finding.name == name)


def the(name: str, of: Config = NETWORKED) -> Finding:
    return named(database_server.findings(of), name)


def test_database_that_is_not_there_is_named(committed_db: str) -> None:
    with reached_by(NAME="no_such_database"):
        assert "is responding, but has no database named no_such_database. Create it:" in away()


def test_role_that_may_not_log_in_is_named(committed_db: str) -> None:
    with reached_by(USER="no_such_role"):
        assert "is responding, but does not let the role no_such_role into the database" in away()


def test_server_that_does_not_answer_is_named(committed_db: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with reached_by(HOST="127.0.0.1", PORT=str(port)):
        assert away() == f"The database server is not responding at 127.0.0.1 port {port}."


def test_database_that_takes_no_more_connections_is_not_called_missing(committed_db: str) -> None:
    name = connection.settings_dict["NAME"]
    with databases.server() as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        with reached_by():
            assert "does not let the role" in away()


def test_socket_needs_no_encryption(committed_db: str) -> None:
    found = the("database transport")
    assert found.ok
    assert found.message == "The connection does not leave this machine."


def _address() -> str:
    """This machine's own, which is not the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


@SOCKET_ONLY
@pytest.mark.parametrize(
    ("tls", "mode", "ok", "message"),
    [
        (False, None, False, "unencrypted"),
        (False, "prefer", False, "unencrypted"),
        (True, "require", False, "its certificate is not verified (sslmode=require)"),
        (True, "verify-full", True, "TLS to"),
    ],
)
def test_way_over_a_network_must_be_encrypted_and_verified(
    committed_db: str, tmp_path: Path, *, tls: bool, mode: str | None, ok: bool, message: str
) -> None:
    host = _address()
    server, trusted = certificate(tmp_path, host=host)
    options = {"sslmode": mode, "sslrootcert": str(trusted)} if mode else {}
    directory = connection.settings_dict["HOST"]
    with (
        gate(host, directory, tls=server if tls else None) as port,
        reached_by(HOST=host, PORT=str(port), OPTIONS=options),
    ):
        found = the("database transport")
    assert (found.ok, message in found.message) == (ok, True)
    assert ("sslmode=verify-full" in found.fix) is not ok


@SOCKET_ONLY
def test_loopback_needs_no_encryption(committed_db: str) -> None:
    directory = connection.settings_dict["HOST"]
    with gate("127.0.0.1", directory) as port, reached_by(HOST="127.0.0.1", PORT=str(port)):
        assert the("database transport").ok


def test_direct_connection_keeps_its_session(committed_db: str) -> None:
    assert the("database sessions").ok


def test_connections_that_suffice_are_counted(committed_db: str) -> None:
    found = the("connections")
    assert found.ok
    assert found.message.startswith("One web process (33) and 2 workers (12 each) use up to 57 connections; ")


def test_connections_that_are_too_few_for_the_configuration(committed_db: str) -> None:
    many = config.parse("[web]\nthreads = 64\n[worker]\nconcurrency = 64")
    found = the("connections", many)
    assert not found.ok
    assert "use up to 217 connections" in found.message
    assert "Raise max_connections" in found.fix


def test_limit_of_the_database_counts(committed_db: str) -> None:
    name = connection.settings_dict["NAME"]
    with databases.server() as admin:
        admin.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 20')
    found = the("connections")
    assert not found.ok
    assert "; 20 are available" in found.message


@pytest.mark.parametrize(("offset", "ok"), [("0", True), ("5 seconds", False), ("-1 hour", False)])
def test_clock_of_the_database_that_is_apart(committed_db: str, offset: str, ok: bool) -> None:
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA shifted")
        cursor.execute(
            "CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
            f"$$ SELECT pg_catalog.clock_timestamp() + interval '{offset}' $$"
        )
        cursor.execute(f'ALTER DATABASE "{name}" SET search_path = shifted, pg_catalog, public')
    with reached_by():
        found = named(iter(checks.database()), "clock")
    assert found.ok is ok
    assert (found.fix == "") is ok


@SOCKET_ONLY
def test_embedded_database_is_named_with_its_version(committed_db: str) -> None:
    found = the("embedded database", Config())
    assert found.ok
    assert found.message.startswith("PostgreSQL 18.")


def test_embedded_database_that_can_not_start_is_named_as_such(tmp_path: Path) -> None:
    directory = tmp_path / "var" / "postgres"
    directory.mkdir(parents=True, mode=0o700)
    (directory / "PG_VERSION").write_text("16\n")
    if os.geteuid() == 0:
        os.chown(directory, 65534, 65534)
    unset = ("DATABASE_URL", "HANDRAIL_CONFIG", "HANDRAIL_STATE_DIR")
    env = {name: value for name, value in os.environ.items() if name not in unset}
    command = [sys.executable, "-m", "handrail", "check", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (found,) = json.loads(done.stdout)
    assert (found["name"], found["ok"]) == ("embedded database", False)
    assert "was made by PostgreSQL 16" in found["message"]
    assert "[database] url" in found["fix"]


def test_one_server_needs_no_standby(committed_db: str) -> None:
    assert not [finding for finding in database_server.findings(NETWORKED) if finding.name == "standby"]
