"""What people do about messages: send one again, choose what they are notified, and test a responder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Now

from handrail.access import queries as access
from handrail.access.actions import require_own_word
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import scoped
from handrail.access.refusals import refuse
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.connectors import channels
from handrail.connectors.channels import Responder, Sent, SentVerdict
from handrail.kernel.clock import after, now
from handrail.kernel.errors import Conflict, Denied, Fault, HandrailError, Invalid, NotFound, Stale
from handrail.kernel.ids import Prefix, new_ref
from handrail.notifications import content, leases
from handrail.notifications.actions.publishing import NO_CHANNEL, add_delivery
from handrail.notifications.models import ChannelDelivery, Notification, NotificationChoice, NotifiedEvent
from handrail.notifications.queries import why_not_redeliver
from handrail.notifications.rules import NoticeKind
from handrail.notifications.states import UNDELIVERED, DeliveryOutcome
from handrail.work.wake import wake

CHOOSING = "notification:choose"
MAY_BE_THERE = "The channel may have this message. Say that it may come twice to send it again."


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a test message through one channel."""

    channel: str
    ok: bool
    message: str


@transaction.atomic
def redeliver(*, ref: str, by: Actor, may_repeat: bool = False) -> None:
    """Sends a message again that a channel does not have. One whose outcome is unknown is sent again only with
    ``may_repeat``: it may come twice.

    Raises NotFound, Denied, Conflict (``notification-waiting``, ``notification-delivered``, ``notification-unknown``,
    ``no-responder``), Stale.
    """
    row = ChannelDelivery.objects.select_related("notification").filter(workspace_id=by.workspace_id, ref=ref).first()
    if row is None or not _is_in_scope(row.notification, by):
        raise NotFound
    by.require(Capability.RUN_START, tenant_id=row.tenant_id or None)
    refuse(why_not_redeliver(by, row.outcome))
    if row.outcome == DeliveryOutcome.UNKNOWN and not may_repeat:
        raise Conflict(MAY_BE_THERE, code="notification-unknown")
    channel = row.channel
    if channel == NO_CHANNEL:
        first, *others = _responder(row.notification, by).first
        channel = first.name
        for other in others:
            add_delivery(row.notification, other.name, now(), tenant_id=row.tenant_id)
    tried = after(channels.current().settings.tried_seconds)
    again = ChannelDelivery.objects.filter(pk=row.pk, outcome__in=UNDELIVERED).update(
        channel=channel,
        outcome=DeliveryOutcome.WAITING,
        due_at=Now(),
        ended_at=None,
        deadline_at=None,
        tried_until=tried,
    )
    if not again:
        raise Stale
    wake(leases.MESSAGES.name)
    record(
        EventName.NOTIFICATION_REPEATED,
        by=by,
        tenant_id=row.tenant_id or None,
        subject_kind="notification",
        subject=row.ref,
        channel=channel,
        was=row.outcome,
        about=row.notification.events.values_list("subject", flat=True).first(),
    )


@transaction.atomic
def choose(*, choices: Mapping[str, bool | None], by: Actor) -> None:
    """Writes what the actor wants to be notified by e-mail, by kind; None goes back to what their roles say.

    Raises Denied for a process and a token that only reads, Invalid naming the kinds that there are not.
    """
    require_own_word(by, CHOOSING)
    if by.token and not any(one for one in by.capabilities if not one.endswith(":view")):
        raise Denied("This token only reads. Use another token, or the pages.", capability=CHOOSING, code="token-scope")
    assert by.user_id is not None  # who has a word of their own is a person
    known = {kind.value for kind in NoticeKind}
    if faults := [Fault(name, f"one of: {', '.join(sorted(known))}") for name in choices if name not in known]:
        raise Invalid("There is no such kind of message.", faults=faults)
    changed = []
    for kind, email in choices.items():
        rows = NotificationChoice.objects.filter(workspace_id=by.workspace_id, user_id=by.user_id, kind=kind)
        before = rows.values_list("email", flat=True).first()
        if before is email:
            continue
        changed.append(kind)
        if email is None:
            rows.delete()
        elif before is None:
            NotificationChoice.objects.create(
                workspace_id=by.workspace_id, user_id=by.user_id, kind=kind, email=email, at=now()
            )
        else:
            rows.update(email=email, at=now())
    if changed:
        record(
            EventName.NOTIFICATION_CHOSEN,
            by=by,
            subject_kind="member",
            subject=by.name,
            kinds=", ".join(sorted(changed)),
        )


def try_responder(*, name: str, by: Actor) -> list[Trial]:
    """Sends a message through each channel of a responder, at once, that says that it is a test; records what came of
    it. Raises Denied, NotFound."""
    by.require_everywhere(Capability.RUN_PAUSE)
    found = access.workspace_summary(by)
    responder = channels.current().find(name, found.slug if found is not None else "")
    if responder is None:
        raise NotFound(f"There is no responder {name} for this workspace.")
    trials = []
    for one in responder.channels:
        message = content.trial_message(new_ref(Prefix.NOTIFICATION), name, by.name)
        try:
            sent = one.channel.send(message)
        except HandrailError as error:
            sent = Sent(SentVerdict.REFUSED, error.message)
        done = sent.verdict is SentVerdict.DELIVERED
        words = "It has the message." if done else f"It does not have it, as far as is known: {sent.words}."
        trials.append(Trial(one.name, done, words))
        record(
            EventName.RESPONDER_TESTED,
            by=by,
            subject_kind="responder",
            subject=name,
            outcome=EventOutcome.DONE if done else EventOutcome.FAILED,
            channel=one.name,
            result=sent.verdict,
            key=message.key,
        )
    return trials


def _is_in_scope(message: Notification, by: Actor) -> bool:
    return scoped(by, NotifiedEvent.objects.filter(notification=message)).exists()


def _responder(message: Notification, by: Actor) -> Responder:
    found = access.workspace_summary(by)
    responder = channels.current().find(message.recipient, found.slug if found is not None else "")
    if responder is None:
        text = f"There is still no responder called {message.recipient}. Add it to handrail.toml."
        raise Conflict(text, code="no-responder")
    return responder
