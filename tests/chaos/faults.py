"""One fault each. Every function acts on the stage for as long as tasks come in, and leaves three live workers."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.stage import Kill, Stage
from tests.chaos.tasks import switch_of
from tests.factories import forks

DICE = random.Random(10)
TERMINATE = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
# Workers that are about to die, beside the three. The list of points begins small.
VICTIMS, FEWEST_POINTS = 3, 100
# The shorter time is longer than an intent has, too.
LOCKED_SECONDS, BRIEFLY_LOCKED_SECONDS = 20.0, 6.0


@dataclass(frozen=True)
class Scenario:
    """``act``: what goes wrong. ``settings``: of the server; ``prepare``: SQL for the database, before it begins.
    ``seconds``: how long tasks come in, for 300 of them."""

    act: Callable[[Stage], None]
    seconds: float = 24.0
    settings: Mapping[str, str] = field(default_factory=dict)
    prepare: str = ""
    replicated: bool = False


def nothing(stage: Stage) -> None:
    stage.triggers.wait()


def repeated(seconds: float, act: Callable[[Stage], None]) -> Callable[[Stage], None]:
    """``act`` every so many seconds, once at least."""

    def go(stage: Stage) -> None:
        while True:
            time.sleep(seconds)
            act(stage)
            if not stage.going():
                return

    return go


def one_worker(stage: Stage) -> None:
    chosen = stage.workers.pop(DICE.randrange(len(stage.workers)))
    stage.kill(chosen)
    stage.add_worker()


def all_workers(stage: Stage) -> None:
    for _ in range(len(stage.workers)):
        stage.kill(stage.workers.pop())
    for _ in range(3):
        stage.add_worker()


def restart(how: signal.Signals) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        with stage.outage():
            stage.cluster.stop(how)
            stage.cluster.start()

    return act


def terminate(stage: Stage) -> None:
    with stage.cluster.connection(stage.database) as db, stage.outage(mere=True):
        db.execute(TERMINATE)


def lock_table(stage: Stage) -> None:
    """One after the other: the ledger, the runs."""
    for table in ("runbooks_checkpoint", "runbooks_operationrun"):
        time.sleep(2)
        with stage.cluster.connection(stage.database) as db, stage.outage(), db.transaction():
            db.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")  # type: ignore[arg-type]
            time.sleep(LOCKED_SECONDS if stage.whole else BRIEFLY_LOCKED_SECONDS)
    stage.triggers.wait()


def hold_snapshot(stage: Stage) -> None:
    """A transaction that sees the database as it was, open throughout."""
    with stage.cluster.connection(stage.database) as db:
        db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        db.execute("SELECT count(*) FROM runbooks_operationrun")
        stage.triggers.wait()
        db.execute("COMMIT")


def points(stage: Stage) -> None:
    """A worker is killed before and after each statement that workers make, and triggers between commit and hint.

    The statements are those that one of the workers is seen to make, so the list grows with the product. A NOTIFY is
    one of them: before it is between the commit and the NOTIFY.
    """
    seen, points = stage.directory / "statements", stage.directory / "points"
    points.mkdir()
    seen.touch()
    stage.kill(stage.workers.pop())  # the recording one takes its place, so that there are three
    stage.workers.append(stage.worker("record", str(seen)))
    _hintless(stage)
    victims: list[forks.Process] = []
    every: set[str] = set()
    while stage.going() and (len(every) < FEWEST_POINTS or every - _died_at(points)):
        for victim in [one for one in victims if one.poll() is not None]:
            victims.remove(victim)
        while len(victims) < VICTIMS:
            victims.append(stage.worker("die", str(points)))
        time.sleep(0.05)
        every = {f"{when} {name}" for name in seen.read_text().split() for when in ("before", "after")}
        stage.kills += [Kill(time.time(), victim.pid) for victim in victims if victim.poll() is not None]
    for victim in victims:
        stage.kill(victim)
    missed = sorted(every - _died_at(points))
    stage.notes.append(
        f"{len(every) // 2} statements; workers died at {len(every) - len(missed)} of {len(every)} points"
    )
    if missed:
        stage.notes.append(f"not come to: {', '.join(missed)}")


def _died_at(points: Path) -> set[str]:
    return {point.name for point in points.iterdir()}


def _hintless(stage: Stage) -> None:
    """Tasks that come in through a process which dies between its commit and the NOTIFY."""
    script, workspace = Path(__file__).with_name("trigger.py"), str(stage.triggers.workspace)
    dying = [forks.start(script, workspace, f"TASK-{n}", switch_of(n), env=stage.env) for n in range(3)]
    for one in dying:
        one.wait(60)


def fail_over(stage: Stage) -> None:
    """The primary is killed in the middle; the standby is promoted, and everybody finds it by the same URL."""
    standby = stage.standby
    assert standby is not None
    time.sleep(stage.triggers.seconds / 2)
    with stage.outage():
        stage.cluster.stop(signal.SIGKILL)
        standby.promote()
        stage.cluster, stage.standby = standby, None
    stage.triggers.wait()


SCENARIOS: Mapping[str, Scenario] = {
    "none": Scenario(nothing, seconds=12),
    "killed-at-each-statement": Scenario(points, seconds=200),
    "random-worker-every-3s": Scenario(repeated(3, one_worker)),
    "all-workers-every-5s": Scenario(repeated(5, all_workers)),
    "postgres-fast": Scenario(repeated(5, restart(signal.SIGINT))),
    "postgres-immediate": Scenario(repeated(5, restart(signal.SIGQUIT))),
    "postgres-sigkill": Scenario(repeated(5, restart(signal.SIGKILL))),
    "backends-every-3s": Scenario(repeated(3, terminate)),
    "max-connections": Scenario(nothing, settings={"max_connections": "20"}),
    "table-locked-20s": Scenario(lock_table, seconds=50),
    "repeatable-read-held": Scenario(hold_snapshot, seconds=12),
    "repeatable-read-default": Scenario(
        nothing, seconds=12, prepare="ALTER DATABASE {} SET default_transaction_isolation = 'repeatable read'"
    ),
    "primary-killed-standby-promoted": Scenario(fail_over, replicated=True),
}
