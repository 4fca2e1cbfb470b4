"""What is decided about revisions, and what was delivered. What was assembled, voted or delivered is only added to: the
database refuses the rest."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from handrail.access.fields import ForgettableBinaryField, ForgettableJSONField, ForgettableTextField, Record
from handrail.access.models import SignedAct
from handrail.access.outlines import Outline, OutlinedField
from handrail.access.subjects import KeyKind
from handrail.packets.casemodels import DIGEST, OfRevision, Owned, Packet, Revision
from handrail.packets.states import DeliveryEventKind, VoteKind

__all__ = ["DIGEST", "Packet", "Revision"]


class Assembly(OfRevision):
    """The bytes of one revision, and the manifest over them.

    Without ``manifest`` (and its digest) nobody can sign it: ``fault`` is the reason. ``audience``: label, recipients,
    classes shown and never shown. ``tables``: name to version and digest of the reference tables that were used.
    """

    revision = models.OneToOneField(Revision, on_delete=models.PROTECT, related_name="assembly")
    packet = ForgettableTextField()
    trace = ForgettableTextField()
    holds = ForgettableTextField()
    packet_digest = models.CharField(max_length=DIGEST)
    trace_digest = models.CharField(max_length=DIGEST)
    holds_digest = models.CharField(max_length=DIGEST)
    sources_digest = models.CharField(max_length=DIGEST)
    schema_digest = models.CharField(max_length=DIGEST)
    manifest = ForgettableBinaryField(null=True, kind=KeyKind.RELEASED)
    manifest_digest = models.CharField(max_length=DIGEST, null=True)  # noqa: DJ001 - absent, as its pair manifest
    fault = models.CharField(max_length=500, default="")
    tables = models.JSONField()
    audience = models.JSONField()
    expires_at = models.DateTimeField()
    sealed_by: ClassVar = ("revision_id",)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["manifest_digest"], name="assembly_manifest_once"),
            models.CheckConstraint(
                condition=Q(manifest=None, manifest_digest=None)
                | Q(manifest__isnull=False, manifest_digest__isnull=False, fault=""),
                name="assembly_manifest_paired",
            ),
        ]


class Snapshot(OfRevision):
    """One source as it was read, once, for one revision. ``at`` is when it was read."""

    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="snapshots")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=64)
    record = ForgettableTextField(max_length=400)
    version = ForgettableTextField(max_length=200, null=True)
    digest = models.CharField(max_length=DIGEST, null=True)  # noqa: DJ001 - None: there was no usable answer
    raw_digest = models.CharField(max_length=DIGEST, null=True)  # noqa: DJ001 - as above
    values = ForgettableJSONField()
    problems = ForgettableJSONField()
    sealed_by: ClassVar = ("revision_id", "name")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "name"], name="snapshot_once")]


class HoldRow(OfRevision):
    """One hold of one revision. ``internal``: the facts for those who decide; they never leave."""

    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="holds")
    position = models.PositiveIntegerField()
    code = models.CharField(max_length=64)
    scope = models.CharField(max_length=16)
    target = models.CharField(max_length=300)
    owner = models.CharField(max_length=64)
    clears = models.JSONField()
    blocking = models.BooleanField()
    message = ForgettableTextField()
    released_by = ForgettableTextField()
    digest = models.CharField(max_length=DIGEST)
    cleared = models.ForeignKey("Clearance", on_delete=models.PROTECT, null=True, related_name="+")
    internal = ForgettableJSONField()
    masks = models.JSONField(null=True)  # the roles that may mask what it found; None before there were any
    sealed_by: ClassVar = ("revision_id", "position")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "position"], name="hold_position_once")]


class Clearance(OfRevision):
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
    reason = ForgettableTextField(max_length=500)
    masks = models.JSONField(null=True)
    sealed_by: ClassVar = ("revision_id", "code", "target", "digest")

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


class PictureRedaction(OfRevision):
    """What one person covered of one picture: ``boxes`` (page, x, y, w, h in thousandths) of exactly
    ``original_digest``, and what was drawn with them. The newest one of an original counts, and only it."""

    packet = models.ForeignKey(Packet, on_delete=models.PROTECT, related_name="redactions")
    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="redactions")
    artifact = ForgettableTextField(max_length=300)
    original_digest = models.CharField(max_length=DIGEST)
    boxes = models.JSONField()
    pages = models.PositiveSmallIntegerField()
    result_digest = models.CharField(max_length=DIGEST)
    size = models.BigIntegerField()
    role = models.CharField(max_length=64)
    by = models.CharField(max_length=254)
    user_id = models.BigIntegerField()
    sealed_by: ClassVar = ("revision_id", "original_digest", "result_digest", "user_id")

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


class AnnexRow(OfRevision):
    """One artifact in one revision: cleared (``path`` and ``cleared_digest`` set) or held (``reason`` and ``marker``).

    ``artifact`` and ``original_digest`` stay inside. ``report`` counts what was removed; it quotes nothing.
    """

    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="annexes")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    type = models.CharField(max_length=64)
    artifact = ForgettableTextField(max_length=300)
    original_digest = models.CharField(max_length=DIGEST, null=True)  # noqa: DJ001 - None: it could not be read
    path = models.CharField(max_length=200, default="")
    media_type = models.CharField(max_length=100, default="")
    size = models.BigIntegerField(default=0)
    cleared_digest = models.CharField(max_length=DIGEST, null=True)  # noqa: DJ001 - None: it is held
    sanitiser = models.CharField(max_length=64, default="")
    rule_version = models.CharField(max_length=64, default="")
    report = ForgettableJSONField(default=dict)
    reason = models.CharField(max_length=100, default="")
    reasons = models.JSONField(default=list)
    marker = models.CharField(max_length=DIGEST, default="")
    sealed_by: ClassVar = ("revision_id", "position")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["revision", "position"], name="annex_position_once"),
            models.CheckConstraint(
                condition=(Q(cleared_digest__isnull=False, reason="", marker="") & ~Q(path=""))
                | (Q(cleared_digest=None, path="") & ~Q(reason="") & ~Q(marker="")),
                name="annex_cleared_or_held",
            ),
        ]


class Vote(OfRevision):
    """One person's vote on one revision, with the manifest digest that they posted back."""

    revision = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="votes")
    kind = models.CharField(max_length=16, choices=[(b.value, b.value) for b in VoteKind])
    user_id = models.BigIntegerField(null=True)
    name = models.CharField(max_length=254)
    manifest_digest = models.CharField(max_length=DIGEST, default="")
    reason = ForgettableTextField(max_length=500, default="")
    sealed_by: ClassVar = ("revision_id", "kind", "user_id")

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


