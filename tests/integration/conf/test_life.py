"""The embedded server lives as long as a process that uses it, however that one ends; starts meet each other well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from handrail.conf import database
from handrail.conf.postgres import address, cluster, programs, server
from handrail.conf.postgres.keeper import RESTARTS
from handrail.kernel.errors import Misconfigured, Unavailable
from tests.factories import postgres

pytestmark = pytest.mark.peer

Made = Callable[[Path], Path]

USER = """
import sys
from pathlib import Path
from handrail.conf.postgres import server
server.use(Path(sys.argv[1]))
print("uses it", flush=True)
sys.stdin.read()
"""


def started(directory: Path) -> subprocess.Popen[str]:
    """A process that uses the server until its standard input is closed."""
    program = [sys.executable, "-c", USER, str(directory)]
    return subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def user(directory: Path) -> subprocess.Popen[str]:
    process = started(directory)
    assert process.stdout is not None
    assert process.stdout.readline() == "uses it\n", process.communicate()[1]
    return process


def runs(directory: Path) -> bool:
    return (directory / "postmaster.pid").exists()


def test_server_ends_with_the_last_of_its_users_before_that_one_has_ended(place: Path, made: Made) -> None:
    directory = made(place / "postgres")
    first, second = user(directory), user(directory)
    first.communicate()
    assert runs(directory)
    second.communicate()
    assert not runs(directory)


def test_server_ends_after_its_last_user_was_killed(place: Path, made: Made) -> None:
    directory = made(place / "postgres")
    first, second = user(directory), user(directory)
    for one in (first, second):
        assert runs(directory)
        one.kill()
        one.wait()
    postgres.wait_until_gone(directory)


def test_server_outlives_a_process_whose_fork_still_uses_it(place: Path, made: Made) -> None:
    directory = made(place / "postgres")
    reading, writing = os.pipe()
    script = f"{USER.replace('sys.stdin.read()', '')}\nimport os\nif os.fork() == 0: os.read({reading}, 1); os._exit(0)"
    program = [sys.executable, "-c", script, str(directory)]
    subprocess.run(program, check=True, pass_fds=[reading], stdout=subprocess.DEVNULL)
    assert runs(directory)
    os.close(reading)
    os.close(writing)
    postgres.wait_until_gone(directory)


def test_starts_at_the_same_time_share_one_server(place: Path) -> None:
    directory = place / "postgres"
    users = [started(directory) for _ in range(4)]
    assert [one.stdout.readline() for one in users if one.stdout] == ["uses it\n"] * 4
    server_process = postgres.postmaster(directory)
    assert server_process is not None
    assert (directory / "log").read_text().count("starting PostgreSQL") == 1
    for one in users:
        one.communicate()
    assert not runs(directory)


def test_starts_at_the_same_time_make_the_roles_once(place: Path) -> None:
    """Two that change one row of the catalogue at once: the server refuses the second with an internal error."""
    program = "import sys; from pathlib import Path; from handrail.conf import database; "
    program += "print(database.embedded(Path(sys.argv[1]), role='handrail_app'))"
    at_once = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(place / "postgres")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    ended = [(process.communicate(timeout=300)[1], process.returncode) for process in at_once]
    assert ended == [("", 0)] * 6


@pytest.mark.requirement("R2-20")
@pytest.mark.parametrize("ended", ["server", "keeper", "both"])
def test_start_after_a_crash_recovers(place: Path, made: Made, ended: str) -> None:
    directory = made(place / "postgres")
    url = database.embedded(directory)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    keeper, running = postgres.keeper(directory), postgres.postmaster(directory)
    assert running is not None
    if ended in {"keeper", "both"}:
        keeper.kill()
        keeper.wait()
    if ended in {"server", "both"}:
        running.kill()
        running.wait()
    again = user(directory)  # the stray server, if it still runs, is ended, and another one has a keeper
    assert postgres.postmaster(directory) != running
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
    again.kill()


@pytest.mark.requirement("R2-20")
def test_server_that_was_killed_is_started_again_for_those_who_use_it(place: Path, made: Made) -> None:
    directory = made(place / "postgres")
    one = user(directory)
    url = address.url(directory, database="postgres", role="postgres")
    for _ in range(2):
        with psycopg.connect(url, autocommit=True) as before:
            killed = postgres.postmaster(directory)
            assert killed is not None
            killed.kill()
            killed.wait()
            with pytest.raises(psycopg.OperationalError):
                before.execute("SELECT pg_sleep(60)")  # its backends end as well
        with _connected_again(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert postgres.postmaster(directory) != killed
    assert (directory / "log").read_text().count("ended with -9; starting it again") == 2
    one.communicate()
    assert not runs(directory)  # and it still stops after its last user


def test_server_that_is_killed_over_and_over_is_given_up(place: Path, made: Made) -> None:
    directory = made(place / "postgres")
    one = user(directory)
    keeper = postgres.keeper(directory)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_kill_while, keeper, directory).result(120)
    log = (directory / "log").read_text()
    assert f"after {RESTARTS} starts within" in log
    assert log.count("; starting it again") == RESTARTS
    again = user(directory)  # the next command starts it, as ever
    with psycopg.connect(address.url(directory, database="postgres", role="postgres")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    one.kill()
    again.kill()


def test_server_that_an_operator_stops_stays_stopped(place: Path, made: Made) -> None:
    directory = made(place / "postgres")
    one = user(directory)
    keeper, running = postgres.keeper(directory), postgres.postmaster(directory)
    assert running is not None
    running.send_signal(signal.SIGINT)  # as pg_ctl stop does
    while not _is_gone(keeper):
        threading.Event().wait(0.05)
    assert "starting it again" not in (directory / "log").read_text()
    one.kill()


def _kill_while(keeper: psutil.Process, directory: Path) -> None:
    while not _is_gone(keeper):
        running = postgres.postmaster(directory)
        if running is not None and running.ppid() == keeper.pid and _is_ready(directory):
            with suppress(psutil.Error):
                running.kill()
        threading.Event().wait(0.02)


def _is_gone(process: psutil.Process) -> bool:
    """Also while its parent has not asked how it ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _is_ready(directory: Path) -> bool:
    with suppress(OSError):
        return (directory / "postmaster.pid").read_text().splitlines()[7:8] == ["ready   "]
    return False


