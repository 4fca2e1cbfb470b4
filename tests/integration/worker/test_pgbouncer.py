"""PgBouncer between workers and the database: session pooling is as good as none, transaction pooling is refused."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from handrail.worker import pooling
from tests.integration.worker.processes import environment, write_config

PROGRAM = shutil.which("pgbouncer", path=f"/usr/sbin:/usr/bin:{os.environ.get('PATH', '')}")
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(
        PROGRAM is None and not os.environ.get("CI"), reason="PgBouncer is not installed: apt-get install pgbouncer"
    ),
]


@contextmanager
def pgbouncer(directory: Path, mode: str) -> Iterator[int]:
    """Its port. It runs as the account that the database lets in."""
    assert PROGRAM is not None
    settings = connection.settings_dict
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    file = directory / "pgbouncer.ini"
    file.write_text(
        f"[databases]\n* = host={settings['HOST']} port={settings['PORT'] or 5432} user={settings['USER']}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\npool_mode = {mode}\nignore_startup_parameters = extra_float_digits,options\n"
    )
    for path in (file, directory, *directory.parents[:2]):
        path.chmod(path.stat().st_mode | 0o055)
    owner = Path(settings["HOST"]).owner()
    identity = ["--user", owner] if os.geteuid() == 0 else []
    process = subprocess.Popen([PROGRAM, *identity, file], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="x", dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("PgBouncer does not answer")


@pytest.fixture
def through(committed_db: str, tmp_path: Path) -> Iterator[object]:
    @contextmanager
    def pooled(mode: str) -> Iterator[int]:
        before = dict(connection.settings_dict)
        with pgbouncer(tmp_path, mode) as port:
            connection.close()
            connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": str(port)}
            try:
                yield port
            finally:
                connection.close()
                connection.settings_dict |= before

    return pooled


@pytest.mark.parametrize(("mode", "found"), [("session", False), ("transaction", True), ("statement", True)])
def test_pooling_by_transaction_is_noticed(through, mode: str, found: bool) -> None:  # type: ignore[no-untyped-def]
    with through(mode):
        assert pooling.by_transaction() is found


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_migrate_behind_such_pooling_exits_7_and_changes_nothing(through, tmp_path: Path, mode: str) -> None:  # type: ignore[no-untyped-def]
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'handrail_conf'")  # one is pending
    with through(mode) as port:
        url = f"postgresql://{connection.settings_dict['USER']}@127.0.0.1:{port}/{name}"
        env = environment(write_config(tmp_path, "http://127.0.0.1:9"), url)
        for command in ("migrate", "up"):
            run = [sys.executable, "-m", "handrail", command]
            done = subprocess.run(run, env=env, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 7, done.stderr
            assert "[transaction-pooling]" in done.stderr
            assert "Nothing was changed. Set [database] owner_url" in done.stderr
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert cursor.fetchone() == (0,)


def test_worker_behind_transaction_pooling_exits_7_with_a_sentence(through, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    name = connection.settings_dict["NAME"]
    with through("transaction") as port:
        url = f"postgresql://{connection.settings_dict['USER']}@127.0.0.1:{port}/{name}"
        env = environment(write_config(tmp_path, "http://127.0.0.1:9"), url)
        command = [sys.executable, "-m", "handrail", "worker"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 7
    assert "[transaction-pooling]" in done.stderr
    assert "Web processes may keep this one" in done.stderr
