"""Which tasks a person described on a page: their keys are none of a task system's."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runbooks", "0022_sampled_review")]

    operations = [
        migrations.AddField(
            model_name="operationrun",
            name="made_here",
            field=models.BooleanField(default=False),
        ),
        migrations.RemoveConstraint(model_name="operationrun", name="run_once_a_task"),
        migrations.AddConstraint(
            model_name="operationrun",
            constraint=models.UniqueConstraint(
                fields=["workspace", "task_key", "runbook", "task_version", "tenant", "made_here"],
                name="run_once_a_task",
            ),
        ),
    ]
