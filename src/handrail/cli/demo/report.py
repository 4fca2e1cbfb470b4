"""Did it come out as it should: run by run, in the outside systems, and without a secret anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import connection
from psycopg import sql

from handrail.access.actor import Actor
from handrail.cli import installation
from handrail.cli.demo import estate
from handrail.cli.demo.estate import ExpectedRun
from handrail.runbooks.queries import runs as queries
from handrail.runbooks.queries.runs import RunDetail
from handrail.sandbox.estate import PRACTICE_TOKENS
from handrail.sandbox.faults import CANARY
from handrail.sandbox.world import BYSTANDERS


@dataclass(frozen=True, slots=True)
class TaskResult:
    """One task: what was expected and what became of it. ``differs`` is empty when they agree."""

    expected: ExpectedRun
    run: str
    state: str
    attempts: int
    reason: str | None
    seconds: float | None
    differs: str


@dataclass(frozen=True, slots=True)
class Invariant:
    """One thing that must hold over all tasks. ``wrong`` names what breaks it."""

    holds: str
    wrong: tuple[str, ...]


def judge_runs(who: Actor, expected: Iterable[ExpectedRun]) -> list[TaskResult]:
    runs = {run.task: run for run in queries.list_runs(who, queries.RunFilter(limit=500))}
    return [_judge(expectation, runs.get(expectation.task)) for expectation in expected]


def _judge(expected: ExpectedRun, run: queries.RunSummary | None) -> TaskResult:
    if run is None:
        return TaskResult(expected, "", "no run", 0, None, None, "no run")
    differs = []
    if run.state != expected.state:
        differs.append("state")
    if run.reason != expected.reason:
        differs.append("reason")
    if not expected.attempts_at_least <= run.attempts <= expected.attempts_at_most:
        differs.append("attempts")
    seconds = (run.finished_at - run.created_at).total_seconds() if run.finished_at else None
    return TaskResult(expected, run.ref, run.state, run.attempts, run.reason, seconds, ", ".join(differs))


def check_invariants(
    who: Actor, lines: list[TaskResult], logs: Iterable[Path], passwords: Iterable[str]
) -> list[Invariant]:
    """What must hold beyond the single runs, asked of the outside systems themselves."""
    details = {line.expected.task: queries.get_run(who, line.run) for line in lines if line.run}
    words = [CANARY, *PRACTICE_TOKENS.values(), *passwords]
    return [
        Invariant("The SCIM server grants the role to exactly the right people", tuple(_misplaced_roles(details))),
        Invariant("At most one effect for each idempotency key", tuple(_repeated_effects())),
        Invariant("The task system received one outcome for each task", tuple(_misreported(details))),
        Invariant(
            "Each run left one retry-ledger entry, and one completion record or exception packet",
            tuple(_unclosed(details)),
        ),
        Invariant("No secret and no customer text in database or logs", tuple(leaks(words, logs))),
    ]


def _misplaced_roles(details: dict[str, RunDetail]) -> Iterator[str]:
    """Completed: exactly the designated administrators. Stopped before any attempt: nobody. Stopped later: the job
    may have worked, so nobody but them. Customers without a task: nobody."""
    for task, run in details.items():
        role, admins = run.fields.get("role"), set(run.fields.get("admins", ()))
        if not isinstance(role, str):
            continue
        held = estate.holders(run.summary.tenant, role)
        if run.summary.state == "completed" and held != admins:
            yield f"{task}: {len(held & admins)} of {len(admins)}, and {len(held - admins)} others"
        if run.summary.state != "completed" and held - (admins if run.summary.attempts else set()):
            yield f"{task}: {', '.join(sorted(held))}"
    for tenant in BYSTANDERS:
        if held := estate.holders(tenant, "tenant-admin"):
            yield f"{tenant}: {', '.join(sorted(held))}"


def _repeated_effects() -> Iterator[str]:
    for entry in estate.effects():
        if entry["count"] > 1:
            yield f"{entry['service']} {entry['key']}: {entry['count']} times"


def _misreported(details: dict[str, RunDetail]) -> Iterator[str]:
    reported = Counter(entry["key"] for entry in estate.effects() if entry["service"] == "tasks")
    for task, run in details.items():
        outcome = estate.outcome(task) or {}
        seen = (outcome.get("run"), outcome.get("state"), reported[run.summary.ref])
        if seen != (run.summary.ref, run.summary.state.value, 1):
            yield f"{task}: reported as {seen[1]}, {seen[2]} times"


def _unclosed(details: dict[str, RunDetail]) -> Iterator[str]:
    for task, run in details.items():
        records = (run.completion is not None, run.summary.exception is not None)
        wanted = (run.summary.state == "completed", run.summary.state == "exception")
        if records != wanted or run.retry_ledger is None:
            yield task


def leaks(words: list[str], logs: Iterable[Path]) -> Iterator[str]:
    """The log files and tables in which any of ``words`` stands."""
    for path in logs:
        text = path.read_text(encoding="utf-8", errors="replace")
        if any(word in text for word in words):
            yield path.name
    with installation.as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            looked = sql.SQL("SELECT count(*) FROM {} row WHERE row::text LIKE ANY(%s)").format(sql.Identifier(table))
            cursor.execute(looked, [[f"%{word}%" for word in words]])
            (count,) = cursor.fetchone()
            if count:
                yield f"table {table}: {count} rows"
