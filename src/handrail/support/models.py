"""The support request: the internal record, which is the truth, and what is known of the one external ticket."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from handrail.access.fields import ForgettableJSONField, ForgettableTextField, Record
from handrail.access.models import Tenant, Workspace
from handrail.connectors.desk import SUMMARY_LIMIT, Severity
from handrail.runbooks.models import OperationRun
from handrail.support.states import (
    EMAIL_MAX,
    KEY_MAX,
    NAME_MAX,
    NOTES_MAX,
    REFERENCE_MAX,
    SUMMARY_MAX,
    URL_MAX,
    AttachmentMode,
    HandoffMode,
    PrimaryContext,
)


class SupportRequest(models.Model):
    """One request. After it was made it can change once, in one write of the four ``external_*`` columns.

    Only a request that asks for a ticket is ever unfinished: mode ``create_external_ticket`` with neither reference nor
    failure. The other modes are complete when they are made. That shape is what the database goes by: it lets an
    unfinished row become a finished one, and refuses every other change (migration 0002). ``handoff_deadline_at``: when
    the process that asked the desk has given up; a row that is unfinished after it was left by a process that died.
    """

    sealed_by = ("ref",)

    ref = models.CharField(max_length=24, unique=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, db_index=False)
    run = models.ForeignKey(OperationRun, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    initiator = models.CharField(max_length=254)
    primary_context = models.CharField(max_length=16, choices=[(c.value, c.value) for c in PrimaryContext])
    attachment_mode = models.CharField(max_length=16, choices=[(m.value, m.value) for m in AttachmentMode])
    severity = models.CharField(max_length=8, choices=[(s.value, s.value) for s in Severity])
    summary = ForgettableTextField(max_length=SUMMARY_MAX)
    reproduction_notes = ForgettableTextField(max_length=NOTES_MAX, default="")
    contact_name = ForgettableTextField(max_length=NAME_MAX)
    contact_email = ForgettableTextField(max_length=EMAIL_MAX)
    context_envelope = ForgettableJSONField()
    submission_key = models.CharField(max_length=KEY_MAX)
    content_digest = models.CharField(max_length=71)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    handoff_deadline_at = models.DateTimeField(null=True)

    external_handoff_mode = models.CharField(
        max_length=24, choices=[(m.value, m.value) for m in HandoffMode], default=HandoffMode.INTERNAL_ONLY
    )
    external_ticket_reference = models.CharField(max_length=REFERENCE_MAX, null=True)  # noqa: DJ001 - null until known
    external_ticket_url = models.CharField(max_length=URL_MAX, null=True)  # noqa: DJ001 - null unless proven
    external_handoff_failure_summary = models.CharField(max_length=SUMMARY_LIMIT, null=True)  # noqa: DJ001 - as above

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "initiator", "submission_key"], name="support_submitted_once"),
            models.CheckConstraint(
                condition=Q(primary_context="tenant", run=None) | Q(primary_context="operation_run", run__isnull=False),
                name="support_context_paired",
            ),
            models.CheckConstraint(
                condition=Q(severity__in=["low", "normal", "high", "urgent"])
                & Q(attachment_mode__in=["redacted_context", "reference_only"]),
                name="support_words_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    external_handoff_mode="internal_only",
                    external_ticket_reference=None,
                    external_ticket_url=None,
                    external_handoff_failure_summary=None,
                )
                | Q(
                    external_handoff_mode="link_existing_ticket",
                    external_ticket_reference__isnull=False,
                    external_handoff_failure_summary=None,
                )
                | (
                    Q(external_handoff_mode="create_external_ticket")
                    & (
                        Q(external_ticket_reference__isnull=False, external_handoff_failure_summary=None)
                        | Q(external_ticket_reference=None, external_ticket_url=None)
                    )
                ),
                name="support_handoff_shape",
            ),
            models.CheckConstraint(
                condition=(Q(external_ticket_reference=None) | ~Q(external_ticket_reference=""))
                & (Q(external_ticket_url=None) | ~Q(external_ticket_url=""))
                & (Q(external_handoff_failure_summary=None) | ~Q(external_handoff_failure_summary="")),
                name="support_handoff_null_not_empty",
            ),
            models.CheckConstraint(
                condition=Q(external_handoff_mode="create_external_ticket", handoff_deadline_at__isnull=False)
                | (~Q(external_handoff_mode="create_external_ticket") & Q(handoff_deadline_at=None)),
                name="support_deadline_paired",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="support_tenant_recent"),
            models.Index(fields=["run", "-created_at"], name="support_run_recent"),
        ]

    def subject_of(self) -> Record:
        return Record(self.tenant_id, self.ref)
