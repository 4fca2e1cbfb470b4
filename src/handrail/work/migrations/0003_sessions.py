"""Each process of a worker is known by its session, so that two of one name are two.

``holds_lock``: its connection holds the advisory lock of that number, which ends with the process. Rows of workers are
made again every few seconds; those of before say nothing.
"""

from __future__ import annotations

from django.db import migrations

NOW = """
DELETE FROM work_worker;
ALTER TABLE work_worker DROP CONSTRAINT work_worker_pkey;
ALTER TABLE work_worker ADD COLUMN session bigint NOT NULL, ADD COLUMN holds_lock boolean NOT NULL;
ALTER TABLE work_worker ADD CONSTRAINT work_worker_pkey PRIMARY KEY (name, session);
"""
BEFORE = """
DELETE FROM work_worker;
ALTER TABLE work_worker DROP CONSTRAINT work_worker_pkey;
ALTER TABLE work_worker DROP COLUMN session, DROP COLUMN holds_lock;
ALTER TABLE work_worker ADD CONSTRAINT work_worker_pkey PRIMARY KEY (name);
"""


class Migration(migrations.Migration):
    dependencies = [("work", "0002_no_queue_library")]

    operations = [migrations.RunSQL(NOW, BEFORE)]
