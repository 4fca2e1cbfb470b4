"""Following runs on the terminal while workers advance them."""

from __future__ import annotations

import time

from rich.live import Live
from rich.table import Table

from handrail.access.actor import Actor
from handrail.cli import output
from handrail.runbooks.queries import runs as queries
from handrail.runbooks.queries.runs import RunSummary

EVERY_SECONDS = 0.5


def follow(who: Actor, ref: str) -> None:
    """Shows the run ``ref``, or all that have not ended, until they have. Raises NotFound, Denied."""
    watched = [ref] if ref else [r.ref for r in queries.list_runs(who, queries.RunFilter(limit=500)) if not r.ended]
    if not watched:
        output.say("No run is under way.")
        return
    with Live(console=output.console(), refresh_per_second=4) as live:
        while True:
            runs = [queries.get_run(who, name).summary for name in watched]
            live.update(table(runs))
            if all(run.ended for run in runs):
                return
            time.sleep(EVERY_SECONDS)


def table(runs: list[RunSummary]) -> Table:
    """One line a run: where it stands and since when."""
    shown = Table("run", "task", "tenant", "state", "attempts", "reason", "updated", box=None, pad_edge=False)
    for run in runs:
        cells = (run.ref, run.task, run.tenant, run.state, run.attempts, run.reason, run.updated_at)
        shown.add_row(*map(output.cell, cells))
    return shown
