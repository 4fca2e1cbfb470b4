"""Definitions as kept: the text never changes after it was proposed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from handrail.access.models import SignedAct, Workspace
from handrail.definitions.states import DefinitionKind, DefinitionState


class Definition(models.Model):
    """``decided_*`` speaks of approval or rejection; ``deprecated_*`` of the end of an active definition;
    ``return_requested_*`` and ``returned_*`` of the way back from there, which its next deprecation clears."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in DefinitionKind])
    name = models.CharField(max_length=64)
    version = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    owner = models.CharField(max_length=254)
    text = models.TextField()
    digest = models.CharField(max_length=71)
    state = models.CharField(max_length=16, choices=[(s.value, s.value) for s in DefinitionState])
    proposed_at = models.DateTimeField()
    proposed_by = models.CharField(max_length=254)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=254, null=True)  # noqa: DJ001 - absent, as its pair decided_at
    reason = models.CharField(max_length=500, default="")
    deprecated_at = models.DateTimeField(null=True)
    deprecated_by = models.CharField(max_length=254, null=True)  # noqa: DJ001 - absent, as its pair deprecated_at

    return_requested_at = models.DateTimeField(null=True)
    return_requested_by = models.CharField(max_length=254, null=True)  # noqa: DJ001 - absent, as return_requested_at
    return_reason = models.CharField(max_length=500, default="")
    returned_at = models.DateTimeField(null=True)
    returned_by = models.CharField(max_length=254, null=True)  # noqa: DJ001 - absent, as its pair returned_at

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "kind", "name", "version"], name="definition_version_once"),
            models.UniqueConstraint(
                fields=["workspace", "kind", "name"], condition=Q(state="active"), name="definition_one_active"
            ),
            models.CheckConstraint(
                condition=Q(decided_at=None, decided_by=None) | Q(decided_at__isnull=False, decided_by__isnull=False),
                name="definition_decided_paired",
            ),
            models.CheckConstraint(
                condition=Q(deprecated_at=None, deprecated_by=None)
                | Q(deprecated_at__isnull=False, deprecated_by__isnull=False),
                name="definition_deprecated_paired",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=models.F("proposed_by")),
                name="definition_two_people",
            ),
            models.CheckConstraint(
                condition=Q(return_requested_at=None, return_requested_by=None, return_reason="")
                | (Q(return_requested_at__isnull=False, return_requested_by__isnull=False) & ~Q(return_reason="")),
                name="definition_return_paired",
            ),
            models.CheckConstraint(
                condition=Q(returned_at=None, returned_by=None)
                | Q(returned_at__isnull=False, returned_by__isnull=False, return_requested_by__isnull=False),
                name="definition_returned_paired",
            ),
            models.CheckConstraint(
                condition=Q(returned_by=None) | ~Q(returned_by=models.F("return_requested_by")),
                name="definition_return_two_people",
            ),
        ]


class DecisionProof(SignedAct):
    """How a decision that made a definition active was proved, written with it. ``act``: ``approve`` or ``return``."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    definition = models.ForeignKey(Definition, on_delete=models.PROTECT, related_name="proofs")
    act = models.CharField(max_length=16)
    at = models.DateTimeField()
    by = models.CharField(max_length=254)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["nonce"], condition=~Q(nonce=""), name="decision_proof_nonce_once"),
            models.CheckConstraint(
                condition=Q(proof="passkey", enrolment__isnull=False) & ~Q(nonce="") & ~Q(signature="")
                | ~Q(proof="passkey") & Q(nonce="", signature="", statement="", enrolment=None),
                name="decision_proof_signed",
            ),
        ]
