"""What people were notified of: which events, through which channel.

``workspace_id`` and ``tenant_id`` are those of the event, 0 for none, as in the outbox: what concerns the whole
installation is notified too.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from handrail.notifications.states import DeliveryOutcome, RecipientKind, Watched


class Notification(models.Model):
    """One message to one recipient: of one event, or of like ones that came soon after each other.

    ``recipient``: the name of a responder, or the id of a user. ``kind``: see ``rules``. ``grouping``: like events of
    one recipient have the same one. ``closed_at``: when the first channel was about to be called; from then on no event
    joins. ``notified_at``: when the first channel had it.
    """

    workspace_id = models.BigIntegerField()
    at = models.DateTimeField()
    recipient_kind = models.CharField(max_length=16, choices=[(k.value, k.value) for k in RecipientKind])
    recipient = models.CharField(max_length=64)
    kind = models.CharField(max_length=32)
    grouping = models.CharField(max_length=400)
    closed_at = models.DateTimeField(null=True)
    notified_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace_id", "recipient_kind", "recipient", "grouping"],
                condition=Q(closed_at=None),
                name="notification_open_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace_id", "recipient_kind", "recipient", "grouping", "-at"], name="notification_like"
            ),
            models.Index(fields=["workspace_id", "-at"], name="notification_recent"),
        ]


class NotifiedEvent(models.Model):
    """An event that a notification tells of. ``subject``: the reference of what it is about, as its page shows it.
    ``notified_at``: when the first channel had it."""

    notification = models.ForeignKey(Notification, on_delete=models.PROTECT, related_name="events")
    workspace_id = models.BigIntegerField()
    tenant_id = models.BigIntegerField()
    event_id = models.BigIntegerField()
    event = models.CharField(max_length=64)
    at = models.DateTimeField()
    subject_kind = models.CharField(max_length=32)
    subject = models.CharField(max_length=254)
    notified_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notification", "event_id"], name="notified_once")]
        indexes = [models.Index(fields=["workspace_id", "subject"], name="notified_subject")]


class ChannelDelivery(models.Model):
    """A notification on its way through one channel, and the key under which the channel knows it: ``ref``.

    ``due_at``: when any worker may claim it, or until when one has it. ``deadline_at``: an intent; until then the call
    may be under way, and after it, without an outcome, the answer was lost. ``attempts`` are counted with the intent.
    ``receipt``: what the channel called it. ``channel`` is empty where the recipient has none, which ``failure`` says.
    """

    ref = models.CharField(max_length=24, unique=True)
    notification = models.ForeignKey(Notification, on_delete=models.PROTECT, related_name="deliveries")
    workspace_id = models.BigIntegerField()
    tenant_id = models.BigIntegerField()
    channel = models.CharField(max_length=64)
    at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    due_at = models.DateTimeField(null=True)
    tried_until = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(
        max_length=16,
        choices=[(o.value, o.value) for o in DeliveryOutcome],
        default=DeliveryOutcome.WAITING,
        db_default="waiting",
    )
    failure = models.CharField(max_length=200, default="", db_default="")
    receipt = models.CharField(max_length=200, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notification", "channel"], name="delivery_once"),
            models.CheckConstraint(
                condition=Q(outcome="waiting", ended_at=None, due_at__isnull=False)
                | (~Q(outcome="waiting") & Q(ended_at__isnull=False, due_at=None)),
                name="delivery_ended_paired",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant_id", "due_at"], condition=Q(due_at__isnull=False), name="delivery_turn"),
            models.Index(
                fields=["outcome"], condition=Q(outcome__in=["failed", "unknown", "dropped"]), name="delivery_failed"
            ),
        ]


class Reminder(models.Model):
    """Something that is looked at again at ``due_at``: whether somebody has taken it, or that it expires.

    ``responder`` is notified next; ``step``: how many of its steps were taken; ``hops``: how many responders gave up on
    it. ``begun_at``: since when the present responder has been notified.
    """

    workspace_id = models.BigIntegerField()
    tenant_id = models.BigIntegerField()
    watched = models.CharField(max_length=16, choices=[(w.value, w.value) for w in Watched])
    subject = models.CharField(max_length=24)
    responder = models.CharField(max_length=64, default="", db_default="")
    begun_at = models.DateTimeField()
    step = models.PositiveSmallIntegerField(default=0, db_default=0)
    hops = models.PositiveSmallIntegerField(default=0, db_default=0)
    due_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace_id", "watched", "subject"], name="reminder_once")]
        indexes = [models.Index(fields=["tenant_id", "due_at"], name="reminder_turn")]


class NotificationChoice(models.Model):
    """Whether a person wants e-mail of one kind, where they have said so; otherwise their roles decide (``rules``)."""

    workspace_id = models.BigIntegerField()
    user_id = models.BigIntegerField()
    kind = models.CharField(max_length=32)
    email = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace_id", "user_id", "kind"], name="choice_once")]
