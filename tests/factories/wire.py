"""What a thread's connection sends to the database, counted on the wire, so that none escapes that goes past Django."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection

from handrail.kernel.scope import entered
from handrail.runbooks.actions import claims, runs
from handrail.runbooks.models import OperationRun
from handrail.work.prepared import preparing
from handrail.worker import handlers
from tests.factories.runs import Runs

_SETTINGS = re.compile(r"^SELECT set_config\((?:'[^']*'|[^;'])*; ")
_PREPARED_SETTINGS = "SELECT set_config($1"
_WRITES = re.compile(r"^\s*(INSERT|UPDATE|DELETE|WITH)\b")


@dataclass
class Cost:
    statements: list[str] = field(default_factory=list)
    commits: int = 0

    @property
    def figures(self) -> tuple[int, int]:
        return len(self.statements), self.commits


@contextmanager
def counted() -> Iterator[Cost]:
    """The statements that this thread's connection sends, and how many of its transactions write something."""
    cost = Cost()
    connection.ensure_connection()
    wire = connection.connection.pgconn
    with tempfile.TemporaryFile("w+b") as trace:
        wire.trace(trace.fileno())
        try:
            yield cost
        finally:
            wire.untrace()
        trace.seek(0)
        inside, wrote = False, False
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, statement FROM pg_prepared_statements")
            prepared = dict(cursor.fetchall())
        for statement in _sent(trace.read().decode(errors="replace"), prepared):
            if statement == "BEGIN":
                inside, wrote = True, False
            elif statement == "COMMIT":
                inside, cost.commits = False, cost.commits + wrote
            else:
                cost.statements.append(statement)
                writes = _WRITES.match(statement) is not None
                wrote = wrote or writes
                cost.commits += writes and not inside


def _sent(trace: str, prepared: dict[str, str]) -> Iterator[str]:
    """The statements in ``trace``, whose messages may have several lines: each begins with a time and a direction.
    A prepared one counts each time that it runs; one of settings in front of another statement does not."""
    for message in re.split(r"^(?=\d{4}-\d\d-\d\d \d\d:)", trace, flags=re.MULTILINE):
        parts = message.split("\t", 4)
        if len(parts) == 5 and parts[1] == "F" and parts[3] in ("Query", "Parse"):
            text = parts[4].strip()
            text = text[text.index('"', text.startswith(' "')) + 1 :] if parts[3] == "Query" else text.split('"', 3)[3]
            name = parts[4].strip().split('"', 2)[1] if parts[3] == "Parse" else ""
            if not name:
                yield _SETTINGS.sub("", text.strip().rstrip('"'))
        elif len(parts) == 5 and parts[1] == "F" and parts[3] == "Bind":
            name = parts[4].strip().split('"', 4)[3]
            if name and not prepared[name].startswith(_PREPARED_SETTINGS):
                yield prepared[name].strip()


def straight(estate: Runs, key: str, run: Cost, report: Cost) -> OperationRun:
    """Carries a task as web process and worker do, from its receipt to its end, and then its report."""
    with counted() as start, entered(estate.worker.scope):
        ref = runs.start(task=estate.task(key, "s1"), by=estate.worker).ref
    with preparing.use(True), counted() as work:
        [claim] = claims.claim_runs(1, after=0)
        advanced = handlers.run(claim)
    run.statements, run.commits = start.statements + work.statements, start.commits + work.commits
    with preparing.use(True), counted() as told:
        if advanced.report is not None:
            handlers.report(advanced.report)
    report.statements, report.commits = told.statements, told.commits
    return OperationRun.objects.get(ref=ref)
