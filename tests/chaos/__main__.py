"""Three workers under one fault at a time, and what became of the runs.

    python -m tests.chaos [--runs 300] [--loss 0.05] [--only NAME ...] [--seconds FACTOR]

Each fault gets a database of its own, three real workers and an outside world in a process of its own, which loses some
answers; each task is triggered three times. Prints a table, and exits with 1 where a promise was broken. Times are
printed; only a recovery that took several times as long as promised breaks one.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from handrail.conf import roles
from tests.chaos import cluster as clusters
from tests.chaos.cluster import Cluster

if TYPE_CHECKING:
    from tests.chaos.faults import Scenario
    from tests.chaos.verdict import Verdict

# The server of a pass, and its standby where it has one.
Pair = tuple[Cluster, Cluster | None]
WHOLE = 300
NAME, TEMPLATE = "chaos", "chaos_template"
# Long past every lease, budget and wait.
ENDED_SECONDS = 120.0
# Recovery may take so many times as long as promised on a busy machine.
GENEROUS = 4.0
PROMISED_SECONDS, MERE_SECONDS = 5.0, 3.0
HEADER = (
    f"{'scenario':32}{'runs':>5}{'ended':>6}{'done':>6}{'twice':>6}{'unknown':>8}{'no cause':>9}{'again':>6}"
    f"{'p50 s':>7}{'p95 s':>7}{'n':>5}{'twice':>7}{'n':>4}  verdict"
)


def main() -> int:
    given = arguments()
    with tempfile.TemporaryDirectory(prefix="handrail-chaos-", ignore_cleanup_errors=True) as text:
        directory = Path(text)
        directory.chmod(0o711)
        own = Cluster(clusters.own_programs(), directory / "own")
        own.make()
        own.start()
        try:
            begin(own, directory)
            return go(given, own, directory)
        finally:
            own.stop(signal.SIGQUIT)


def begin(cluster: Cluster, directory: Path) -> None:
    """This process is Handrail's too: it starts runs. The template has what every pass begins with."""
    make_database(cluster)
    url, owner = cluster.url(TEMPLATE, roles.SERVING), cluster.url(TEMPLATE)
    config = directory / "handrail.toml"
    config.write_text("")
    os.environ |= {"DATABASE_URL": url, "DATABASE_OWNER_URL": owner, "HANDRAIL_CONFIG": str(config)}
    os.environ |= {"HANDRAIL_STATE_DIR": str(directory), "DJANGO_SETTINGS_MODULE": "handrail.conf.settings"}
    from handrail.conf.start import start

    start()
    migrate()


def make_database(cluster: Cluster) -> None:
    with cluster.connection() as admin:
        roles.make(admin)
        admin.execute(f'CREATE DATABASE "{TEMPLATE}"')


def migrate() -> None:
    from django.core.management import call_command

    from handrail.conf.start import as_owner

    with as_owner():
        call_command("migrate", verbosity=0)


def go(given: argparse.Namespace, own: Cluster, directory: Path) -> int:
    from tests.chaos.faults import SCENARIOS

    failed = 0
    print(HEADER, flush=True)
    for number, (name, scenario) in enumerate(SCENARIOS.items()):
        if given.only and name not in given.only:
            continue
        if scenario.replicated and clusters.debian_programs() is None:
            print(f"{name:32}skipped: Debian's PostgreSQL is not installed: apt-get install postgresql", flush=True)
            continue
        place = directory / str(number)
        place.mkdir()
        with servers(own, scenario, directory / f"servers-{number}") as pair:
            failed += one(name, scenario, given, pair, place)
    return 1 if failed else 0


@contextmanager
def servers(own: Cluster, scenario: Scenario, directory: Path) -> Iterator[Pair]:
    """The server of a pass, and where there are two, its standby, without which nothing is committed."""
    if not scenario.replicated:
        own.stop()
        own.settings = dict(scenario.settings)
        own.start()
        yield own, None
        own.stop()
        own.settings = {}
        own.start()
        return
    programs = clusters.debian_programs()
    assert programs is not None
    directory.mkdir(mode=0o711)
    primary = Cluster(programs, directory / "primary")
    primary.make()
    primary.start()
    standby = primary.copy("standby")
    standby.start()
    with primary.connection() as admin:
        admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        admin.execute("SELECT pg_reload_conf()")
    try:
        make_database(primary)
        connect(primary, TEMPLATE)
        migrate()
        yield primary, standby
    finally:
        for server in (primary, standby):
            server.stop(signal.SIGQUIT)


