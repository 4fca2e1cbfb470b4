"""``handrail worker``: one worker process."""

from __future__ import annotations

from handrail.cli import installation, migrations, restored
from handrail.worker import pooling, service


def worker() -> None:
    """Advance runs, deliver reports and packets until SIGTERM, then finish what is in progress.

    Start several, on any machine.

    Exits with 7 when the database is not migrated, or reached through a pooler in transaction mode."""
    config = installation.start(quiet=True)
    migrations.require()
    pooling.refuse()
    restored.forget_again()
    settings = config.worker
    service.serve(
        service.WorkerSettings(
            concurrency=settings.concurrency,
            sweep_seconds=settings.sweep_seconds,
            pull_seconds=settings.pull_seconds,
            seal_seconds=config.audit.seal_seconds,
        )
    )
