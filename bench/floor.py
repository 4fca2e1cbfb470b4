"""The least that PostgreSQL must do for one run: the same rows, in as many transactions, by the raw driver."""

from __future__ import annotations

import threading
import time
import uuid

import psycopg
from django.db import connection
from psycopg import sql

# How a run's rows fall into transactions: received; fetched by a worker; claimed; checked with intent; result;
# verified with completion; the task acknowledged; the report fetched and acknowledged.
LEDGER = (("received",), ("claimed",), ("checked", "intent"), ("result",), ("verified", "completed"))


def floor_seconds(runs: int, *, connections: int) -> float:
    """Seconds for ``runs`` runs' rows over ``connections`` connections at once. Leaves the rows behind."""
    templates = {table: _template(table) for table in TABLES}
    shares = [range(n, runs, connections) for n in range(connections)]
    threads = [threading.Thread(target=_write, args=(share, templates)) for share in shares]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


TABLES = (
    "runbooks_operationrun",
    "runbooks_checkpoint",
    "runbooks_retryledgerentry",
    "runbooks_completionrecord",
    "runbooks_report",
    "audit_auditevent",
    "procrastinate_jobs",
)
FRESH = {"id"}


def _template(table: str) -> tuple[list[str], tuple[object, ...]]:
    """The columns of ``table`` and the values of one row that a real run left."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id LIMIT 1")
        columns = [c.name for c in cursor.description]
        row = cursor.fetchone()
    if row is None:  # acknowledged tasks are deleted
        columns, row = ["queue_name", "task_name", "args"], ("default", "bench.floor", "{}")
    return columns, row


def _write(share: range, templates: dict[str, tuple[list[str], tuple[object, ...]]]) -> None:
    settings = connection.get_connection_params()
    settings.pop("cursor_factory", None)
    settings.pop("context", None)
    with psycopg.connect(**settings) as raw:
        for _ in share:
            _one_run(raw, templates)


def _one_run(raw: psycopg.Connection, templates: dict[str, tuple[list[str], tuple[object, ...]]]) -> None:
    def insert(table: str, **values: object) -> int:
        columns, row = templates[table]
        filled = {c: v for c, v in zip(columns, row, strict=True) if c not in FRESH} | values
        filled = {c: psycopg.types.json.Jsonb(v) if isinstance(v, dict | list) else v for c, v in filled.items()}
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, filled)),
            sql.SQL(", ").join(sql.Placeholder() * len(filled)),
        )
        found = raw.execute(statement, list(filled.values())).fetchone()
        assert found is not None
        return int(found[0])

    word = uuid.uuid4().hex[:20]
    run, sequence, jobs = 0, 0, []
    for number, kinds in enumerate(LEDGER):
        with raw.transaction():
            if number == 0:
                run = insert("runbooks_operationrun", ref=word, task_key=word, subject=word)
                jobs.append(insert("procrastinate_jobs", queueing_lock=None, lock=None))
            else:
                raw.execute("UPDATE runbooks_operationrun SET updated_at = now() WHERE id = %s", [run])
            for kind in kinds:
                sequence += 1
                insert("runbooks_checkpoint", run_id=run, sequence=sequence, kind=kind)
            if number not in {1, 3}:
                insert("audit_auditevent", subject=word)
            if number == len(LEDGER) - 1:
                for table in ("runbooks_retryledgerentry", "runbooks_completionrecord", "runbooks_report"):
                    insert(table, run_id=run)
                jobs.append(insert("procrastinate_jobs", queueing_lock=None, lock=None))
    for job in jobs:
        with raw.transaction():
            raw.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [job])
        with raw.transaction():
            raw.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job])
