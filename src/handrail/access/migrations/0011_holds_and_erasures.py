"""Legal holds, and erasures with their certificates."""

import django.db.models.deletion
from django.db import migrations, models

from handrail.audit.appendonly import frozen_columns


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0010_proofs'),
        ('audit', '0002_append_only'),
    ]

    operations = [
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ref', models.CharField(max_length=24, unique=True)),
                ('at', models.DateTimeField()),
                ('by', models.CharField(max_length=254)),
                ('reason', models.CharField(max_length=500)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('withdrawn_by', models.CharField(max_length=254, null=True)),
                ('confirmed_at', models.DateTimeField(null=True)),
                ('confirmed_by', models.CharField(max_length=254, null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('certificate', models.TextField(default='')),
                ('envelope', models.TextField(default='')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='access.tenant')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='access.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('tenant',), name='erasure_once'), models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at', None), ('withdrawn_by', None)), models.Q(('confirmed_at', None), ('withdrawn_at__isnull', False), ('withdrawn_by__isnull', False)), _connector='OR'), name='erasure_withdrawn_paired'), models.CheckConstraint(condition=models.Q(models.Q(('confirmed_at', None), ('confirmed_by', None)), models.Q(('confirmed_at__isnull', False), ('confirmed_by__isnull', False)), _connector='OR'), name='erasure_confirmed_paired'), models.CheckConstraint(condition=models.Q(('confirmed_by', None), models.Q(('confirmed_by', models.F('by')), _negated=True), _connector='OR'), name='erasure_by_two'), models.CheckConstraint(condition=models.Q(models.Q(('certificate', ''), ('envelope', ''), ('finished_at', None)), models.Q(('confirmed_at__isnull', False), ('finished_at__isnull', False), models.Q(('certificate', ''), _negated=True), models.Q(('envelope', ''), _negated=True)), _connector='OR'), name='erasure_finished_paired')],
            },
        ),
        migrations.CreateModel(
            name='LegalHold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ref', models.CharField(max_length=24, unique=True)),
                ('at', models.DateTimeField()),
                ('by', models.CharField(max_length=254)),
                ('reason', models.CharField(max_length=500)),
                ('lift_asked_at', models.DateTimeField(null=True)),
                ('lift_asked_by', models.CharField(max_length=254, null=True)),
                ('lift_reason', models.CharField(default='', max_length=500)),
                ('lifted_at', models.DateTimeField(null=True)),
                ('lifted_by', models.CharField(max_length=254, null=True)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='access.tenant')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='access.workspace')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('lifted_at', None)), fields=['tenant'], name='hold_stands')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('lift_asked_at', None), ('lift_asked_by', None), ('lift_reason', '')), models.Q(('lift_asked_at__isnull', False), ('lift_asked_by__isnull', False), models.Q(('lift_reason', ''), _negated=True)), _connector='OR'), name='hold_lift_asked_paired'), models.CheckConstraint(condition=models.Q(models.Q(('lifted_at', None), ('lifted_by', None)), models.Q(('lift_asked_by__isnull', False), ('lifted_at__isnull', False), ('lifted_by__isnull', False)), _connector='OR'), name='hold_lifted_paired'), models.CheckConstraint(condition=models.Q(('lifted_by', None), models.Q(('lifted_by', models.F('lift_asked_by')), _negated=True), _connector='OR'), name='hold_lifted_by_two')],
            },
        ),
        frozen_columns(
            "access_legalhold", ["lift_asked_at", "lift_asked_by", "lift_reason", "lifted_at", "lifted_by"]
        ),
        frozen_columns(
            "access_erasure",
            [
                *("withdrawn_at", "withdrawn_by", "confirmed_at", "confirmed_by"),
                *("finished_at", "certificate", "envelope"),
            ],
        ),
    ]
