"""Decides who is notified of an event, and writes the messages, each once for each recipient and channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.audit.actions import published_done, record
from handrail.audit.events import EventName, EventOutcome
from handrail.audit.queries import Published, find_published
from handrail.connectors import channels
from handrail.connectors.channels import OpenChannel, Responder
from handrail.kernel.clock import now
from handrail.kernel.errors import Stale
from handrail.kernel.ids import Prefix, new_ref
from handrail.kernel.scope import entered
from handrail.notifications import leases, people, reminders
from handrail.notifications.models import ChannelDelivery, Notification, NotifiedEvent
from handrail.notifications.people import Facts, PersonNotified
from handrail.notifications.rules import RULES, Rule
from handrail.notifications.states import DeliveryOutcome, RecipientKind
from handrail.work.lease import Claim
from handrail.work.wake import wake

log = structlog.get_logger("handrail.notifications")

EMAIL = "email"
REASON_LIMIT = 200
# Longer than any responder's name: a runbook that can't be followed escalates to its owner, who is called as one likes.
RECIPIENT_LIMIT = 64
NO_CHANNEL = ""
# How often another worker may be first, and its message leave at once, before this one is tried again later.
MOST_RACES = 5
WORKER = "notifications"
# What people choose by stands beside what responders are notified of.
RESPONDER = "responder"


@dataclass(frozen=True, slots=True)
class _To:
    """One recipient: who, of which kind, through which channels; ``no_channel``: why through none."""

    kind: RecipientKind
    name: str
    about: str
    channels: Sequence[str]
    no_channel: str = ""


@transaction.atomic
def publish(*, claim: Claim, by: Actor) -> None:
    """Decides who is notified of the event of a claimed outbox row, in one transaction with the row's end, so that
    nobody is notified twice and nobody forgotten. What fails is tried again, later each time, for as long as it
    takes."""
    event = find_published(claim.id, claim.lease)
    if event is None:
        return
    rule = RULES.get(EventName(event.event))
    if rule is not None:
        _publish_within(event, rule, by)
        if not event.workspace_id:
            _publish_everywhere(event, rule, by)
    published_done(claim.id)
    wake(leases.MESSAGES.name)


def _publish_everywhere(event: Published, rule: Rule, by: Actor) -> None:
    """What concerns the installation is notified to the people of each workspace, once each, and to no responder
    twice."""
    notified: set[int] = set()
    for workspace in access.workspace_ids():
        worker = access.worker(by.name, workspace)
        with entered(worker.scope):
            facts = people.facts_of(event, worker)
            for person in people.audience_of(facts, rule, worker).people:
                if person.user_id not in notified:
                    notified.add(person.user_id)
                    _write(workspace, facts, _person(person))


def _publish_within(event: Published, rule: Rule, by: Actor) -> None:
    facts = people.facts_of(event, by)
    audience = people.audience_of(facts, rule, by)
    slug = _slug(by)
    for name in audience.responders:
        if (to := _responder(name, slug, facts)) is not None:
            _write(event.workspace_id, facts, to)
    for person in audience.people:
        _write(event.workspace_id, facts, _person(person))
    if audience.unheard:
        no_channel = f"No mail reaches anybody with the role {audience.unheard} and access to it."[:REASON_LIMIT]
        _write(event.workspace_id, facts, _To(RecipientKind.RESPONDER, audience.unheard, RESPONDER, (), no_channel))
    reminders.keep(facts, slug)


def _slug(by: Actor) -> str:
    found = access.workspace_summary(by) if by.workspace_id else None
    return found.slug if found is not None else ""


def _person(person: PersonNotified) -> _To:
    usable = (EMAIL,) if channels.current().mail is not None else ()
    return _To(RecipientKind.PERSON, str(person.user_id), person.kind.value, usable)


def _responder(name: str, workspace: str, facts: Facts) -> _To | None:
    """Through which channels a responder hears of this event; None where nobody is configured at all."""
    configured = channels.current()
    if not configured.by_key:
        return None
    responder = configured.find(name, workspace)
    if responder is None:
        no_channel = f"No responder called {name} is configured for this workspace."[:REASON_LIMIT]
        return _To(RecipientKind.RESPONDER, name[:RECIPIENT_LIMIT], RESPONDER, (), no_channel)
    return _To(RecipientKind.RESPONDER, name, RESPONDER, [one.name for one in _channels(responder, facts)])


def _channels(responder: Responder, facts: Facts) -> Sequence[OpenChannel]:
    """Those that are notified at once; of an exception packet that nobody has taken, those whose turn it is; of one
    that is resolved, those that heard of it."""
    step = facts.event.context.get("step")
    if facts.event.event == EventName.EXCEPTION_NOT_TAKEN and isinstance(step, int):
        if facts.event.context.get("handed_on"):
            return responder.first
        steps = responder.steps()
        return steps[step][1] if step < len(steps) else ()
    if facts.event.event == EventName.EXCEPTION_RESOLVED:
        rows = ChannelDelivery.objects.filter(
            workspace_id=facts.event.workspace_id,
            notification__recipient_kind=RecipientKind.RESPONDER,
            notification__recipient=responder.name,
            notification__events__subject=facts.subject,
        )
        heard = set(rows.values_list("channel", flat=True))
        return [one for one in responder.channels if one.name in heard]
    return responder.first


def _write(workspace_id: int, facts: Facts, to: _To) -> None:
    """Adds the event to the recipient's open message of its kind, or begins one. Nothing without channels, unless it
    has to be said why there are none."""
    if not to.channels and not to.no_channel:
        return
    event, at = facts.event, now()
    grouping = _grouping(facts, to)
    message = _open(workspace_id, to, grouping) or _begin(workspace_id, to, grouping, at)
    NotifiedEvent.objects.get_or_create(
        notification=message,
        event_id=event.id,
        defaults={
            "workspace_id": workspace_id,
            "tenant_id": event.tenant_id,
            "event": event.event,
            "at": event.at,
            "subject_kind": facts.subject_kind,
            "subject": facts.subject,
        },
    )
    due = _due(message, at)
    for channel in to.channels:
        add_delivery(message, channel, due, tenant_id=event.tenant_id)
    if to.no_channel:
        _write_no_channel(message, to, event)


def _write_no_channel(message: Notification, to: _To, event: Published) -> None:
    """There is no way to the recipient: that is kept, shown, audited and counted like every failure."""
    at = now()
    delivery, created = ChannelDelivery.objects.get_or_create(
        notification=message,
        channel=NO_CHANNEL,
        defaults={
            "ref": new_ref(Prefix.NOTIFICATION),
            "workspace_id": message.workspace_id,
            "tenant_id": event.tenant_id,
            "at": at,
            "due_at": None,
            "ended_at": at,
            "outcome": DeliveryOutcome.DROPPED,
            "failure": to.no_channel,
        },
    )
    if created:
        record_stopped(delivery, access.worker(WORKER, message.workspace_id))


def record_stopped(delivery: ChannelDelivery, by: Actor) -> None:
    """The event of a delivery that has ended, and not by being delivered."""
    record(
        EventName.NOTIFICATION_STOPPED,
        by=by,
        tenant_id=delivery.tenant_id or None,
        subject_kind="notification",
        subject=delivery.ref,
        outcome=EventOutcome.FAILED,
        recipient=delivery.notification.recipient,
        channel=delivery.channel or None,
        result=delivery.outcome,
        about=delivery.notification.events.values_list("subject", flat=True).first(),
    )


def add_delivery(message: Notification, channel: str, due: datetime, *, tenant_id: int) -> None:
    """A delivery of ``message`` through ``channel`` at ``due``, unless there is one."""
    tried = timedelta(seconds=channels.current().settings.tried_seconds)
    ChannelDelivery.objects.get_or_create(
        notification=message,
        channel=channel,
        defaults={
            "ref": new_ref(Prefix.NOTIFICATION),
            "workspace_id": message.workspace_id,
            "tenant_id": tenant_id,
            "at": now(),
            "due_at": due,
            "tried_until": due + tried,
        },
    )


def _open(workspace_id: int, to: _To, grouping: str) -> Notification | None:
    """The recipient's message of this grouping that has not left yet, locked, so that it does not leave just now."""
    rows = Notification.objects.select_for_update().filter(
        workspace_id=workspace_id, recipient_kind=to.kind, recipient=to.name, grouping=grouping, closed_at=None
    )
    return rows.first()


