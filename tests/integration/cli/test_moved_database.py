"""What an operator does to a database server keeps sealing going: upgraded in place, dumped and restored, vacuumed
hard, or failed over to a standby. The sealer knows late rows by their transactions, so each could look like a forgery.

On Debian's PostgreSQL; the upgrade leads to the release that comes with Handrail.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from handrail.access import queries as access
from handrail.audit import actions, verification
from handrail.audit.models import AuditLeaf
from handrail.conf import database
from handrail.conf.postgres import account
from tests.chaos.cluster import Cluster, debian_programs, own_programs
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import SwitchBoard, connected
from tests.lanes import portion

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(debian_programs() is None, reason="Debian's PostgreSQL is not installed"),
]


def reach(server: Cluster) -> None:
    """Points the default connection there."""
    connection.close()
    settings = database.settings(server.url("postgres"))
    connection.settings_dict |= {key: settings[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")}


@contextmanager
def servers() -> Iterator[tuple[Path, list[Cluster]]]:
    before, running = dict(connection.settings_dict), []
    with TemporaryDirectory(prefix="handrail-moved-", ignore_cleanup_errors=True) as text:
        Path(text).chmod(0o711)
        try:
            yield Path(text), running
        finally:
            connection.close()
            connection.settings_dict |= before
            for server in running:
                server.stop(signal.SIGQUIT)


def with_roles(server: Cluster) -> None:
    with server.connection() as admin:
        admin.execute("CREATE ROLE handrail_owner LOGIN")
        admin.execute("CREATE ROLE handrail_app LOGIN")


def sealed() -> int:
    actions.seal_all(by=access.operator())
    return AuditLeaf.objects.count()


def upgraded(server: Cluster, place: Path) -> Cluster:
    """In place, to the next major release that is here: ``pg_upgrade`` keeps the numbers of transactions."""
    later = Cluster(own_programs(), place / "later")
    later._own(later.directory)
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-data-checksums"]
    later._run("initdb", f"--pgdata={later.directory / 'data'}", *options)
    server.stop()
    done = subprocess.run(
        [
            later.programs / "pg_upgrade", "--username=postgres",
            f"--old-bindir={server.programs}", f"--new-bindir={later.programs}",
            f"--old-datadir={server.directory / 'data'}", f"--new-datadir={later.directory / 'data'}",
            f"--socketdir={later.directory}",
        ],
        cwd=later.directory, env={"PATH": os.defpath, "LC_ALL": "C"}, capture_output=True, text=True, check=False,
        **account.of(os.geteuid()).identity(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    later.start()
    return later


def restored(server: Cluster, place: Path) -> Cluster:
    """Into a new server, whose transactions are numbered from the beginning."""
    fresh = Cluster(server.programs, place / "fresh")
    fresh.make()
    fresh.start()
    dump = place / "handrail.dump"
    subprocess.run(
        [server.programs / "pg_dump", "--format=custom", f"--file={dump}", server.url("postgres")], check=True
    )
    with_roles(fresh)
    # The database comes with an empty schema "public", so that the one of the dump is "already there".
    subprocess.run([server.programs / "pg_restore", "--dbname", fresh.url("postgres"), "--no-owner", dump], check=False)
    return fresh


def frozen(server: Cluster, _: Path) -> Cluster:
    with server.connection() as admin:
        admin.execute("VACUUM (FREEZE, ANALYZE)")
    return server


def rewritten(server: Cluster, _: Path) -> Cluster:
    """Every table is written anew, as to give space back."""
    with server.connection() as admin:
        admin.execute("VACUUM (FULL, FREEZE)")
    return server


def failed_over(server: Cluster, _: Path) -> Cluster:
    standby = server.copy("standby")
    standby.start()
    with server.connection() as admin:
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("CREATE TABLE waits_for_the_standby ()")
        admin.execute("DROP TABLE waits_for_the_standby")
    server.stop(signal.SIGKILL)
    standby.promote()
    with standby.connection() as admin:
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
        admin.execute("SELECT pg_reload_conf()")
    return standby


WAYS: tuple[Callable[[Cluster, Path], Cluster], ...] = (frozen, upgraded, restored, rewritten, failed_over)


@pytest.mark.parametrize("way", portion(WAYS, 5), ids=lambda way: way.__name__)
def test_sealing_goes_on_and_the_log_is_whole(
    way: Callable[[Cluster, Path], Cluster], django_db_setup: None, django_db_blocker: Any
) -> None:
    world = SwitchBoard()
    with django_db_blocker.unblock(), connected(world), servers() as (place, running):
        server = Cluster(debian_programs() or own_programs(), place / "first")
        server.make()
        server.start()
        running.append(server)
        with_roles(server)
        reach(server)
        call_command("migrate", verbosity=0)
        estate = Installation().runs
        first = _ended(estate, world, 1)
        before = sealed()
        assert before > 0
        waiting = _ended(estate, world, 2)  # not sealed when the server is changed
        connection.close()
        after = way(server, place)
        if after is not server:
            running.append(after)
        reach(after)
        assert sealed() > before
        found = verification.verify()
        assert found.whole, found
        last = _ended(Runs(**{name: getattr(estate, name) for name in estate.__dataclass_fields__}), world, 3)
        assert sealed() > before
        found = verification.verify()
        assert found.whole, found
        assert {first, waiting, last} == {"completed"}


def _ended(estate: Runs, world: SwitchBoard, number: int) -> str:
    world.add(f"s{number}", owner=estate.tenant.key)
    return str(estate.advance(estate.start(f"TASK-{number}", f"s{number}")).state)
