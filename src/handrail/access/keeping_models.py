"""What stops forgetting, and what was forgotten. ``models`` has them beside the others."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class LegalHold(models.Model):
    """Nothing of the tenant is forgotten while a hold of it stands. One person sets it; two lift it: ``lift_asked_by``
    asks, ``lifted_by`` confirms."""

    ref = models.CharField(max_length=24, unique=True)
    workspace = models.ForeignKey("access.Workspace", on_delete=models.PROTECT)
    tenant = models.ForeignKey("access.Tenant", on_delete=models.PROTECT, db_index=False)
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    reason = models.CharField(max_length=500)
    lift_asked_at = models.DateTimeField(null=True)
    lift_asked_by = models.CharField(max_length=254, null=True)  # noqa: DJ001 - absent, as its pair lift_asked_at
    lift_reason = models.CharField(max_length=500, default="")
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.CharField(max_length=254, null=True)  # noqa: DJ001 - absent, as its pair lifted_at

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(lift_asked_at=None, lift_asked_by=None, lift_reason="")
                | (Q(lift_asked_at__isnull=False, lift_asked_by__isnull=False) & ~Q(lift_reason="")),
                name="hold_lift_asked_paired",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by=None)
                | Q(lifted_at__isnull=False, lifted_by__isnull=False, lift_asked_by__isnull=False),
                name="hold_lifted_paired",
            ),
            models.CheckConstraint(
                condition=Q(lifted_by=None) | ~Q(lifted_by=F("lift_asked_by")), name="hold_lifted_by_two"
            ),
        ]
        indexes = [models.Index(fields=["tenant"], condition=Q(lifted_at=None), name="hold_stands")]


class Erasure(models.Model):
    """That a tenant is to be forgotten. One person asks, another confirms; ``certificate`` says what became of it.

    ``envelope``: the certificate as it was signed. A row without ``finished_at`` that was confirmed goes on, also
    where a process was killed in between.
    """

    ref = models.CharField(max_length=24, unique=True)
    workspace = models.ForeignKey("access.Workspace", on_delete=models.PROTECT)
    tenant = models.ForeignKey("access.Tenant", on_delete=models.PROTECT, db_index=False)
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    reason = models.CharField(max_length=500)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.CharField(max_length=254, null=True)  # noqa: DJ001 - absent, as its pair withdrawn_at
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.CharField(max_length=254, null=True)  # noqa: DJ001 - absent, as its pair confirmed_at
    finished_at = models.DateTimeField(null=True)
    certificate = models.TextField(default="")
    envelope = models.TextField(default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant"], condition=Q(withdrawn_at=None), name="erasure_once"),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None, withdrawn_by=None)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False, confirmed_at=None),
                name="erasure_withdrawn_paired",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at=None, confirmed_by=None)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False),
                name="erasure_confirmed_paired",
            ),
            models.CheckConstraint(condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("by")), name="erasure_by_two"),
            models.CheckConstraint(
                condition=Q(finished_at=None, certificate="", envelope="")
                | (Q(finished_at__isnull=False, confirmed_at__isnull=False) & ~Q(certificate="") & ~Q(envelope="")),
                name="erasure_finished_paired",
            ),
        ]
