"""What an earlier version had queued goes on without its queue, of which nothing is left."""

from __future__ import annotations

import pytest
from django.db import connection

from handrail.runbooks.models import OperationRun, Report
from handrail.runbooks.states import RUN

pytestmark = pytest.mark.usefixtures("installation")

LEFT = """
SELECT relname FROM pg_class WHERE relname LIKE 'procrastinate%'
UNION ALL SELECT proname FROM pg_proc WHERE proname LIKE 'procrastinate%'
UNION ALL SELECT typname FROM pg_type WHERE typname LIKE '%procrastinate%'
UNION ALL SELECT name FROM django_migrations WHERE app = 'procrastinate'
UNION ALL SELECT model FROM django_content_type WHERE app_label = 'procrastinate'
"""


def test_nothing_of_the_queue_library_is_left() -> None:
    with connection.cursor() as cursor:
        cursor.execute(LEFT)
        assert cursor.fetchall() == []


def test_every_run_that_has_not_ended_and_every_report_that_was_not_delivered_is_due() -> None:
    live = OperationRun.objects.exclude(state__in=RUN.terminal)
    assert live.exists()
    assert not live.filter(due_at=None).exists()
    assert not Report.objects.filter(delivered_at=None, due_at=None, failure="").exists()
