"""Brakes, orders to stop, and which runs wait."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from handrail.audit.appendonly import append_only, frozen_columns


# Which columns may change is held by frozen_columns; this holds that a brake is released once.
ONCE = """
CREATE FUNCTION runbooks_brake_released() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.released_at IS NULL AND NEW.released_at IS NOT NULL THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'released: brake % was released, or is not released by this', OLD.ref
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER handrail_released BEFORE UPDATE ON runbooks_brake
    FOR EACH ROW EXECUTE FUNCTION runbooks_brake_released();
ALTER TABLE runbooks_brake ENABLE ALWAYS TRIGGER handrail_released;
"""
OFTEN = """
DROP TRIGGER handrail_released ON runbooks_brake;
DROP FUNCTION runbooks_brake_released();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0007_tenant_closed'),
        ('definitions', '0003_the_way_back'),
        ('runbooks', '0012_claimed_by_turns'),
    ]

    operations = [
        migrations.AlterField(
            model_name='exceptionpacket',
            name='cause',
            field=models.CharField(choices=[('prerequisite', 'prerequisite'), ('boundary', 'boundary'), ('ambiguous-result', 'ambiguous-result'), ('terminal-result', 'terminal-result'), ('retries-exhausted', 'retries-exhausted'), ('verification-failed', 'verification-failed'), ('outcome-unknown', 'outcome-unknown'), ('source-unreadable', 'source-unreadable'), ('definition-error', 'definition-error'), ('stopped-by-person', 'stopped-by-person')], max_length=32),
        ),
        migrations.CreateModel(
            name='Brake',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ref', models.CharField(max_length=24, unique=True)),
                ('kind', models.CharField(choices=[('everything', 'everything'), ('intake', 'intake'), ('tenant', 'tenant'), ('connector', 'connector'), ('runbook', 'runbook')], max_length=16)),
                ('target', models.CharField(default='', max_length=128)),
                ('at', models.DateTimeField()),
                ('by', models.CharField(max_length=254)),
                ('reason', models.CharField(max_length=500)),
                ('released_at', models.DateTimeField(null=True)),
                ('released_by', models.CharField(max_length=254, null=True)),
                ('release_reason', models.CharField(default='', max_length=500)),
                ('definition', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='definitions.definition')),
                ('tenant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='access.tenant')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='access.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='PausedRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('run_updated_at', models.DateTimeField()),
                ('brake', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='runbooks.brake')),
                ('run', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='paused', to='runbooks.operationrun')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='access.tenant')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='access.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='StopRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('by', models.CharField(max_length=254)),
                ('reason', models.CharField(max_length=500)),
                ('run', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='stop_request', to='runbooks.operationrun')),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='access.tenant')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='access.workspace')),
            ],
        ),
        migrations.AddIndex(
            model_name='brake',
            index=models.Index(fields=['workspace', '-at'], name='brake_recent'),
        ),
        migrations.AddConstraint(
            model_name='brake',
            constraint=models.UniqueConstraint(condition=models.Q(('released_at', None)), fields=('workspace', 'kind', 'target'), name='brake_once'),
        ),
        migrations.AddConstraint(
            model_name='brake',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('release_reason', ''), ('released_at', None), ('released_by', None)), models.Q(('released_at__isnull', False), ('released_by__isnull', False), models.Q(('release_reason', ''), _negated=True)), _connector='OR'), name='brake_released_paired'),
        ),
        migrations.AddConstraint(
            model_name='brake',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('definition', None), ('kind', 'tenant'), ('tenant__isnull', False)), models.Q(('definition__isnull', False), ('kind', 'runbook'), ('tenant', None)), models.Q(('definition', None), ('kind__in', ['everything', 'intake', 'connector']), ('tenant', None)), _connector='OR'), name='brake_target_fits'),
        ),
        frozen_columns("runbooks_brake", ["released_at", "released_by", "release_reason"]),
        migrations.RunSQL(ONCE, OFTEN),
        append_only("runbooks_stoprequest"),
    ]
