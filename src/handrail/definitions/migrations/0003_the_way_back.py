"""A deprecated version can come back: one person asks, another decides."""

from __future__ import annotations

from django.db import migrations, models


_BEFORE = ["state", "decided_at", "decided_by", "reason", "deprecated_at", "deprecated_by"]
_RETURN = ["return_requested_at", "return_requested_by", "return_reason", "returned_at", "returned_by"]


def _changeable(columns: list[str]) -> str:
    """Replaces the trigger's function: it names the columns of a definition that may change."""
    names = ", ".join(f"'{name}'" for name in columns)
    return f"""
    CREATE OR REPLACE FUNCTION definitions_definition_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (to_jsonb(NEW) - ARRAY[{names}]) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY[{names}]) THEN
            RAISE EXCEPTION 'frozen: only {", ".join(columns)} of definitions_definition may change'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$;
    """


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0007_tenant_closed'),
        ('definitions', '0002_frozen_text'),
    ]

    operations = [
        migrations.AddField(
            model_name='definition',
            name='return_reason',
            field=models.CharField(default='', max_length=500),
        ),
        migrations.AddField(
            model_name='definition',
            name='return_requested_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='definition',
            name='return_requested_by',
            field=models.CharField(max_length=254, null=True),
        ),
        migrations.AddField(
            model_name='definition',
            name='returned_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='definition',
            name='returned_by',
            field=models.CharField(max_length=254, null=True),
        ),
        migrations.AddConstraint(
            model_name='definition',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('return_reason', ''), ('return_requested_at', None), ('return_requested_by', None)), models.Q(('return_requested_at__isnull', False), ('return_requested_by__isnull', False), models.Q(('return_reason', ''), _negated=True)), _connector='OR'), name='definition_return_paired'),
        ),
        migrations.AddConstraint(
            model_name='definition',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('returned_at', None), ('returned_by', None)), models.Q(('return_requested_by__isnull', False), ('returned_at__isnull', False), ('returned_by__isnull', False)), _connector='OR'), name='definition_returned_paired'),
        ),
        migrations.AddConstraint(
            model_name='definition',
            constraint=models.CheckConstraint(condition=models.Q(('returned_by', None), models.Q(('returned_by', models.F('return_requested_by')), _negated=True), _connector='OR'), name='definition_return_two_people'),
        ),
        migrations.RunSQL(_changeable(_BEFORE + _RETURN), _changeable(_BEFORE)),
    ]
