"""A packet, its revisions, and what is decided and delivered. What was assembled, voted or delivered is only added to:
the database refuses the rest."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from handrail.access.models import SignedAct, Tenant, Workspace
from handrail.definitions.models import Definition
from handrail.packets.states import CURRENT, DeliveryEventKind, RevisionReason, RevisionState, VoteKind

DIGEST = 71


class Packet(models.Model):
    """One case under one profile for one lane. ``salt`` keys every marker of what is held; it never leaves.

    ``replaces``: the packet of the same case that was discarded before this one was asked for.
    """

    ref = models.CharField(max_length=24, unique=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    profile = models.CharField(max_length=64)
    lane = models.CharField(max_length=100)
    inputs = models.JSONField()
    inputs_digest = models.CharField(max_length=DIGEST)
    subject = models.CharField(max_length=400)
    salt = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=254)
    replaces = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="replaced_by")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "profile", "inputs_digest", "lane"],
                condition=Q(replaces=None),
                name="packet_once_a_case_and_lane",
            )
        ]
        indexes = [models.Index(fields=["workspace", "-created_at"], name="packet_recent")]


class Revision(models.Model):
    """One exact version of a packet; its bytes are in ``Assembly``. Only state, times and ending may change.

    ``due_at``: when any worker may claim it, or until when one has it; None when there is nothing to do.
    ``ended_from``: the state that it ended from. ``failure``: why the last try to assemble it did not succeed.
    """

    packet = models.ForeignKey(Packet, on_delete=models.PROTECT, related_name="revisions")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    number = models.PositiveIntegerField()
    definition = models.ForeignKey(Definition, on_delete=models.PROTECT)
    profile_digest = models.CharField(max_length=DIGEST)
    supersedes = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="superseded_by")
    cause = models.CharField(max_length=32, choices=[(c.value, c.value) for c in RevisionReason])
    cause_detail = models.JSONField(default=list)
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
    ended_reason = models.CharField(max_length=500, default="")
    failure = models.CharField(max_length=300, default="")

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


class Owned(models.Model):
    """What every row of a revision has. Rows of these tables are only ever added."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT)
    at = models.DateTimeField()

    class Meta:
        abstract = True


class Assembly(Owned):
    """The bytes of one revision, and the manifest over them.

    Without ``manifest`` (and its digest) nobody can sign it: ``fault`` is the reason. ``audience``: label, recipients,
    classes shown and never shown. ``tables``: name to version and digest of the reference tables that were used.
    """

    revision = models.OneToOneField(Revision, on_delete=models.PROTECT, related_name="assembly")
    packet = models.TextField()
    trace = models.TextField()
    holds = models.TextField()
    packet_digest = models.CharField(max_length=DIGEST)
    trace_digest = models.CharField(max_length=DIGEST)
    holds_digest = models.CharField(max_length=DIGEST)
    sources_digest = models.CharField(max_length=DIGEST)
    schema_digest = models.CharField(max_length=DIGEST)
    manifest = models.BinaryField(null=True)
    manifest_digest = models.CharField(max_length=DIGEST, null=True)  # noqa: DJ001 - absent, as its pair manifest
    fault = models.CharField(max_length=500, default="")
    tables = models.JSONField()
    audience = models.JSONField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["manifest_digest"], name="assembly_manifest_once"),
            models.CheckConstraint(
                condition=Q(manifest=None, manifest_digest=None)
                | Q(manifest__isnull=False, manifest_digest__isnull=False, fault=""),
                name="assembly_manifest_paired",
            ),
        ]


class Snapshot(Owned):
    """One source as it was read, once, for one revision. ``at`` is when it was read."""

    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="snapshots")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=64)
    record = models.CharField(max_length=400)
    version = models.CharField(max_length=200, null=True)  # noqa: DJ001 - None: it carried none
    digest = models.CharField(max_length=DIGEST, null=True)  # noqa: DJ001 - None: there was no usable answer
    raw_digest = models.CharField(max_length=DIGEST, null=True)  # noqa: DJ001 - as above
    values = models.JSONField()
    problems = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "name"], name="snapshot_once")]


class HoldRow(Owned):
    """One hold of one revision. ``internal``: the facts for those who decide; they never leave."""

    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="holds")
    position = models.PositiveIntegerField()
    code = models.CharField(max_length=64)
    scope = models.CharField(max_length=16)
    target = models.CharField(max_length=300)
    owner = models.CharField(max_length=64)
    clears = models.JSONField()
    blocking = models.BooleanField()
    message = models.TextField()
    released_by = models.TextField()
    digest = models.CharField(max_length=DIGEST)
    cleared = models.ForeignKey("Clearance", on_delete=models.PROTECT, null=True, related_name="+")
    internal = models.JSONField()
    masks = models.JSONField(null=True)  # the roles that may mask what it found; None before there were any

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "position"], name="hold_position_once")]


class Clearance(Owned):
    """Somebody's decision on one hold as it stood in ``revision``; it counts for the same ``digest``.

    ``masks``: where it masked what the hold had found, the digest of each text (``texts.mask_digest``); None where it
    cleared the hold.
    """

    packet = models.ForeignKey(Packet, on_delete=models.PROTECT, related_name="clearances")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="clearances")
    code = models.CharField(max_length=64)
    target = models.CharField(max_length=300)
    digest = models.CharField(max_length=DIGEST)
    role = models.CharField(max_length=64)
    by = models.CharField(max_length=254)
    user_id = models.BigIntegerField()
    reason = models.CharField(max_length=500)
    masks = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "code", "target", "digest"], name="clearance_once")]


