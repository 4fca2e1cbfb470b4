"""A run, its ledgers, and what it leaves behind. Ledger rows are only ever added: the database refuses the rest."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from handrail.access.fields import ForgettableJSONField, ForgettableTextField, Record
from handrail.access.models import Tenant, Workspace
from handrail.access.outlines import OutlinedField
from handrail.definitions.models import Definition
from handrail.runbooks.sealing import DETAIL, EVIDENCE, FIELDS, TASK
from handrail.runbooks.states import (
    EXCLUSIVE,
    BrakeKind,
    EventKind,
    ExceptionCause,
    Handling,
    NoteKind,
    ReviewVerdict,
    RunState,
)
from handrail.runbooks.task_models import TaskMessage as TaskMessage  # noqa: PLC0414 - exported
from handrail.runbooks.task_models import TaskPull as TaskPull  # noqa: PLC0414 - exported
from handrail.runbooks.task_models import TaskRefusal as TaskRefusal  # noqa: PLC0414 - exported
from handrail.runbooks.task_models import TaskUpdate as TaskUpdate  # noqa: PLC0414 - exported
from handrail.runbooks.wavemodels import Wave

ENDED = Q(state__in=["completed", "exception", "cancelled"])


class OfTenant(models.Model):
    """A row of one tenant, found by what it belongs to."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, db_index=False)

    class Meta:
        abstract = True

    @property
    def sealed_record(self) -> str:
        """The record whose key seals what this row holds: its run."""
        owner: Any = self  # its run, or that of its exception packet
        return str(owner.run.ref if hasattr(self, "run_id") else owner.packet.run.ref)

    def subject_of(self) -> Record:
        return Record(self.tenant_id, self.sealed_record)


class OperationRun(models.Model):
    """One execution of a runbook for one task.

    ``due_at``: when any worker may claim the run; the worker that holds its lease keeps extending it. A run that has
    not ended always has it.
    ``failures``: unexpected errors since it last moved, and leases whose worker ended without a word.
    ``held_by``: the session of the worker that has it, 0 for one whose end is not noticed. ``unattended_seconds``: for
    how long it was due since it last moved, and nobody had it.
    ``turn``: which of its tenant and subject's runs this is, counted as they claim it; none before.
    ``made_here``: the task was described on a page, so no task system knows its key, which may be anybody else's too.
    ``wave``: by its reference, the wave that it is a member of; ``wave_round``: in which of its rounds it was let
    begin, at ``admitted_at``; a member without one waits. ``wave_place``: its turn among the members that wait, so that
    each tenant has one before any has a second. ``not_attempted``: its wave gave it back; None else.
    ``runbook`` and ``task_version`` are what the task names; ``definition`` is what was active when it was received.
    """

    ref = models.CharField(max_length=24, unique=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, db_index=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, db_index=False)
    definition = models.ForeignKey(Definition, on_delete=models.PROTECT, db_index=False)
    definition_digest = models.CharField(max_length=71)
    runbook = models.CharField(max_length=64)
    task_key = models.CharField(max_length=128)
    task_version = models.PositiveIntegerField()
    task_digest = models.CharField(max_length=71)
    made_here = models.BooleanField(default=False)
    task = OutlinedField(outline=TASK)
    subject = models.CharField(max_length=400)
    retry_limit = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=16, choices=[(s.value, s.value) for s in RunState])
    requested_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    failures = models.PositiveSmallIntegerField(default=0)
    turn = models.PositiveIntegerField(null=True)
    held_by = models.BigIntegerField(null=True)
    unattended_seconds = models.FloatField(default=0.0)
    wave = models.ForeignKey(
        Wave, to_field="ref", on_delete=models.PROTECT, null=True, db_index=False, related_name="members"
    )
    wave_round = models.PositiveIntegerField(null=True)
    wave_place = models.PositiveIntegerField(null=True)
    admitted_at = models.DateTimeField(null=True)
    not_attempted = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "task_key", "runbook", "task_version", "tenant", "made_here"],
                condition=Q(not_attempted=None),
                name="run_once_a_task",
            ),
            models.UniqueConstraint(
                fields=["tenant", "subject"], condition=Q(state__in=EXCLUSIVE), name="run_one_a_subject"
            ),
            models.UniqueConstraint(fields=["tenant", "subject", "turn"], name="run_turn_once"),
            models.CheckConstraint(
                condition=(ENDED & Q(finished_at__isnull=False, due_at=None))
                | (~ENDED & Q(finished_at=None, due_at__isnull=False)),
                name="run_finished_paired",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-created_at"], name="run_recent"),
            models.Index(fields=["tenant", "-created_at"], name="run_tenant_recent"),
            models.Index(fields=["tenant", "due_at"], condition=Q(due_at__isnull=False), name="run_turn"),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False, failures__gt=0), name="run_recovered"),
            models.Index(fields=["wave", "wave_place", "id"], condition=Q(wave__isnull=False), name="run_wave"),
        ]

    @property
    def sealed_record(self) -> str:
        return self.ref


