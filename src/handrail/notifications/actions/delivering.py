"""Sends messages: the intent is committed before the call, and the call is made once for each intent.

After a lost answer the same message is sent again only where the channel tells a repeat by its key. Elsewhere the
channel is asked, if it can be; else the outcome is unknown, which is shown and counted, and the next channel is
notified. Tries end: with an answer, or when ``tried_seconds`` have passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.connectors import channels
from handrail.connectors.channels import ChannelMessage, EmailChannel, MessageChannel, Responder, Sent, SentVerdict
from handrail.kernel.clock import after, now
from handrail.kernel.errors import HandrailError
from handrail.notifications import content, leases, settings
from handrail.notifications.actions.publishing import add_delivery, record_stopped
from handrail.notifications.models import ChannelDelivery, Notification
from handrail.notifications.states import DeliveryOutcome, RecipientKind
from handrail.work.backoff import doubled
from handrail.work.lease import Claim
from handrail.work.wake import wake

log = structlog.get_logger("handrail.notifications")

FAILURE_LIMIT, RECEIPT_LIMIT = 200, 200
MOST_ASKED_SECONDS = 86_400.0
LOST = "no answer was recorded: the worker ended during the call"


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a message goes; without ``channel`` nowhere any more, and ``gone`` says why."""

    workspace: str
    channel: MessageChannel | None
    responder: Responder | None = None
    gone: str = ""


def deliver(*, claim: Claim, by: Actor) -> datetime | None:
    """Sends the message of a claimed delivery, if it is still to be sent. Returns when it is tried again, or None."""
    rows = ChannelDelivery.objects.select_related("notification").filter(pk=claim.id, due_at=claim.lease)
    delivery = rows.first()
    if delivery is None:
        return None
    way = _way(delivery, by)
    if way.channel is None:
        return _end(delivery, way, by, DeliveryOutcome.DROPPED, way.gone)
    if delivery.deadline_at is not None and not way.channel.repeatable:
        return _after_lost(delivery, way, by)
    lost = delivery.deadline_at is not None  # an earlier attempt may have arrived
    if delivery.tried_until is not None and now() >= delivery.tried_until:
        return _end(delivery, way, by, _failed(lost=lost), delivery.failure or LOST)
    try:
        message = _intend(delivery, way, by)
        if message is None:
            return None
        sent = way.channel.send(message)
    except (OperationalError, InterfaceError):
        raise
    except HandrailError as error:
        sent = Sent(SentVerdict.LATER, error.message)
    except Exception as error:  # the boundary of a message: no error may repeat it without an end
        log.exception("a notification could not be sent", ref=delivery.ref, channel=delivery.channel)
        sent = Sent(SentVerdict.LATER, f"Handrail failed ({type(error).__name__}); see its log")
        if delivery.deadline_at is not None and not way.channel.repeatable:
            sent = Sent(SentVerdict.UNKNOWN, sent.words)
    return _written(delivery, way, by, sent, lost=lost)


def _intend(delivery: ChannelDelivery, way: _Way, by: Actor) -> ChannelMessage | None:
    """Commits the intent, behind which no other worker acts until its deadline, and gives what is sent; None when
    another worker has it by now. No event joins the message any more, so that what is sent is all of it."""
    assert way.channel is not None
    deadline = after(way.channel.deadline_seconds + settings.current().margin_seconds)
    attempts = delivery.attempts + 1
    with transaction.atomic():
        Notification.objects.select_for_update().get(pk=delivery.notification_id)
        if not _held(delivery).update(attempts=attempts, deadline_at=deadline, due_at=deadline):
            return None
        Notification.objects.filter(pk=delivery.notification_id, closed_at=None).update(closed_at=now())
        message = content.message_of(delivery, by, workspace=way.workspace)
    delivery.attempts, delivery.deadline_at, delivery.due_at = attempts, deadline, deadline
    return message


def _failed(*, lost: bool) -> DeliveryOutcome:
    """That the last attempt failed says nothing of one before it whose answer was lost."""
    return DeliveryOutcome.UNKNOWN if lost else DeliveryOutcome.FAILED


def _written(delivery: ChannelDelivery, way: _Way, by: Actor, sent: Sent, *, lost: bool) -> datetime | None:
    """``lost``: the answer to an earlier attempt. That stays known: the row keeps a deadline until it ends."""
    match sent.verdict:
        case SentVerdict.DELIVERED:
            return _end(delivery, way, by, DeliveryOutcome.DELIVERED, sent.words, receipt=sent.receipt)
        case SentVerdict.UNKNOWN:
            return _end(delivery, way, by, DeliveryOutcome.UNKNOWN, sent.words)
        case SentVerdict.REFUSED:
            return _end(delivery, way, by, _failed(lost=lost), sent.words)
    waits = settings.current()
    wait = doubled(waits.first_wait_seconds, delivery.attempts - 1, waits.longest_wait_seconds)
    until = after(max(wait, min(sent.retry_after_seconds or 0, MOST_ASKED_SECONDS)))
    if delivery.tried_until is not None and until > delivery.tried_until:
        return _end(delivery, way, by, _failed(lost=lost), sent.words)
    failure = sent.words[:FAILURE_LIMIT]
    deadline = delivery.deadline_at if lost else None
    return until if _held(delivery).update(due_at=until, deadline_at=deadline, failure=failure) else None


