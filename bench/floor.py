"""The least that PostgreSQL must do for one run, by the raw driver: two floors.

``with_queue``: the rows of a run, of what it leaves behind and of two queued tasks, in as many transactions as when
there was a queue. ``ledger_alone``: the run and its ledger rows, in four transactions.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable

import psycopg
from django.db import connection
from psycopg import sql

# How a run's rows fall into transactions: received; fetched by a worker; claimed; checked with intent; result;
# verified with completion; the task acknowledged; the report fetched and acknowledged.
LEDGER = (("received",), ("claimed",), ("checked", "intent"), ("result",), ("verified", "completed"))
FEWEST = (("received",), ("claimed", "checked", "intent"), ("result",), ("verified", "completed"))
# As the queue's table was, with its indexes.
QUEUE = """
CREATE TABLE IF NOT EXISTS bench_jobs (
    id bigserial PRIMARY KEY, queue_name varchar(128) NOT NULL, task_name varchar(128) NOT NULL,
    priority integer NOT NULL DEFAULT 0, lock text, queueing_lock text, args jsonb NOT NULL,
    status text NOT NULL DEFAULT 'todo',
    scheduled_at timestamptz, attempts integer NOT NULL DEFAULT 0, worker_id bigint
);
CREATE UNIQUE INDEX IF NOT EXISTS bench_jobs_lock ON bench_jobs (lock) WHERE status = 'doing';
CREATE UNIQUE INDEX IF NOT EXISTS bench_jobs_queueing_lock ON bench_jobs (queueing_lock) WHERE status = 'todo';
CREATE INDEX IF NOT EXISTS bench_jobs_queue_name ON bench_jobs (queue_name);
CREATE INDEX IF NOT EXISTS bench_jobs_priority ON bench_jobs (priority DESC, id) WHERE status = 'todo';
"""


def with_queue(runs: int, *, connections: int) -> float:
    """Seconds for ``runs`` runs' rows over ``connections`` connections at once. Leaves the rows behind."""
    with connection.cursor() as cursor:
        cursor.execute(QUEUE)
    return _seconds(runs, connections, _one_run)


def ledger_alone(runs: int, *, connections: int) -> float:
    """Likewise of the run's own rows alone."""
    return _seconds(runs, connections, _one_ledger)


def _seconds(runs: int, connections: int, one: Callable[[psycopg.Connection, Templates], None]) -> float:
    templates = {table: _template(table) for table in TABLES}
    shares = [range(n, runs, connections) for n in range(connections)]
    threads = [threading.Thread(target=_write, args=(share, templates, one)) for share in shares]
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
    "bench_jobs",
)
FRESH = {"id"}


Templates = dict[str, tuple[list[str], tuple[object, ...]]]


def _template(table: str) -> tuple[list[str], tuple[object, ...]]:
    """The columns of ``table`` and the values of one row that a real run left."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id LIMIT 1")
        columns = [c.name for c in cursor.description]
        row = cursor.fetchone()
    if row is None:  # acknowledged tasks are deleted
        columns, row = ["queue_name", "task_name", "args"], ("default", "bench.floor", "{}")
    return columns, row


def _write(share: range, templates: Templates, one: Callable[[psycopg.Connection, Templates], None]) -> None:
    settings = connection.get_connection_params()
    settings.pop("cursor_factory", None)
    settings.pop("context", None)
    settings.pop("prepare_threshold", None)  # the driver's own: what is sent again and again is prepared
    with psycopg.connect(**settings) as raw:
        for _ in share:
            one(raw, templates)


def _one_ledger(raw: psycopg.Connection, templates: Templates) -> None:
    word, sequence, run = uuid.uuid4().hex[:20], 0, 0
    for number, kinds in enumerate(FEWEST):
        with raw.transaction():
            if number == 0:
                run = _insert(raw, templates, "runbooks_operationrun", ref=word, task_key=word, subject=word)
            else:
                raw.execute("UPDATE runbooks_operationrun SET updated_at = now() WHERE id = %s", [run])
            for kind in kinds:
                sequence += 1
                _insert(raw, templates, "runbooks_checkpoint", run_id=run, sequence=sequence, kind=kind)


def _insert(raw: psycopg.Connection, templates: Templates, table: str, **values: object) -> int:
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


def _one_run(raw: psycopg.Connection, templates: Templates) -> None:
    def insert(table: str, **values: object) -> int:
        return _insert(raw, templates, table, **values)

    word = uuid.uuid4().hex[:20]
    run, sequence, jobs = 0, 0, []
    for number, kinds in enumerate(LEDGER):
        with raw.transaction():
            if number == 0:
                run = insert("runbooks_operationrun", ref=word, task_key=word, subject=word)
                jobs.append(insert("bench_jobs", queueing_lock=None, lock=None))
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
                jobs.append(insert("bench_jobs", queueing_lock=None, lock=None))
    for job in jobs:
        with raw.transaction():
            raw.execute("UPDATE bench_jobs SET status = 'doing' WHERE id = %s", [job])
        with raw.transaction():
            raw.execute("DELETE FROM bench_jobs WHERE id = %s", [job])