class Checkpoint(OfTenant):
    """A ledger row. (``run``, ``sequence``) is unique: the worker that adds it first owns what follows.

    ``deadline_at`` on an intent: until then the call may be under way in some process; after it, without a result
    row, its outcome is unknown.
    """

    run = models.ForeignKey(OperationRun, on_delete=models.PROTECT, related_name="checkpoints", db_index=False)
    sequence = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in EventKind])
    step = models.CharField(max_length=64, default="")
    attempt = models.PositiveSmallIntegerField(null=True)
    idempotency_key = models.CharField(max_length=100, default="")
    worker = models.CharField(max_length=254)
    at = models.DateTimeField()
    deadline_at = models.DateTimeField(null=True)
    detail = OutlinedField(outline=DETAIL, default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "sequence"], name="checkpoint_sequence_once")]


class RetryLedgerEntry(OfTenant):
    """One a run, written when it ends: how many attempts, how long waited, and why each was made."""

    run = models.OneToOneField(OperationRun, on_delete=models.PROTECT, related_name="retry_ledger")
    at = models.DateTimeField()
    limit = models.PositiveSmallIntegerField()
    attempts = models.PositiveSmallIntegerField()
    waited_seconds = models.FloatField()
    detail = models.JSONField()


class CompletionRecord(OfTenant):
    run = models.OneToOneField(OperationRun, on_delete=models.PROTECT, related_name="completion")
    at = models.DateTimeField()
    fields = OutlinedField(outline=FIELDS)
    digest = models.CharField(max_length=71)


class ExceptionPacket(OfTenant):
    """What a stopped run publishes. Only the handling columns may change after it was written.

    ``due_at``: until when it should be resolved, where the runbook says so; ``overdue_at``: when it was found that it
    was not. ``outcome``: the code of what became of it, one of those that its runbook had.
    """

    sealed_by = ("ref",)

    ref = models.CharField(max_length=24, unique=True)
    run = models.OneToOneField(OperationRun, on_delete=models.PROTECT, related_name="exception_packet")
    at = models.DateTimeField()
    cause = models.CharField(max_length=32, choices=[(c.value, c.value) for c in ExceptionCause])
    reason = models.CharField(max_length=200)
    message = models.CharField(max_length=500)
    checkpoint = models.CharField(max_length=200)
    step = models.CharField(max_length=64, default="")
    escalate_to = models.CharField(max_length=120)
    fields = OutlinedField(outline=FIELDS)
    evidence = OutlinedField(outline=EVIDENCE)
    attempts = models.JSONField()
    handling = models.CharField(max_length=16, choices=[(h.value, h.value) for h in Handling])
    taken_at = models.DateTimeField(null=True)
    taken_by = models.CharField(max_length=254, null=True)  # noqa: DJ001 - absent, as its pair taken_at
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=254, null=True)  # noqa: DJ001 - absent, as its pair resolved_at
    note = ForgettableTextField(max_length=4000, default="")
    due_at = models.DateTimeField(null=True)
    overdue_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=64, null=True)  # noqa: DJ001 - absent, as its pair resolved_at

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(taken_at=None, taken_by=None) | Q(taken_at__isnull=False, taken_by__isnull=False),
                name="exception_taken_paired",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at=None, resolved_by=None, note="")
                | (Q(resolved_at__isnull=False, resolved_by__isnull=False) & ~Q(note="")),
                name="exception_resolved_paired",
            ),
            models.CheckConstraint(condition=Q(outcome=None) | Q(resolved_at__isnull=False), name="exception_outcome"),
        ]
        indexes = [
            models.Index(fields=["workspace", "handling", "-at"], name="exception_open"),
            # What a worker looks for: late, and not yet found to be.
            models.Index(
                fields=["due_at"],
                condition=Q(due_at__isnull=False, overdue_at=None) & ~Q(handling="resolved"),
                name="exception_due",
            ),
        ]


class ExceptionNote(OfTenant):
    """What somebody wrote about an exception packet before it was resolved. Never changed; its event has the digest."""

    sealed_by = ("packet_id", "at")

    packet = models.ForeignKey(ExceptionPacket, on_delete=models.PROTECT, related_name="notes")
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in NoteKind])
    text = ForgettableTextField(max_length=4000)


class Rereading(OfTenant):
    """The declared reads of a stopped run, made once more for a person. Never changed.

    ``values``: by dotted name, those that the packet may carry; ``withheld``: the names of the others. ``differing``:
    the names whose values are not those of the packet any more, or not of before. ``evidence``: source, version, digest
    and time of each read; ``unread``: by read, why it could not be made.
    """

    sealed_by = ("packet_id", "at")

    packet = models.ForeignKey(ExceptionPacket, on_delete=models.PROTECT, related_name="rereadings")
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    values = ForgettableJSONField()
    withheld = models.JSONField()
    differing = models.JSONField()
    evidence = ForgettableJSONField(empty=list)
    unread = models.JSONField()


