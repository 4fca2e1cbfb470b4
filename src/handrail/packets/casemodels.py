"""A packet and its revisions, and what every row of a revision has."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from handrail.access.fields import ForgettableJSONField, ForgettableTextField, Record
from handrail.access.models import Tenant, Workspace
from handrail.definitions.models import Definition
from handrail.packets.states import CURRENT, RevisionReason, RevisionState

DIGEST = 71


class Packet(models.Model):
    """One case under one profile for one lane. ``salt`` keys every marker of what is held; it never leaves.

    ``replaces``: the packet of the same case that was discarded, or forgotten, before this one was asked for.
    ``terms``: what it is found by (``terms``), digests under a key that is not in the database.
    """

    ref = models.CharField(max_length=24, unique=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    profile = models.CharField(max_length=64)
    lane = models.CharField(max_length=100)
    inputs = ForgettableJSONField()
    inputs_digest = models.CharField(max_length=DIGEST)
    subject = ForgettableTextField(max_length=400)
    terms = ArrayField(models.CharField(max_length=16), null=True)
    salt = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=254)
    replaces = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="replaced_by")
    sealed_by: ClassVar = ("ref",)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "profile", "inputs_digest", "lane"],
                condition=Q(replaces=None),
                name="packet_once_a_case_and_lane",
            )
        ]
        indexes = [
            models.Index(fields=["workspace", "-created_at"], name="packet_recent"),
            GinIndex(fields=["terms"], name="packet_terms"),
        ]

    def subject_of(self) -> Record:
        return Record(self.tenant_id, self.ref)


class Revision(models.Model):
    """One exact version of a packet; its bytes are in ``Assembly``. Only state, times and ending may change.

    ``due_at``: when any worker may claim it, or until when one has it; None when there is nothing to do.
    ``ended_from``: the state that it ended from. ``failure``: why the last try to assemble it did not succeed.
    ``watch_at``: when its sources are read again, None while nobody watches them; ``watched_at``: when they were last
    found without a change of consequence. ``watch_failure``: why they can't be read now.
    """

    packet = models.ForeignKey(Packet, on_delete=models.PROTECT, related_name="revisions")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    number = models.PositiveIntegerField()
    definition = models.ForeignKey(Definition, on_delete=models.PROTECT)
    profile_digest = models.CharField(max_length=DIGEST)
    supersedes = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="superseded_by")
    cause = models.CharField(max_length=32, choices=[(c.value, c.value) for c in RevisionReason])
    cause_detail = ForgettableJSONField(default=list, empty=list)
    assembled_by = models.CharField(max_length=254)
    assembled_by_user = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=[(s.value, s.value) for s in RevisionState])
    updated_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)
    consumed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_from = models.CharField(max_length=16, default="")
    ended_cause = models.CharField(max_length=32, default="")
    ended_by = models.CharField(max_length=254, default="")
    ended_reason = ForgettableTextField(max_length=500, default="")
    failure = models.CharField(max_length=300, default="")
    watch_at = models.DateTimeField(null=True)
    watched_at = models.DateTimeField(null=True)
    watch_failure = models.CharField(max_length=300, null=True)  # noqa: DJ001 - None: they could be read
    sealed_by: ClassVar = ("packet_id", "number")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["packet", "number"], name="revision_number_once"),
            models.UniqueConstraint(
                fields=["packet"], condition=Q(state__in=[s.value for s in CURRENT]), name="revision_one_current"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["superseded", "rejected", "withdrawn"], ended_at__isnull=False)
                | (~Q(state__in=["superseded", "rejected", "withdrawn"]) & Q(ended_at=None, ended_cause="")),
                name="revision_ended_paired",
            ),
            models.CheckConstraint(
                condition=~Q(state="consumed") | Q(consumed_at__isnull=False, released_at__isnull=False),
                name="revision_consumed_after_release",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["released", "consumed"]) | Q(released_at__isnull=False),
                name="revision_released_paired",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-created_at"], name="revision_recent"),
            models.Index(fields=["tenant", "due_at"], condition=Q(due_at__isnull=False), name="revision_turn"),
        ]

    def subject_of(self) -> Record:
        return Record(self.tenant_id, self.packet.ref)


class Owned(models.Model):
    """What every row of a revision has. Rows of these tables are only ever added."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    at = models.DateTimeField()

    class Meta:
        abstract = True


class OfRevision(Owned):
    """What belongs to a revision, and is forgotten with its packet."""

    class Meta:
        abstract = True

    def subject_of(self) -> Record:
        revision: Revision = self.revision  # type: ignore[attr-defined]
        return Record(self.tenant_id, revision.packet.ref)