def _after_lost(delivery: ChannelDelivery, way: _Way, by: Actor) -> datetime | None:
    """The worker that sent it never wrote what came of it. It is never sent again where the channel can't tell."""
    assert way.channel is not None
    receipt = way.channel.find(delivery.ref)
    if receipt is not None:
        return _end(delivery, way, by, DeliveryOutcome.DELIVERED, "", receipt=receipt)
    return _end(delivery, way, by, DeliveryOutcome.UNKNOWN, LOST)


@transaction.atomic
def _end(
    delivery: ChannelDelivery, way: _Way, by: Actor, outcome: DeliveryOutcome, failure: str, *, receipt: str = ""
) -> None:
    """Ends it: for the first that is delivered its events are notified; what was not is audited, and the next is
    notified."""
    at = now()
    ended = _held(delivery).update(
        outcome=outcome,
        ended_at=at,
        due_at=None,
        deadline_at=None,
        failure=failure[:FAILURE_LIMIT],
        receipt=receipt[:RECEIPT_LIMIT],
        attempts=delivery.attempts,
    )
    if not ended:
        return
    message = delivery.notification
    if outcome is DeliveryOutcome.DELIVERED:
        Notification.objects.filter(pk=message.pk, notified_at=None).update(notified_at=at)
        content.events_for(message, content.reader_of(message, by)).filter(notified_at=None).update(notified_at=at)
        return
    Notification.objects.filter(pk=message.pk, closed_at=None).update(closed_at=at)
    log.warning("a notification was not delivered", ref=delivery.ref, channel=delivery.channel, outcome=outcome)
    delivery.outcome = outcome
    record_stopped(delivery, by)
    _fall_through(delivery, way, at)


def _fall_through(delivery: ChannelDelivery, way: _Way, at: datetime) -> None:
    """The next channel of the responder that was not notified yet is notified now; then the next responder."""
    message, responder = delivery.notification, way.responder
    if responder is None or message.notified_at is not None:
        return
    tried = set(message.deliveries.values_list("channel", flat=True))
    waiting = message.deliveries.filter(outcome__in=(DeliveryOutcome.WAITING, DeliveryOutcome.DELIVERED)).exists()
    following = next((one for one in responder.channels if one.name not in tried), None)
    if waiting:
        return
    if following is not None:
        add_delivery(message, following.name, at, tenant_id=delivery.tenant_id)
    elif (other := _next(responder, way.workspace)) is not None:
        _hand_on(message, other, at, tenant_id=delivery.tenant_id)
    wake(leases.MESSAGES.name)


def _next(responder: Responder, workspace: str) -> Responder | None:
    return channels.current().find(responder.next, workspace) if responder.next else None


def _hand_on(message: Notification, to: Responder, at: datetime, *, tenant_id: int) -> None:
    """The same message for another responder, once: who has been notified of these events is not notified of them
    again."""
    events = list(message.events.all())
    notified = Notification.objects.filter(
        workspace_id=message.workspace_id,
        recipient_kind=RecipientKind.RESPONDER,
        recipient=to.name,
        events__event_id__in=[one.event_id for one in events],
    )
    if notified.exists():
        return
    other = Notification.objects.create(
        workspace_id=message.workspace_id,
        at=at,
        recipient_kind=RecipientKind.RESPONDER,
        recipient=to.name,
        kind=message.kind,
        grouping=f"handed-on:{message.pk}",
        closed_at=at,
    )
    for one in events:
        one.pk, one.notification, one.notified_at = None, other, None
        one.save(force_insert=True)
    for channel in to.first:
        add_delivery(other, channel.name, at, tenant_id=tenant_id)


def _way(delivery: ChannelDelivery, by: Actor) -> _Way:
    """The channel as it is configured now. What is no longer there is no way any more."""
    configured = channels.current()
    found = access.workspace_summary(by) if by.workspace_id else None
    slug, message = found.slug if found is not None else "", delivery.notification
    if message.recipient_kind == RecipientKind.PERSON:
        return _to_person(message, slug, by)
    responder = configured.find(message.recipient, slug)
    if responder is None:
        return _Way(slug, None, gone=f"there is no responder {message.recipient} any more")
    channel = responder.find(delivery.channel)
    if channel is None:
        return _Way(slug, None, responder, gone=f"the responder has no channel {delivery.channel} any more")
    return _Way(slug, channel.channel, responder)


def _to_person(message: Notification, slug: str, by: Actor) -> _Way:
    """Somebody who has left, or is entitled to no tenant of it any more, is not notified; of a digest they hear what
    is of their tenants (``content.events_for``)."""
    smtp = channels.current().mail
    if smtp is None:
        return _Way(slug, None, gone="no mail server is configured any more")
    members = {one.user_id: one for one in access.list_active_members(by)}
    member = members.get(int(message.recipient))
    if member is None or not content.events_for(message, member).exists():
        return _Way(slug, None, gone="this person has no access any more")
    return _Way(slug, EmailChannel(smtp, (member.name,)))


def _held(delivery: ChannelDelivery) -> QuerySet[ChannelDelivery]:
    """The row, as long as this process has it."""
    return ChannelDelivery.objects.filter(pk=delivery.pk, outcome=DeliveryOutcome.WAITING, due_at=delivery.due_at)