class Release(OfRevision):
    """The decision to release, with both signed envelopes: the package is rebuilt from them, byte for byte."""

    revision = models.OneToOneField(Revision, on_delete=models.PROTECT, related_name="release")
    manifest_digest = models.CharField(max_length=DIGEST, unique=True)
    manifest_envelope = ForgettableBinaryField(kind=KeyKind.RELEASED)
    approvals_envelope = ForgettableBinaryField(kind=KeyKind.RELEASED)
    key_id = models.CharField(max_length=64)
    by = models.CharField(max_length=254)
    sealed_by: ClassVar = ("revision_id",)


# What figures, workers and the log of what was sent go by. What people or vendors wrote is not in it.
DELIVERY = Outline(
    clear=frozenset(
        {
            *("manifest", "package_digest", "sent_digest", "encrypted_to", "lane", "key", "upload_address"),
            *("class", "asks", "trouble", "lane_state", "statement", "stale", "by", "said_by", "user_id"),
            *("reply", "number", "codes", "digest", "bytes", "revision"),
        }
    )
)


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
    detail = OutlinedField(outline=DELIVERY, kind=KeyKind.RELEASED, default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["revision", "sequence"], name="delivery_sequence_once")]

    @property
    def sealed_record(self) -> str:
        """The packet whose key seals what was said. It lives as long as what was released."""
        return str(self.revision.packet.ref)


class Forgetting(Owned):
    """That something of a packet was forgotten: ``kind`` of its keys, and why (``ForgetReason``)."""

    packet = models.ForeignKey(Packet, on_delete=models.PROTECT, related_name="forgettings")
    kind = models.CharField(max_length=16)
    reason = models.CharField(max_length=16)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["packet", "kind"], name="forgetting_once")]


class GivenUploadAddress(Owned):
    """Where the vendor lets one package of this packet be put. ``uploads`` says whether it was used."""

    packet = models.ForeignKey(Packet, on_delete=models.PROTECT, related_name="upload_addresses")
    address = ForgettableTextField(max_length=8000)
    expires_at = models.DateTimeField()
    by = models.CharField(max_length=254)
    user_id = models.BigIntegerField(null=True)

    sealed_by: ClassVar = ("packet_id", "expires_at", "by")

    def subject_of(self) -> Record:
        return Record(self.tenant_id, self.packet.ref)
