"""How long each of many queued runs waits, where one tenant has far more of them than another.

    python -m bench.bench_queue [--many 9000] [--few 1000] [--workers 2] [--concurrency 4]

Prints figures of one session on one machine. It passes and fails on nothing. All runs are due at one moment; a run
waits from then until its claim's row.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from typing import TYPE_CHECKING

from bench.installation import installation, processes

if TYPE_CHECKING:
    from tests.factories.runs import Runs

SHARES = 10
# Of the rows of one run as ``runs.start`` leaves them, copies: starting so many would take as long as working them off.
COPY = """
WITH made AS (
    INSERT INTO runbooks_operationrun
           (ref, workspace_id, tenant_id, definition_id, definition_digest, runbook, task_key, task_version,
            task_digest, task, subject, retry_limit, state, requested_by, created_at, updated_at, due_at, failures,
            unattended_seconds)
    SELECT 'RUN-' || %(tenant)s || '-' || n, workspace_id, tenant_id, definition_id, definition_digest, runbook,
           'QUEUED-' || %(tenant)s || '-' || n, task_version, task_digest,
           task || jsonb_build_object('switch_id', 'q' || %(tenant)s || '-' || n), 'q' || %(tenant)s || '-' || n,
           retry_limit, state, requested_by, now(), now(), %(due)s, 0, 0
    FROM runbooks_operationrun, generate_series(1, %(count)s) AS n WHERE id = %(run)s
    RETURNING id)
INSERT INTO runbooks_checkpoint
       (workspace_id, tenant_id, run_id, sequence, kind, step, attempt, idempotency_key, worker, at, deadline_at,
        detail)
SELECT workspace_id, tenant_id, made.id, sequence, kind, step, attempt, idempotency_key, worker, now(), deadline_at,
       detail
FROM runbooks_checkpoint, made WHERE run_id = %(run)s
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", type=int, default=9000)
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as directory, installation(directory, "") as env:
        measure(given, env)


def measure(given: argparse.Namespace, env: dict[str, str]) -> None:
    from dataclasses import replace

    from django.db import connection
    from tests.factories import rows
    from tests.factories.installation import Installation

    estate = Installation().runs
    other = replace(estate, tenant=rows.tenant(estate.workspace))
    counts = [(estate, given.many), (other, given.few)]
    with connection.cursor() as cursor:
        for one, count in counts:
            run = one.start(f"FIRST-{one.tenant.pk}", f"first{one.tenant.pk}")
            cursor.execute("SELECT now() + interval '1 minute'")
            (due,) = cursor.fetchone()
            cursor.execute(COPY, {"run": run.pk, "tenant": str(one.tenant.pk), "count": count - 1, "due": due})
        cursor.execute("ANALYZE")
        with processes("bench.worker_process", str(given.concurrency), count=given.workers, env=env):
            while _ended() < len(counts):  # the workers are there, and have worked the first ones off
                time.sleep(0.05)
            cursor.execute("UPDATE runbooks_operationrun SET due_at = clock_timestamp() WHERE finished_at IS NULL")
            cursor.execute("SELECT clock_timestamp()")
            (begun,) = cursor.fetchone()
            while _ended() < given.many + given.few:
                time.sleep(0.2)
        cursor.execute(
            "SELECT tenant_id, extract(epoch FROM at - %s)::float8 FROM runbooks_checkpoint"
            " WHERE kind = 'claimed' AND at >= %s ORDER BY at",
            [begun, begun],
        )
        claimed = cursor.fetchall()
    print(f"{len(claimed)} queued runs, {given.workers} workers of {given.concurrency} threads; seconds until claimed")
    for one, count in counts:
        waits = [seconds for tenant, seconds in claimed if tenant == one.tenant.pk]
        p95 = waits[int(len(waits) * 0.95) - 1]
        print(f"tenant with {count:6} runs: p50 {statistics.median(waits):7.2f}  p95 {p95:7.2f}  max {waits[-1]:7.2f}")
    print(f"share of the tenant with {given.few}, by tenths of all claims in their order: {_shares(claimed, other)}")


def _ended() -> int:
    from handrail.runbooks.models import OperationRun

    return OperationRun.objects.exclude(finished_at=None).count()


def _shares(claimed: list[tuple[int, float]], few: Runs) -> str:
    tenant, size = few.tenant.pk, len(claimed) // SHARES
    parts = [claimed[start : start + size] for start in range(0, size * SHARES, size)]
    return " ".join(f"{sum(one == tenant for one, _ in part) / size:.0%}" for part in parts)


if __name__ == "__main__":
    main()
