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
    subject = models.CharField(max_length=254)
    context = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["workspace_id", "-id"], name="audit_workspace_recent"),
            models.Index(fields=["subject_kind", "subject"], name="audit_subject"),
        ]


class Outbox(models.Model):
    """An event that somebody is to be notified of, until it is decided who (``notifications``); then the row is
    deleted.

    ``workspace_id`` and ``tenant_id`` are 0 for none. ``due_at``: when any worker may claim it.
    """

    event_id = models.BigIntegerField(unique=True)
    workspace_id = models.BigIntegerField()
    tenant_id = models.BigIntegerField()
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [models.Index(fields=["tenant_id", "due_at"], name="outbox_turn")]


class AuditLeaf(models.Model):
    """Which row stands at which place of the log, and its leaf hash (RFC 6962). ``source`` names its table's entry in
    ``audit.sources``."""

    index = models.BigIntegerField(unique=True)
    source = models.CharField(max_length=64)
    row_id = models.BigIntegerField()
    leaf_hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "row_id"], name="audit_leaf_once")]


class AuditNode(models.Model):
    """The hash of one complete subtree above the leaves: ``level`` is 1 or more; level 0 is ``AuditLeaf``."""

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "index"], name="audit_node_once")]


class AuditCheckpoint(models.Model):
    """A signed state of the log: ``text`` is the signed note, ``root`` and ``size`` what it says.

    ``complete``: nothing that was committed then was left unsealed.
    """

    size = models.BigIntegerField(unique=True)
    root = models.BinaryField(max_length=32)
    text = models.TextField()
    at = models.DateTimeField()
    complete = models.BooleanField()


class Cosignature(models.Model):
    """What a witness signed of the checkpoint over ``size`` leaves: ``line`` is its signature line, ``timestamp`` the
    POSIX time in it. ``key_id`` is hexadecimal."""

    size = models.BigIntegerField()
    name = models.CharField(max_length=255)
    key_id = models.CharField(max_length=8)
    line = models.TextField()
    timestamp = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["size", "name", "key_id"], name="audit_cosignature_once")]


class CheckpointTimestamp(models.Model):
    """What a time-stamp service (RFC 3161) answered about the checkpoint over ``size`` leaves: ``response`` is the
    TimeStampResp in DER, ``stamped_at`` the time in it."""

    size = models.BigIntegerField()
    service = models.CharField(max_length=64)
    response = models.BinaryField()
    stamped_at = models.DateTimeField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["size", "service"], name="audit_timestamp_once")]


class Anchor(models.Model):
    """How things stand with somebody outside who is sent checkpoints, a witness or a time-stamp service, or with the
    quorum of witnesses.

    ``problem``: a code, empty while all is well, and ``since`` when it began. ``size_there``: what a witness says that
    it has cosigned last. ``due_at``: before then nobody tries again.
    """

    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=64)
    due_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, db_default=0)
    problem = models.CharField(max_length=32, default="", db_default="")
    message = models.CharField(max_length=300, default="", db_default="")
    since = models.DateTimeField(null=True)
    size_there = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "name"], name="audit_anchor_once")]
