"""Waves, why they stopped, and the starts of runbooks that have limits.

A task that its wave gave back can become a run again, so it is the runs that were attempted of which there is one."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from handrail.audit.appendonly import append_only, frozen_columns

CHANGEABLE = [
    *("state", "round", "canary_round", "counted_from", "stops", "unsettled", "finished_at"),
    *("changed_at", "changed_by", "change_reason"),
]
PROTECTED = {"on_delete": django.db.models.deletion.PROTECT, "db_index": False}
ID = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))
STATES = ["running", "paused", "stopped", "abandoned", "completed"]
ENDED, OPEN = ["completed", "abandoned"], ["running", "paused", "stopped"]

_BEFORE = ["state", "updated_at", "due_at", "finished_at", "failures", "turn", "held_by", "unattended_seconds"]
_NOW = [*_BEFORE, "wave_round", "admitted_at", "not_attempted"]


def _changeable(columns: list[str]) -> str:
    """Replaces the trigger's function: it names the columns of a run that may change."""
    names = ", ".join(f"'{name}'" for name in columns)
    return f"""
    CREATE OR REPLACE FUNCTION runbooks_operationrun_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (to_jsonb(NEW) - ARRAY[{names}]) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY[{names}]) THEN
            RAISE EXCEPTION 'frozen: only {", ".join(columns)} of runbooks_operationrun may change'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$;
    """


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0007_tenant_closed"),
        ("definitions", "0003_the_way_back"),
        ("runbooks", "0023_made_here"),
    ]

    operations = [
        migrations.CreateModel(
            name="Wave",
            fields=[
                ID,
                ("ref", models.CharField(max_length=24, unique=True)),
                ("runbook", models.CharField(max_length=64)),
                ("event", models.CharField(max_length=200)),
                ("origin", models.CharField(choices=[("tasks", "tasks"), ("person", "person")], max_length=16)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=254)),
                ("rules", models.JSONField()),
                ("state", models.CharField(choices=[(s, s) for s in STATES], max_length=16)),
                ("round", models.PositiveIntegerField(default=0)),
                ("canary_round", models.PositiveIntegerField(default=0)),
                ("counted_from", models.DateTimeField()),
                ("stops", models.PositiveIntegerField(default=0)),
                ("unsettled", models.BooleanField(default=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField(null=True)),
                ("changed_by", models.CharField(default="", max_length=254)),
                ("change_reason", models.CharField(default="", max_length=500)),
                (
                    "definition",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="definitions.definition"),
                ),
                ("workspace", models.ForeignKey(to="access.workspace", **PROTECTED)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["workspace", "-at"], name="wave_recent"),
                    models.Index(condition=Q(unsettled=True), fields=["workspace"], name="wave_unsettled"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(origin="tasks", finished_at=None),
                        fields=("workspace", "definition", "event"),
                        name="wave_once_an_event",
                    ),
                    models.CheckConstraint(
                        condition=Q(state__in=ENDED, finished_at__isnull=False)
                        | Q(state__in=OPEN, finished_at=None),
                        name="wave_finished_paired",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WaveStop",
            fields=[
                ID,
                ("number", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
                ("rule", models.CharField(max_length=32)),
                ("reason", models.CharField(max_length=200)),
                ("message", models.CharField(max_length=500)),
                ("escalate_to", models.CharField(max_length=120)),
                ("counts", models.JSONField()),
                ("exceptions", models.JSONField()),
                ("wave", models.ForeignKey(related_name="stopped", to="runbooks.wave", **PROTECTED)),
                ("workspace", models.ForeignKey(to="access.workspace", **PROTECTED)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("wave", "number"), name="wave_stop_once")],
            },
        ),
        migrations.CreateModel(
            name="RunbookGate",
            fields=[
                ID,
                ("runbook", models.CharField(max_length=64)),
                ("started", models.JSONField(default=list)),
                ("workspace", models.ForeignKey(to="access.workspace", **PROTECTED)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "runbook"), name="runbook_gate_once")
                ],
            },
        ),
        migrations.AddField(
            "operationrun",
            "wave",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="members",
                to="runbooks.wave",
                to_field="ref",
            ),
        ),
        migrations.AddField("operationrun", "wave_round", models.PositiveIntegerField(null=True)),
        migrations.AddField("operationrun", "wave_place", models.PositiveIntegerField(null=True)),
        migrations.AddField("operationrun", "admitted_at", models.DateTimeField(null=True)),
        migrations.AddField("operationrun", "not_attempted", models.BooleanField(null=True)),
        migrations.AddIndex(
            "operationrun",
            models.Index(fields=["wave", "wave_place", "id"], condition=Q(wave__isnull=False), name="run_wave"),
        ),
        migrations.RemoveConstraint("operationrun", "run_once_a_task"),
        migrations.AddConstraint(
            "operationrun",
            models.UniqueConstraint(
                fields=["workspace", "task_key", "runbook", "task_version", "tenant", "made_here"],
                condition=Q(not_attempted=None),
                name="run_once_a_task",
            ),
        ),
        append_only("runbooks_wavestop"),
        frozen_columns("runbooks_wave", CHANGEABLE),
        migrations.RunSQL(_changeable(_NOW), _changeable(_BEFORE)),
    ]
