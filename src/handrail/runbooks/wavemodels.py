"""Waves: what they are of, how they stand, and why they stopped; and what is known of limits and breakers."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from handrail.access.models import Workspace
from handrail.definitions.models import Definition
from handrail.runbooks.states import WaveOrigin, WaveState


class Wave(models.Model):
    """Runs of one event that begin in rounds. Its members are the runs that name it; they alone say how far it is.

    ``rules``: by what it is carried and stops (``waves.rules``), fixed when it began. ``round``: the one under way;
    ``canary_round``: the last one that was or is a canary. ``counted_from``: what ended since then is counted by the
    rules. ``unsettled``: there is something to do for it by itself.
    ``changed_*``: who last started, paused, resumed or abandoned it, and why.
    """

    ref = models.CharField(max_length=24, unique=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    definition = models.ForeignKey(Definition, on_delete=models.PROTECT)
    runbook = models.CharField(max_length=64)
    event = models.CharField(max_length=200)
    origin = models.CharField(max_length=16, choices=[(o.value, o.value) for o in WaveOrigin])
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    rules = models.JSONField()
    state = models.CharField(max_length=16, choices=[(s.value, s.value) for s in WaveState])
    round = models.PositiveIntegerField(default=0)
    canary_round = models.PositiveIntegerField(default=0)
    counted_from = models.DateTimeField()
    stops = models.PositiveIntegerField(default=0)
    unsettled = models.BooleanField(default=True)
    finished_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(null=True)
    changed_by = models.CharField(max_length=254, default="")
    change_reason = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "definition", "event"],
                condition=Q(origin="tasks", finished_at=None),
                name="wave_once_an_event",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["completed", "abandoned"], finished_at__isnull=False)
                | Q(state__in=["running", "paused", "stopped"], finished_at=None),
                name="wave_finished_paired",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-at"], name="wave_recent"),
            models.Index(fields=["workspace"], condition=Q(unsettled=True), name="wave_unsettled"),
        ]


class WaveStop(models.Model):
    """The packet of a wave that stopped itself: which rule, what it counted, the first exceptions. Never changed."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, related_name="stopped", db_index=False)
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    rule = models.CharField(max_length=32)
    reason = models.CharField(max_length=200)
    message = models.CharField(max_length=500)
    escalate_to = models.CharField(max_length=120)
    counts = models.JSONField()
    exceptions = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["wave", "number"], name="wave_stop_once")]


class RunbookGate(models.Model):
    """When runs of a runbook that has limits began, as seconds of the database's clock: those of the last minute."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    runbook = models.CharField(max_length=64)
    started = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "runbook"], name="runbook_gate_once")]


class ConnectorGate(models.Model):
    """What is known of a connector's calls over all workers (``limits.gatestate``), and how many were turned away.

    ``version`` counts the changes: a writer names the one that it has read. It belongs to no workspace.
    """

    connector = models.CharField(max_length=128, primary_key=True)
    version = models.BigIntegerField()
    state = models.JSONField()
    refused = models.BigIntegerField(default=0)
