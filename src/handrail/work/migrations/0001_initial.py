"""Recurring duties, and the workers that were seen lately. Both are only reached by SQL, so they have no models.

A duty: ``due_at`` is when it is next to be done, or until when a worker has it; ``failures`` counts attempts in a row that
failed or did not come to their end. A worker: ``seen_at`` is by the database's clock; ``threads`` is how many runs it can
advance at once, and ``unconnected`` how many of these threads can't get a connection to the database.
"""

from __future__ import annotations

from django.db import migrations

MAKE = """
CREATE TABLE work_duty (
    name varchar(32) PRIMARY KEY,
    due_at timestamptz NOT NULL,
    failures integer NOT NULL CHECK (failures >= 0)
);
CREATE TABLE work_worker (
    name varchar(80) PRIMARY KEY,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    threads smallint NOT NULL CHECK (threads >= 0),
    unconnected smallint NOT NULL CHECK (unconnected >= 0)
);
"""


class Migration(migrations.Migration):
    initial = True

    operations = [migrations.RunSQL(MAKE, "DROP TABLE work_duty; DROP TABLE work_worker")]