class FollowUp(OfTenant):
    """A run that a person started from an exception packet, which they have. Never changed.

    ``number``: which of the packet's it is, from 1. While ``by`` has the packet, its fence lets this run pass.
    """

    packet = models.ForeignKey(ExceptionPacket, on_delete=models.PROTECT, related_name="follow_ups", db_index=False)
    run = models.OneToOneField(OperationRun, on_delete=models.PROTECT, related_name="follow_up")
    number = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    by = models.CharField(max_length=254)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["packet", "number"], name="follow_up_once")]


class Report(OfTenant):
    """The report of a run's outcome to the task system: repeated until it is delivered once, or ends undelivered.

    ``due_at``: when any worker may claim it, or until when one has it. ``attempts``: how many were begun, counted with
    the claim. ``tried_until``: after it no further attempt is made; set with the first one. Without ``due_at`` and
    ``delivered_at`` it ended undelivered, and ``failure`` says why.
    """

    run = models.OneToOneField(OperationRun, on_delete=models.PROTECT, related_name="report")
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    tried_until = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=200, default="")
    failure_code = models.CharField(max_length=32, default="", db_default="")
    unproven = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [models.Index(fields=["tenant", "due_at"], condition=Q(due_at__isnull=False), name="report_turn")]


class Brake(models.Model):
    """A pause that a person ordered, and its end. ``released_*`` are written once, by the person who ends it.

    ``target``: the connector's name, or the id of ``tenant`` or ``definition`` as text; empty for the rest.
    """

    ref = models.CharField(max_length=24, unique=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True)
    definition = models.ForeignKey(Definition, on_delete=models.PROTECT, null=True)
    kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in BrakeKind])
    target = models.CharField(max_length=128, default="")
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    reason = models.CharField(max_length=500)
    released_at = models.DateTimeField(null=True)
    released_by = models.CharField(max_length=254, null=True)  # noqa: DJ001 - absent, as its pair released_at
    release_reason = models.CharField(max_length=500, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "kind", "target"], condition=Q(released_at=None), name="brake_once"
            ),
            models.CheckConstraint(
                condition=Q(released_at=None, released_by=None, release_reason="")
                | (Q(released_at__isnull=False, released_by__isnull=False) & ~Q(release_reason="")),
                name="brake_released_paired",
            ),
            models.CheckConstraint(
                condition=Q(kind="tenant", tenant__isnull=False, definition=None)
                | Q(kind="runbook", tenant=None, definition__isnull=False)
                | Q(kind__in=["everything", "intake", "connector"], tenant=None, definition=None),
                name="brake_target_fits",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "-at"], name="brake_recent")]


class StopRequest(OfTenant):
    """A person's order to stop a run, taken at its next decision. One a run, never changed."""

    run = models.OneToOneField(OperationRun, on_delete=models.PROTECT, related_name="stop_request")
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    reason = models.CharField(max_length=500)


class WrongCompletion(OfTenant):
    """A person's word that a completed run was wrong. One a run, never changed; the record itself stays.

    ``found_in``: the reference of the exception packet or support request that shows it; empty where none does.
    """

    run = models.OneToOneField(OperationRun, on_delete=models.PROTECT, related_name="wrong_completion")
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    reason = models.CharField(max_length=500)
    found_in = models.CharField(max_length=24, default="")


class SampledRun(OfTenant):
    """A completed run that was drawn for a second look, written with its completion. Never changed. ``share``: of how
    many runs of its runbook one in how many was drawn then, as a fraction."""

    run = models.OneToOneField(OperationRun, on_delete=models.PROTECT, related_name="sampled")
    at = models.DateTimeField()
    share = models.FloatField()

    class Meta:
        indexes = [models.Index(fields=["workspace", "at"], name="sampled_by_time")]


class RunReview(OfTenant):
    """What a second look at a drawn run has found. One a run, never changed."""

    run = models.OneToOneField(OperationRun, on_delete=models.PROTECT, related_name="review")
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    verdict = models.CharField(max_length=16, choices=[(v.value, v.value) for v in ReviewVerdict])
    reason = models.CharField(max_length=500)


class PausedRun(OfTenant):
    """Which brake a run was last found to wait for; without one, for its runbook version to become active again.

    With a ``connector`` it waits for that one instead, for the ``cause`` (``limits.gatestate.WaitCause``), ``until``
    where that is known; ``passed_at``: it does so no more. ``waited_seconds``: for limits, since the run's last row.
    ``resumed_at``: when its wait before this one ended, for a person or for a service in trouble.

    A note for those who look and those who resume, not a state: it counts only while the brake holds and the run has
    not moved since (``run_updated_at`` is the run's ``updated_at``).
    """

    run = models.OneToOneField(OperationRun, on_delete=models.PROTECT, related_name="paused")
    brake = models.ForeignKey(Brake, on_delete=models.PROTECT, null=True)
    at = models.DateTimeField()
    run_updated_at = models.DateTimeField()
    connector = models.CharField(max_length=128, default="", db_default="")
    cause = models.CharField(max_length=16, default="", db_default="")
    until = models.DateTimeField(null=True)
    waited_seconds = models.FloatField(default=0.0, db_default=0.0)
    passed_at = models.DateTimeField(null=True)
    resumed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["connector"], condition=~Q(connector=""), name="paused_connector")]
