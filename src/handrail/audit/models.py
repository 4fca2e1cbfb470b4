"""Audit rows hold no foreign keys: they must outlive what they speak of."""

from __future__ import annotations

from django.db import models


class AuditEvent(models.Model):
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=16)
    actor = models.CharField(max_length=254)
    event = models.CharField(max_length=64)
    outcome = models.CharField(max_length=16)
    workspace_id = models.BigIntegerField(null=True)
    tenant_id = models.BigIntegerField(null=True)
    subject_kind = models.CharField(max_length=32)
    subject = models.CharField(max_length=128)
    context = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["workspace_id", "-id"], name="audit_workspace_recent"),
            models.Index(fields=["subject_kind", "subject"], name="audit_subject"),
        ]