@contextmanager
def _connected_again(url: str) -> Iterator[psycopg.Connection[tuple[int]]]:
    """Once there is somebody to connect to."""
    for _ in range(600):
        with suppress(psycopg.OperationalError), psycopg.connect(url) as connection:
            yield connection
            return
        threading.Event().wait(0.05)
    pytest.fail("nobody started the server again")


def test_start_after_a_reboot_that_gave_its_number_to_another_process(place: Path, made: Made) -> None:
    directory = made(place / "postgres")
    other = subprocess.Popen(["sleep", "600"], **_account_of(directory))
    lines = [str(other.pid), str(directory), "1700000000", "5432", str(directory), "", "  1234567  89", "ready   "]
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        (directory / name).write_text("\n".join(lines) + "\n")
        os.chown(directory / name, directory.stat().st_uid, directory.stat().st_gid)
    try:
        with psycopg.connect(database.embedded(directory)) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert other.poll() is None  # and nobody ended the other process
    finally:
        other.kill()
        other.wait()


def _account_of(directory: Path) -> dict[str, int]:
    return {"user": directory.stat().st_uid} if os.geteuid() == 0 else {}


def test_start_that_was_killed_while_it_made_the_cluster_is_made_up_for(place: Path, made: Made) -> None:
    whole = made(place / "whole")
    directory = place / "postgres"
    directory.mkdir(mode=0o700)
    (directory / cluster.UNFINISHED).mkdir()
    (directory / cluster.UNFINISHED / "PG_VERSION").write_text("18\n")  # initdb writes it early
    half = directory / cluster.COMPLETE
    for name in ("base", "global"):
        (whole / name).rename(directory / name)
    whole.rename(half)
    for path in (directory, half):
        os.chown(path, (half / "PG_VERSION").stat().st_uid, -1)
    with psycopg.connect(database.embedded(directory)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not half.exists()


def test_cluster_of_another_major_version_is_left_alone_with_advice(place: Path, made: Made) -> None:
    directory = made(place / "postgres")
    (directory / "PG_VERSION").write_text("16\n")
    before = {
        path.name: path.stat().st_mtime_ns for path in directory.iterdir() if not path.name.startswith("handrail.")
    }
    with pytest.raises(Misconfigured, match=r"made by PostgreSQL 16.*comes with 18\.\d.*Nothing was changed") as caught:
        database.embedded(directory)
    now = {path.name: path.stat().st_mtime_ns for path in directory.iterdir() if not path.name.startswith("handrail.")}
    now.pop("log", None)
    before.pop("log", None)
    assert now == before
    assert "docs/guides/keep-it-running.md#upgrade-the-embedded-database" in caught.value.message


def test_cluster_that_let_everybody_in_is_closed_at_the_next_start(place: Path, made: Made) -> None:
    directory = made(place / "postgres")
    (directory / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 trust\n")
    (directory / "pg_ident.conf").write_text("")
    with psycopg.connect(database.embedded(directory)) as connection:
        rules = connection.execute("SELECT type, user_name, auth_method, options FROM pg_hba_file_rules").fetchall()
    assert rules == [("local", ["all"], "peer", ["map=handrail"])]


def test_start_that_fails_gives_the_servers_reason(place: Path, made: Made) -> None:
    directory = made(place / "postgres")
    (directory / "postgresql.conf").write_text("max_connections = none of these\n")
    with pytest.raises(
        Unavailable, match=rf'does not start: configuration file "{directory}/postgresql.conf" contains'
    ):
        database.embedded(directory)


def test_start_without_room_says_so_and_succeeds_once_there_is_some(place: Path) -> None:
    small = place / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", small], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a file system")
    try:
        with pytest.raises(Unavailable, match=r"can't be made in .*No space left on device"):
            database.embedded(small / "postgres")
        subprocess.run(["mount", "-o", "remount,size=200m", small], check=True)
        with psycopg.connect(database.embedded(small / "postgres")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        postgres.stop(small / "postgres")
        subprocess.run(["umount", "--lazy", small], check=True)


def test_stray_server_of_an_earlier_version_is_replaced(place: Path, made: Made) -> None:
    directory = made(place / "postgres")
    arguments = ["-D", str(directory), "-c", "listen_addresses=", "-k", str(directory)]
    postgres_program = programs.wheel_directory() / "pginstall" / "bin" / "postgres"
    everybody = (directory / "pg_hba.conf").read_text().replace("peer map=handrail", "trust")
    (directory / "pg_hba.conf").write_text(everybody)
    stray = subprocess.Popen([postgres_program, *arguments], stderr=subprocess.DEVNULL, **_account_of(directory))
    threading.Thread(target=stray.wait, daemon=True).start()
    _wait_until_ready(directory)
    server.use(directory)
    assert stray.poll() is not None
    running = postgres.postmaster(directory)
    assert running is not None
    assert running.pid != stray.pid
    assert "trust" not in (directory / "pg_hba.conf").read_text()
    os.kill(running.pid, signal.SIGINT)


def _wait_until_ready(directory: Path) -> None:
    while "ready" not in ((directory / "postmaster.pid").read_text() if runs(directory) else ""):
        threading.Event().wait(0.05)
