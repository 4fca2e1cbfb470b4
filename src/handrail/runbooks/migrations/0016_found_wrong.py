"""Completions that were found wrong, and the way to what had to be recovered."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from handrail.audit.appendonly import append_only

# Few ledger rows tell of an outcome that was unknown or of a worker that was gone. The condition stands in
# ``runbooks.figures`` too, word for word, or the index is of no use.
RECOVERY = """
CREATE INDEX checkpoint_recovery ON runbooks_checkpoint (run_id)
WHERE kind IN ('unknown', 'reconciled') OR detail ->> 'class' = 'unknown' OR jsonb_exists(detail, 'taken_over')
"""


class Migration(migrations.Migration):

    dependencies = [
        ('runbooks', '0015_held_by'),
    ]

    operations = [
        migrations.CreateModel(
            name='WrongCompletion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('by', models.CharField(max_length=254)),
                ('reason', models.CharField(max_length=500)),
                ('found_in', models.CharField(default='', max_length=24)),
                ('run', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='wrong_completion', to='runbooks.operationrun')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='access.tenant')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='access.workspace')),
            ],
        ),
        append_only("runbooks_wrongcompletion"),
        migrations.RunSQL(RECOVERY, "DROP INDEX checkpoint_recovery"),
    ]
