"""Another Unix user of the machine: gets nothing from the embedded server, and has one of its own undisturbed."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from handrail.conf import database
from handrail.conf.postgres import address, files
from tests.factories import postgres

pytestmark = pytest.mark.requirement("R2-23")

pytestmark = pytest.mark.peer  # servers are started
OtherUser = Callable[[Callable[[], str]], str]
SOCKET = ".s.PGSQL.5432"


def _connect(path: Path) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    return "connected"


def test_other_user_does_not_reach_the_socket(running: Path, as_other_user: OtherUser) -> None:
    assert _connect(running / SOCKET) == "connected"  # its owner does
    assert as_other_user(lambda: _connect(running / SOCKET)).startswith("PermissionError")


@pytest.mark.parametrize("name", ["PG_VERSION", "log", "pg_hba.conf", files.LOCK, files.USERS, files.KEEPER, "base"])
def test_other_user_reads_and_writes_no_file_of_the_server(running: Path, as_other_user: OtherUser, name: str) -> None:
    assert (running / name).exists()
    assert as_other_user(lambda: str(os.open(running / name, os.O_RDONLY))).startswith("PermissionError")
    assert as_other_user(lambda: str(os.open(running / name, os.O_RDWR | os.O_CREAT))).startswith("PermissionError")


@pytest.mark.parametrize("role", ["postgres", *database.ROLES, "nobody"])
def test_server_refuses_another_user_that_has_got_to_the_socket(
    running: Path, as_other_user: OtherUser, role: str
) -> None:
    def log_in() -> str:
        with psycopg.connect(address.url(running, database="postgres", role=role)) as connection:
            return str(connection.execute("SELECT current_user").fetchone())

    running.chmod(0o755)
    (running / SOCKET).chmod(0o777)
    try:
        answer = as_other_user(log_in)
    finally:
        running.chmod(0o700)
        (running / SOCKET).chmod(0o700)
    assert "Peer authentication failed" in answer


def test_owner_may_be_each_role(running: Path) -> None:
    for role in ("postgres", *database.ROLES):
        with psycopg.connect(database.embedded(running, role=role)) as connection:
            row = connection.execute(
                "SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
        assert row == (role, role == "postgres")


def test_server_listens_on_no_port(running: Path) -> None:
    server = postgres.postmaster(running)
    assert server is not None
    assert server.net_connections(kind="inet") == []
    for process in server.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # workers of the server come and go
            assert process.net_connections(kind="inet") == []
    assert [one.laddr for one in server.net_connections(kind="unix") if one.laddr] == [f"./{SOCKET}"]


def test_two_users_have_their_servers_at_the_same_time(running: Path, place: Path, as_other_user: OtherUser) -> None:
    nobody = pwd.getpwnam("nobody")
    home = place / "home"
    home.mkdir(mode=0o700)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)

    def use() -> str:
        with psycopg.connect(database.embedded(home / "var" / "postgres")) as connection:
            row = connection.execute("SELECT current_setting('is_superuser'), session_user").fetchone()
        server = postgres.postmaster(home / "var" / "postgres")
        return f"{row} {server.username() if server else None}"

    answer = as_other_user(use)
    assert answer == "('on', 'postgres') nobody"
    assert _connect(running / SOCKET) == "connected"
    postgres.wait_until_gone(home / "var" / "postgres")  # with the process that used it


def test_server_of_root_runs_as_an_account_that_owns_its_data_alone(running: Path) -> None:
    server = postgres.postmaster(running)
    assert server is not None
    if os.geteuid() == 0:
        assert server.uids().effective not in {0, *(one.pw_uid for one in [pwd.getpwnam("nobody")])}
        assert os.getgrouplist(server.username(), server.gids().real) == [server.gids().real]
        assert pwd.getpwuid(server.uids().real).pw_shell == "/usr/sbin/nologin"
    assert running.stat().st_uid == server.uids().effective
    assert running.stat().st_mode & 0o7777 == 0o700
    assert psutil.Process(server.pid).environ().get("PGDATA") is None