def connect(cluster: Cluster, name: str, standby: Cluster | None = None) -> str:
    """Has this process, and by the URL that it gives others, work on the database ``name``."""
    from django.db import connection

    from handrail.conf import config, database

    url, owner = (address(cluster, standby, name, role) for role in (roles.SERVING, "postgres"))
    os.environ |= {"DATABASE_URL": url, "DATABASE_OWNER_URL": owner}
    config.load.cache_clear()
    connection.close()
    connection.settings_dict.update({k: v for k, v in database.settings(url).items() if k in connection.settings_dict})
    return url


def address(cluster: Cluster, standby: Cluster | None, name: str, role: str) -> str:
    if standby is None:
        return cluster.url(name, role)
    hosts = f"127.0.0.1:{cluster.port},127.0.0.1:{standby.port}"
    return f"postgresql://{role}@{hosts}/{name}?target_session_attrs=read-write"


def one(name: str, scenario: Scenario, given: argparse.Namespace, pair: Pair, place: Path) -> int:
    """One pass: a line of the table, and below it what was broken. 1 where something was."""
    from handrail.conf.start import as_owner
    from tests.chaos.stage import Stage, environment, world
    from tests.chaos.tasks import Triggers
    from tests.chaos.verdict import reached

    primary, standby = pair
    with primary.connection() as admin:
        admin.execute(f'CREATE DATABASE "{NAME}" TEMPLATE "{TEMPLATE}"')
        if scenario.prepare:
            admin.execute(scenario.prepare.format(NAME))  # type: ignore[arg-type]
    url = connect(primary, NAME, standby)
    with as_owner():
        workspace = installation()
    with world(place, given.loss, seed=len(name)) as port:
        env = environment(place, port, url, os.environ["DATABASE_OWNER_URL"])
        seconds = scenario.seconds * min(given.runs / WHOLE, 1)
        triggers = Triggers(workspace, given.runs, max(seconds, given.at_least))
        stage = Stage(primary, NAME, place, env, triggers, port, standby, given.runs >= WHOLE)
        try:
            for _ in range(3):
                stage.add_worker()
            triggers.start()
            scenario.act(stage)
            triggers.wait()
            stage.wait_until_ended(ENDED_SECONDS)
            stage.end()
            verdict = reached(stage, given.runs)
        finally:
            stage.end()
    mere = any(outage.mere for outage in stage.outages)
    if long := [outage.ended - outage.began for outage in stage.outages]:
        stage.notes.append(f"{len(long)} outages, of {min(long):.1f} to {max(long):.1f} s")
    show(name, verdict, stage.notes, MERE_SECONDS if mere else PROMISED_SECONDS)
    if given.logs and verdict.broken:
        for log in sorted(place.glob("*.log")):
            print(f"    -- {log.name}\n{log.read_text(errors='replace')[-given.logs :]}")
    dispose(stage.cluster)
    return int(bool(verdict.broken))


def installation() -> int:
    from handrail.definitions.states import DefinitionKind
    from tests.chaos.tasks import TEXTS
    from tests.factories.installation import Installation, define

    made = Installation(TEXTS[0])
    define(made.workspace, TEXTS[1], DefinitionKind.RUNBOOK)
    return made.workspace.pk


def show(name: str, verdict: Verdict, notes: list[str], promised: float) -> None:
    from tests.chaos.verdict import percentile

    half, most = percentile(verdict.recovery, 0.5), percentile(verdict.recovery, 0.95)
    verdict.expect(most is None or most <= GENEROUS * promised, f"recovery takes {most} s, promised are {promised}")
    shown = [f"{'-' if one is None else f'{one:.2f}':>7}" for one in (half, most, percentile(verdict.again, 0.95))]
    times = f"{shown[0]}{shown[1]}{len(verdict.recovery):5}{shown[2]}{len(verdict.again):4}"
    late = f" (p95 is over {promised:g} s)" if most is not None and most > promised else ""
    print(
        f"{name:32}{verdict.runs:5}{verdict.ended:6}{verdict.completed:6}{verdict.twice:6}{verdict.unknown:8}"
        f"{verdict.uncaused:9}{verdict.told_again:6}{times}"
        f"  {'BROKEN' if verdict.broken else 'kept'}{late}",
        flush=True,
    )
    slowest = [f"slowest: {verdict.slowest}"] if late else []
    for line in [*notes, *slowest, *verdict.broken[:12]]:
        print(f"    {line}", flush=True)


def dispose(cluster: Cluster) -> None:
    from django.db import connection

    connection.close()
    for _ in range(20):  # what this process's threads still had open ends by itself
        with suppress(Exception), cluster.connection() as admin:
            admin.execute(f'DROP DATABASE "{NAME}" WITH (FORCE)')
            return
        time.sleep(0.2)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=WHOLE)
    parser.add_argument("--loss", type=float, default=0.05)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--at-least", type=float, default=0, help="seconds for which tasks come in, however few")
    parser.add_argument("--logs", type=int, default=0, help="so many characters of each log where a promise was broken")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
