"""The demo on the terminal: what happens now, the runs while they move, and the report."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from handrail.cli import output
from handrail.cli.demo.fixtures import ACCOUNTS
from handrail.cli.demo.report import Invariant, TaskResult
from handrail.runbooks.queries.runs import RunSummary

EVERY_SECONDS = 0.25
SHOWN = 12


@contextmanager
def stage(what: str) -> Iterator[None]:
    """Says what happens now, and how long it took."""
    began = time.monotonic()
    yield
    output.console().print(f"[dim]{time.monotonic() - began:6.1f} s[/dim]  {what}")


def watch(list_runs: Callable[[], list[RunSummary]], *, total: int, stop: Callable[[], bool], seconds: float) -> bool:
    """Shows the runs until ``total`` have ended; False when ``stop`` says so first, or after ``seconds``."""
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} ended")
    )
    progress.columns = (*progress.columns, TimeElapsedColumn())
    bar = progress.add_task("Runs", total=total)
    until = time.monotonic() + seconds
    with Live(console=output.console(), refresh_per_second=8, transient=True) as live:
        while time.monotonic() < until and not stop():
            runs = list_runs()
            ended = sum(run.ended for run in runs)
            progress.update(bar, completed=ended)
            live.update(Group(progress, _moving(runs)))
            if ended >= total:
                return True
            time.sleep(EVERY_SECONDS)
    return False


def _moving(runs: list[RunSummary]) -> Table:
    counted = Counter(run.state.value for run in runs)
    title = ", ".join(f"{count} {state}" for state, count in sorted(counted.items()))
    table = Table("run", "task", "tenant", "state", "attempts", "reason", title=title, title_justify="left", box=None)
    recent = sorted(runs, key=lambda run: (run.ended, -run.updated_at.timestamp()))
    for run in recent[:SHOWN]:
        table.add_row(*map(output.cell, (run.ref, run.task, run.tenant, run.state, run.attempts, run.reason)))
    return table


def print_lines(lines: Iterable[TaskResult]) -> None:
    cells = []
    for line in lines:
        low, high = line.expected.attempts_at_least, line.expected.attempts_at_most
        attempts = str(low) if low == high else f"{low} to {high}"
        duration = f"{line.seconds:.1f} s" if line.seconds is not None else ""
        result = "agrees" if not line.differs else f"DIFFERS: {line.differs}"
        actual = (line.state, line.attempts, line.reason, duration)
        cells.append((line.expected.task, line.expected.title, line.expected, attempts, *actual, result))
    columns = ("task", "what happens", "expected", "attempts", "actual", "attempts", "reason", "duration", "result")
    output.print_table("", columns, cells)


def print_invariants(invariants: Iterable[Invariant]) -> None:
    cells = [
        (invariant.holds, "wrong" if invariant.wrong else "ok", "; ".join(invariant.wrong)) for invariant in invariants
    ]
    output.print_table("", ("what must hold", "state", "what breaks it"), cells)


def print_accounts(url: str, password: str) -> None:
    rows = [(account.email, account.role, password) for account in ACCOUNTS]
    output.print_table(f"Log in at {url}", ("e-mail", "role", "password"), rows)
    output.console().print(
        "[dim]The demo is served over plain http on this machine, so its cookies have no __Host- prefix.[/dim]"
    )
