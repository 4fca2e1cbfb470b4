"""Indexes that nothing searches by, each of which every written row had to be entered in.

Rows of a run are found by the run; runs by their unique names, by age within workspace or tenant, and by when they are
due. ``AlterField`` alone would make every foreign key again, and look through the whole ledger for it.
"""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

SCOPED = (
    *("operationrun", "checkpoint", "retryledgerentry", "completionrecord", "exceptionpacket", "report"),
    *("pausedrun", "stoprequest", "wrongcompletion"),
)
KEYS = (
    *((model, "workspace", "access.workspace", {}) for model in SCOPED),
    *((model, "tenant", "access.tenant", {}) for model in SCOPED),
    ("operationrun", "definition", "definitions.definition", {}),
    ("checkpoint", "run", "runbooks.operationrun", {"related_name": "checkpoints"}),
)
# Of one column, not unique and of every row: those that Django makes for a foreign key, and for LIKE with a run's ref.
DROP = """
DO $$ DECLARE index regclass; BEGIN
    FOR index IN
        SELECT i.indexrelid FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = '{table}'::regclass AND a.attname = '{column}'
          AND i.indnkeyatts = 1 AND NOT i.indisunique AND i.indpred IS NULL
    LOOP EXECUTE format('DROP INDEX %s', index); END LOOP;
END $$
"""


def unindexed(model: str, key: str, to: str, named: dict[str, str]) -> migrations.AlterField:
    field = models.ForeignKey(to, on_delete=django.db.models.deletion.PROTECT, db_index=False, **named)
    return migrations.AlterField(model, key, field)


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0007_tenant_closed"),
        ("definitions", "0003_the_way_back"),
        ("runbooks", "0018_resumed_at"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            [
                migrations.RunSQL(DROP.format(table=f"runbooks_{model}", column=f"{key}_id"), migrations.RunSQL.noop)
                for model, key, *_ in KEYS
            ],
            [unindexed(*key) for key in KEYS],
        ),
        migrations.RunSQL(DROP.format(table="runbooks_operationrun", column="ref"), migrations.RunSQL.noop),
    ]