def _begin(workspace_id: int, to: _To, grouping: str, at: datetime) -> Notification:
    """A new message; or the one that another worker has begun for the same recipient and grouping just now."""
    for _ in range(MOST_RACES):
        try:
            with transaction.atomic():
                return Notification.objects.create(
                    workspace_id=workspace_id,
                    at=at,
                    recipient_kind=to.kind,
                    recipient=to.name,
                    kind=to.about,
                    grouping=grouping,
                    closed_at=None if to.channels else at,
                )
        except IntegrityError:
            if (message := _open(workspace_id, to, grouping)) is not None:
                return message
    raise Stale


def _due(message: Notification, at: datetime) -> datetime:
    """When a message leaves: after a moment in which like events join; the next one of its grouping only when
    ``digest_seconds`` have passed since the one before."""
    settings = channels.current().settings
    due = message.at + timedelta(seconds=settings.gather_seconds)
    before = (
        Notification.objects.filter(
            workspace_id=message.workspace_id,
            recipient_kind=message.recipient_kind,
            recipient=message.recipient,
            grouping=message.grouping,
            closed_at__isnull=False,
        )
        .order_by("-at")
        .values_list("closed_at", flat=True)
        .first()
    )
    if before is not None:
        due = max(due, before + timedelta(seconds=settings.digest_seconds))
    return max(due, at)


def _grouping(facts: Facts, to: _To) -> str:
    """What like events share: of exception packets runbook and reason, of others the event and what refused it."""
    event = facts.event
    if event.event == EventName.EXCEPTION_RESOLVED:
        # Those that were notified of together are resolved together, so that a pager finds their one incident.
        rows = Notification.objects.filter(
            workspace_id=event.workspace_id, recipient_kind=to.kind, recipient=to.name, events__subject=facts.subject
        )
        first = rows.order_by("pk").values_list("pk", flat=True).first()
        same = f"{facts.exception.runbook if facts.exception else ''}:{first if first is not None else ''}"
    elif facts.exception is not None:
        same = f"{facts.exception.runbook}:{facts.exception.reason}"
    else:
        same = str(event.context.get("code", ""))
    step = event.context.get("step", "")
    return f"{to.about}:{event.event}:{same}:{step}"[:400]
