"""Rows about tasks and the task system: what came in, and what it is sent. ``models`` has them beside the others."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from handrail.access.models import Tenant, Workspace
from handrail.connectors.tasksystem import FURTHER


class TaskRefusal(models.Model):
    """A task that could not become a run, once for each content: what was wrong, for the people who qualify tasks."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    task_key = models.CharField(max_length=128)
    task_digest = models.CharField(max_length=71)
    at = models.DateTimeField()
    code = models.CharField(max_length=64)
    message = models.CharField(max_length=500)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "task_key", "task_digest"], name="task_refused_once")
        ]
        indexes = [models.Index(fields=["workspace", "-at"], name="task_refused_recent")]


class TaskMessage(models.Model):
    """A pushed message that was taken, remembered until its signature would be too old anyway."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    message_id = models.CharField(max_length=128)
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "message_id"], name="task_message_once")]


class TaskUpdate(models.Model):
    """A further message to the task system about one of its tasks, written with the act that it tells of.

    ``ref`` is its key there. Without ``tenant`` and ``run`` it is about a task that could not become a run. ``detail``
    holds what was true then. The other columns are those of a report. Messages of a task are delivered in their order.
    """

    ref = models.CharField(max_length=24, unique=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, db_index=False)
    run = models.ForeignKey("runbooks.OperationRun", on_delete=models.PROTECT, null=True, related_name="updates")
    task_key = models.CharField(max_length=128)
    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in FURTHER])
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    detail = models.JSONField()
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    tried_until = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=200, default="")
    failure_code = models.CharField(max_length=32, default="")
    unproven = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "due_at"], condition=Q(due_at__isnull=False), name="update_turn"),
            models.Index(fields=["workspace", "task_key", "id"], name="update_of_task"),
        ]


class TaskPull(models.Model):
    """How the last pull of a task system went. ``whole_at``: when its whole list was last read; ``code`` and
    ``message``: why the last pull could not go on, empty where it did. ``system``: its section in handrail.toml."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    system = models.CharField(max_length=80)
    at = models.DateTimeField()
    whole_at = models.DateTimeField(null=True)
    pages = models.PositiveIntegerField(default=0)
    tasks = models.PositiveIntegerField(default=0)
    code = models.CharField(max_length=32, default="")
    message = models.CharField(max_length=300, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "system"], name="task_pull_once")]
