"""Once a day: removes what has expired, so that nothing grows but the record of what was done."""

from __future__ import annotations

from datetime import timedelta

from asgiref.sync import async_to_sync
from procrastinate.contrib.django import app

from handrail.access.queries import clear_expired_sessions

EVERY = timedelta(days=1)
# Failed jobs are kept this long for diagnosis; a sweep has queued their work again.
BROKEN_HOURS = 7 * 24


def prune() -> None:
    """Removes sessions that have expired, and ended jobs. Harmless when run twice or by several workers at once."""
    clear_expired_sessions()
    remove = async_to_sync(app.job_manager.delete_old_jobs)
    remove(nb_hours=BROKEN_HOURS, include_failed=True, include_cancelled=True, include_aborted=True)
