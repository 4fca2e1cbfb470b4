"""A real worker that dies by SIGKILL just before or just after one durable point of a run: ``victim.py WHEN KIND``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from handrail.conf.start import start

# Durable points that are more than a kind of row.
POINTS: dict[str, Callable[[Any], bool]] = {
    "retry": lambda row: row.kind == "intent" and row.attempt == 2,
    "unknown": lambda row: row.detail.get("class") == "unknown",
    "pending": lambda row: row.detail.get("class") == "pending",
    "second-step": lambda row: row.kind == "intent" and row.step == "look",
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(when: str, kind: str) -> None:
    start()
    from handrail.runbooks.actions import reports
    from handrail.runbooks.engine import ledger
    from handrail.worker.service import WorkerSettings, serve

    write, delivered = ledger.write, reports._delivered

    def dying_write(run: Any, commit: Any, *known: Any, **where: Any) -> Any:
        concerned = any(POINTS[kind](row) if kind in POINTS else row.kind == kind for row in commit.rows)
        if concerned and when == "before":
            die()
        written = write(run, commit, *known, **where)
        if concerned:
            die()
        return written

    def dying_delivered(*args: Any) -> None:
        if when == "before":
            die()
        delivered(*args)
        die()

    ledger.write = dying_write
    if kind == "reported":
        reports._delivered = dying_delivered
    serve(WorkerSettings(concurrency=1, sweep_seconds=0.5, pull_seconds=3600))


main(*sys.argv[1:])