class SeenMark(Owned):
    """That somebody has seen one thing of a packet: ``path`` in the package, as it was under ``digest``."""

    packet = models.ForeignKey(Packet, on_delete=models.PROTECT, related_name="seen")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="seen")
    path = models.CharField(max_length=200)
    digest = models.CharField(max_length=DIGEST)
    user_id = models.BigIntegerField()
    by = models.CharField(max_length=254)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["packet", "user_id", "digest"], name="seen_once_a_person")]


class PictureRedaction(Owned):
    """What one person covered of one picture: ``boxes`` (page, x, y, w, h in thousandths) of exactly
    ``original_digest``, and what was drawn with them. The newest one of an original counts, and only it."""

    packet = models.ForeignKey(Packet, on_delete=models.PROTECT, related_name="redactions")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="redactions")
    artifact = models.CharField(max_length=300)
    original_digest = models.CharField(max_length=DIGEST)
    boxes = models.JSONField()
    pages = models.PositiveSmallIntegerField()
    result_digest = models.CharField(max_length=DIGEST)
    size = models.BigIntegerField()
    role = models.CharField(max_length=64)
    by = models.CharField(max_length=254)
    user_id = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["packet", "original_digest"], name="redaction_of_original")]


class PictureAttestation(Owned):
    """That another person than ``redacted_by_user`` has looked at exactly ``result_digest`` and lets it leave."""

    packet = models.ForeignKey(Packet, on_delete=models.PROTECT, related_name="attestations")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="attestations")
    redaction = models.OneToOneField(PictureRedaction, on_delete=models.PROTECT, related_name="attestation")
    result_digest = models.CharField(max_length=DIGEST)
    role = models.CharField(max_length=64)
    by = models.CharField(max_length=254)
    user_id = models.BigIntegerField()
    redacted_by_user = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(user_id=models.F("redacted_by_user")), name="attestation_by_another_person"
            )
        ]


class AnnexRow(Owned):
    """One artifact in one revision: cleared (``path`` and ``cleared_digest`` set) or held (``reason`` and ``marker``).

    ``artifact`` and ``original_digest`` stay inside. ``report`` counts what was removed; it quotes nothing.
    """

    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="annexes")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    type = models.CharField(max_length=64)
    artifact = models.CharField(max_length=300)
    original_digest = models.CharField(max_length=DIGEST, null=True)  # noqa: DJ001 - None: it could not be read
    path = models.CharField(max_length=200, default="")
    media_type = models.CharField(max_length=100, default="")
    size = models.BigIntegerField(default=0)
    cleared_digest = models.CharField(max_length=DIGEST, null=True)  # noqa: DJ001 - None: it is held
    sanitiser = models.CharField(max_length=64, default="")
    rule_version = models.CharField(max_length=64, default="")
    report = models.JSONField(default=dict)
    reason = models.CharField(max_length=100, default="")
    reasons = models.JSONField(default=list)
    marker = models.CharField(max_length=DIGEST, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["revision", "position"], name="annex_position_once"),
            models.CheckConstraint(
                condition=(Q(cleared_digest__isnull=False, reason="", marker="") & ~Q(path=""))
                | (Q(cleared_digest=None, path="") & ~Q(reason="") & ~Q(marker="")),
                name="annex_cleared_or_held",
            ),
        ]


class Vote(Owned):
    """One person's vote on one revision, with the manifest digest that they posted back."""

    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="votes")
    kind = models.CharField(max_length=16, choices=[(b.value, b.value) for b in VoteKind])
    user_id = models.BigIntegerField(null=True)
    name = models.CharField(max_length=254)
    manifest_digest = models.CharField(max_length=DIGEST, default="")
    reason = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["revision", "user_id"], condition=Q(kind="approve"), name="vote_once_a_person"
            ),
            models.CheckConstraint(
                condition=~Q(kind="approve") | (Q(user_id__isnull=False) & ~Q(manifest_digest="")),
                name="vote_approves_a_digest",
            ),
            models.CheckConstraint(condition=Q(kind="approve") | ~Q(reason=""), name="vote_against_needs_reason"),
        ]


class VoteProof(Owned, SignedAct):
    """How an approval was proved, written with it. Approvals of before there were proofs have none: they are clicks."""

    vote = models.OneToOneField(Vote, on_delete=models.PROTECT, related_name="proof_row")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="proofs")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["nonce"], condition=~Q(nonce=""), name="vote_proof_nonce_once"),
            models.CheckConstraint(
                condition=Q(proof="passkey", enrolment__isnull=False) & ~Q(nonce="") & ~Q(signature="")
                | ~Q(proof="passkey") & Q(nonce="", signature="", statement="", enrolment=None),
                name="vote_proof_signed",
            ),
        ]


class Release(Owned):
    """The decision to release, with both signed envelopes: the package is rebuilt from them, byte for byte."""

    revision = models.OneToOneField(Revision, on_delete=models.PROTECT, related_name="release")
    manifest_digest = models.CharField(max_length=DIGEST, unique=True)
    manifest_envelope = models.BinaryField()
    approvals_envelope = models.BinaryField()
    key_id = models.CharField(max_length=64)
    by = models.CharField(max_length=254)


class DeliveryEntry(Owned):
    """A row of a released revision's delivery ledger. (``revision``, ``sequence``) is unique.

    ``intent``: on a result, the sequence of the intent that it answers. ``deadline_at`` on an intent: until then the
    call may be under way in some process; after it, without a result, its outcome is unknown.
    """

    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="deliveries")
    sequence = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, choices=[(e.value, e.value) for e in DeliveryEventKind])
    intent = models.PositiveIntegerField(null=True)
    worker = models.CharField(max_length=254)
    deadline_at = models.DateTimeField(null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "sequence"], name="delivery_sequence_once")]
