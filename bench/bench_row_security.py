"""What row security costs: pages and queries as the serving role, with the policies and without them, by turns.

    python -m bench.bench_row_security [--rounds 200] [--runs 2000]

Prints ratios of one session on one machine. It passes and fails on nothing. "Without" is the same role, whose policies
were taken away by the superuser (``DISABLE ROW LEVEL SECURITY``) for the length of the turn.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from handrail.conf import database
from handrail.conf.roles import SERVING

TURNS = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--runs", type=int, default=2000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as directory:
        os.environ["HANDRAIL_STATE_DIR"] = directory
        os.environ.pop("DATABASE_URL", None)
        os.environ.pop("HANDRAIL_CONFIG", None)
        os.chdir(directory)
        from handrail.conf.start import start

        start()
        from handrail.cli import migrations

        migrations.apply()
        measure(database.embedded(Path(directory) / "postgres"), given.rounds, given.runs)


def measure(superuser: str, rounds: int, runs: int) -> None:
    from django.test import Client

    from handrail.access import queries as access
    from handrail.access.models import User
    from handrail.kernel.scope import entered
    from handrail.runbooks.queries import runs as queries

    with psycopg.connect(superuser, autocommit=True) as admin:
        fill(admin, runs)
        user = User.objects.get(email="bench@example.com")
        actor = access.actor_for(user)
        client = Client(headers={"host": "127.0.0.1"})
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")

        def listed() -> None:
            with entered(actor.scope):
                queries.list_runs(actor, queries.RunFilter(limit=50))

        def page() -> None:
            assert client.get("/admin/operations").status_code == 200

        for name, act in (("a query of 50 runs", listed), ("the page Operations", page)):
            with_, without = by_turns(admin, act, rounds)
            ratio = with_ / without
            print(f"{name} of {runs} runs: {with_ * 1000:.2f} ms with row security, {without * 1000:.2f} ms without")
            print(f"  ratio {ratio:.2f}, as the role {SERVING}; medians of {TURNS // 2} turns of {rounds} each")


def by_turns(admin: psycopg.Connection, act: Callable[[], None], rounds: int) -> tuple[float, float]:
    """The median seconds of ``act`` with row security and without."""
    found: dict[bool, list[float]] = {True: [], False: []}
    act()
    for turn in range(TURNS):
        on = turn % 2 == 0
        with switched(admin, on=on):
            for _ in range(rounds):
                begun = time.perf_counter()
                act()
                found[on].append(time.perf_counter() - begun)
    return statistics.median(found[True]), statistics.median(found[False])


@contextmanager
def switched(admin: psycopg.Connection, *, on: bool) -> Iterator[None]:
    from handrail.access.rights import scoped_tables

    for word in () if on else ("DISABLE",):
        for table in scoped_tables():
            admin.execute(f"ALTER TABLE {table} {word} ROW LEVEL SECURITY")
    try:
        yield
    finally:
        for table in scoped_tables():
            admin.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def fill(admin: psycopg.Connection, runs: int) -> None:
    """A workspace of ten customers with a member of all, and ``runs`` runs."""
    admin.execute("INSERT INTO access_workspace (slug, name, created_at) VALUES ('bench', 'Bench', now())")
    admin.execute(
        "INSERT INTO access_tenant (workspace_id, key, name, created_at)"
        " SELECT 1, 'ten_' || n, 'Customer ' || n, now() FROM generate_series(1, 10) n"
    )
    admin.execute(
        "INSERT INTO access_user (email, password, is_superuser, is_staff, is_active, first_name, last_name,"
        " date_joined)"
        " VALUES ('bench@example.com', '!', false, false, true, '', '', now())"
    )
    admin.execute(
        "INSERT INTO access_membership (workspace_id, user_id, roles, all_tenants, is_active, created_at)"
        " VALUES (1, 1, '{operator,auditor}', true, true, now())"
    )
    admin.execute(
        "INSERT INTO definitions_definition (workspace_id, kind, name, version, title, owner, text, digest, state,"
        " proposed_at, proposed_by, reason) VALUES (1, 'runbook', 'bench', 1, 'Bench', 'o', '', 'sha256:0', 'active',"
        " now(), 'p@example.com', '')"
    )
    admin.execute(
        "INSERT INTO runbooks_operationrun (ref, workspace_id, tenant_id, definition_id, definition_digest, runbook,"
        " task_key, task_version, task_digest, task, subject, retry_limit, state, requested_by, created_at, updated_at,"
        " finished_at, failures) SELECT 'RUN-' || lpad(n::text, 10, '0'), 1, 1 + n %% 10, 1, 'sha256:0', 'bench',"
        " 'T' || n, 1, 'sha256:0', '{}', 's' || n, 1, 'completed', 'p@example.com', now(), now(), now(), 0"
        " FROM generate_series(1, %s) n",
        [runs],
    )
    admin.execute("ANALYZE")


if __name__ == "__main__":
    sys.exit(main())
