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
from functools import partial
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from handrail.kernel.scope import entered
from handrail.runbooks.models import OperationRun
from handrail.worker import pooling
from tests.factories.board_server import serving
from tests.factories.installation import Installation
from tests.factories.switches import SwitchBoard
from tests.integration.worker.processes import environment, wait_until, worker, write_config

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


def test_workers_behind_session_pooling_prepare_hold_their_lock_and_leave_nothing_to_the_next(  # type: ignore[no-untyped-def]
    through, tmp_path: Path
) -> None:
    """The second worker is given the sessions that the first, which was killed, has left: PgBouncer discards what was
    prepared and locked in them."""
    board, estate = SwitchBoard(), Installation().runs
    name, user = connection.settings_dict["NAME"], connection.settings_dict["USER"]
    direct = {key: connection.settings_dict[key] for key in ("HOST", "PORT")}
    with through("session") as port, serving(board) as server:
        connection.close()
        connection.settings_dict |= direct  # the test itself looks past the pooler
        url = f"postgresql://{user}@127.0.0.1:{port}/{name}"
        env = environment(write_config(tmp_path, server.url), url)
        sessions: set[int] = set()
        for number in range(2):
            board.add(f"s{number}", owner=estate.tenant.key)
            run = estate.start(f"TASK-{number}", f"s{number}")
            with worker(env) as process:
                wait_until(partial(_has_completed, run.pk), seconds=60, what="the run completed")
                wait_until(lambda: len(_held()) == 1, seconds=60, what="the lock of the living worker alone was held")
                assert _held().isdisjoint(sessions)
                sessions |= _held()
                process.kill()
        wait_until(lambda: not _held(), seconds=60, what="the lock of the killed worker was free")
    assert len(sessions) == 2


def _has_completed(run: int) -> bool:
    return OperationRun.objects.get(pk=run).state == "completed"


def _held() -> set[int]:
    """The sessions of workers whose advisory lock is held."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT w.session FROM work_worker w WHERE w.holds_lock AND EXISTS (SELECT FROM pg_locks l"
            " WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint << 32 | l.objid::bigint = w.session)"
        )
        return {session for (session,) in cursor.fetchall()}


def test_web_processes_behind_transaction_pooling_prepare_nothing(through) -> None:  # type: ignore[no-untyped-def]
    """What a page or the webhook does, from whichever session of the server it is given; and no settings stay there."""
    estate = Installation().runs
    with through("transaction"):
        for number in range(4):
            estate.start(f"WEB-{number}", f"s{number}")
            with entered(estate.worker.scope):
                assert OperationRun.objects.filter(task_key=f"WEB-{number}").exists()
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*), current_setting('handrail.workspace', true) FROM pg_prepared_statements"
                )
                assert cursor.fetchone() in ((0, ""), (0, None))
