"""Who was notified of what, as the actor may see it; and what people choose to be notified."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import scoped
from handrail.access.refusals import Refusal, missing_capability
from handrail.connectors import channels
from handrail.kernel.clock import now
from handrail.kernel.errors import Fault, Invalid
from handrail.kernel.hostile import is_storable
from handrail.notifications.content import summary_of
from handrail.notifications.models import ChannelDelivery, NotificationChoice, NotifiedEvent
from handrail.notifications.people import OWN_GROUPS
from handrail.notifications.rules import KINDS, NoticeKind, wants
from handrail.notifications.states import UNDELIVERED, DeliveryOutcome, RecipientKind

PAGE, MOST = 50, 500
# What is undelivered for longer is history: it stands in the audit log.
RECENT = timedelta(days=7)
OUTCOMES = ("undelivered", *(outcome.value for outcome in DeliveryOutcome))


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message through one channel. ``recipient``: the responder's name or the person's address. ``at``: when it
    ended; while it is on its way, when it was written. ``failure`` also says why the last try failed. ``about``: what
    it tells of."""

    ref: str
    recipient: str
    is_person: bool
    channel: str
    outcome: DeliveryOutcome
    at: datetime
    due_at: datetime | None
    attempts: int
    failure: str
    receipt: str
    tells: str
    about: tuple[str, ...]
    why_not_redeliver: Refusal | None


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """``about``: a reference, matched whole. ``outcome``: one of OUTCOMES. ``after`` goes on behind that reference."""

    about: str = ""
    outcome: str = ""
    after: str = ""
    limit: int = PAGE


@dataclass(frozen=True, slots=True)
class ChoiceView:
    """Whether the actor is notified by e-mail of one kind. ``by_role``: that is so without a choice of their own."""

    kind: NoticeKind
    label: str
    email: bool
    by_role: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class ResponderView:
    name: str
    channels: tuple[str, ...]
    take_within: float
    next: str | None


def why_not_redeliver(actor: Actor, outcome: str) -> Refusal | None:
    if refusal := missing_capability(actor, Capability.RUN_START):
        return refusal
    if outcome == DeliveryOutcome.WAITING:
        return Refusal("notification-waiting", "This message is on its way. It is tried again by itself.")
    if outcome == DeliveryOutcome.DELIVERED:
        return Refusal("notification-delivered", "This message was delivered. It is not sent twice.")
    return None


def messages_about(actor: Actor, subject: str) -> list[MessageView]:
    """Who was notified of ``subject``, and how that went, the oldest first. The caller has asked whether the actor may
    see the subject; what is outside their scope is not there."""
    rows = _rows(actor, subject).order_by("pk")
    return [_message(actor, row) for row in rows[:MOST]]


def list_messages(actor: Actor, wanted: MessageFilter | None = None) -> list[MessageView]:
    """Messages of the actor's scope, newest first. Raises Denied without ``exception:view``, Invalid."""
    wanted = wanted or MessageFilter()
    actor.require(Capability.EXCEPTION_VIEW)
    _refuse_faults(wanted)
    rows = _rows(actor, wanted.about)
    if wanted.outcome == "undelivered":
        rows = rows.filter(outcome__in=UNDELIVERED)
    elif wanted.outcome:
        rows = rows.filter(outcome=wanted.outcome)
    if wanted.after:
        last = _rows(actor, "").filter(ref=wanted.after).first()
        if last is None:
            raise Invalid("The list can't go on from there.", faults=[Fault("after", "the reference of a message")])
        rows = rows.filter(pk__lt=last.pk)
    return [_message(actor, row) for row in rows.order_by("-pk")[: max(1, min(wanted.limit, MOST))]]


def count_undelivered(actor: Actor) -> int:
    """How many messages of the last week a channel does not have, or may not have, of those that the actor may send
    again; 0 for others."""
    if not actor.may(Capability.RUN_START):
        return 0
    return _rows(actor, "").filter(outcome__in=UNDELIVERED, ended_at__gt=now() - RECENT).count()


def first_notified(actor: Actor, subjects: Collection[str]) -> dict[str, datetime]:
    """When the first channel notified somebody of each of ``subjects``; without those of which nobody was notified."""
    found: dict[str, datetime] = {}
    rows = scoped(actor, NotifiedEvent.objects.filter(subject__in=subjects, notified_at__isnull=False))
    for subject, at in rows.order_by("notified_at").values_list("subject", "notified_at"):
        if at is not None:
            found.setdefault(subject, at)
    return found


def list_choices(actor: Actor) -> list[ChoiceView]:
    """What the actor may be notified by e-mail, each with whether they are. Empty for a process."""
    if actor.user_id is None:
        return []
    rows = NotificationChoice.objects.filter(workspace_id=actor.workspace_id, user_id=actor.user_id)
    chosen = dict(rows.values_list("kind", "email"))
    return [
        ChoiceView(
            kind,
            rule.label,
            email=wants(kind, actor.roles, chosen.get(kind.value)),
            by_role=wants(kind, actor.roles, None),
            chosen=kind.value in chosen,
        )
        for kind, rule in KINDS.items()
        if actor.may(rule.needs) or rule.needs in actor.withheld
    ]


def has_mail() -> bool:
    """Whether people can be notified by e-mail at all."""
    return channels.current().mail is not None


def list_responders(actor: Actor) -> list[ResponderView]:
    """The responders of the actor's workspace, by name. Raises Denied without ``exception:view``."""
    actor.require(Capability.EXCEPTION_VIEW)
    found, configured = access.workspace_summary(actor), channels.current()
    slug = found.slug if found is not None else ""
    named = [configured.find(name, slug) for name in configured.names(slug)]
    return [
        ResponderView(one.name, tuple(channel.name for channel in one.channels), one.take_within, one.next)
        for one in named
        if one is not None
    ]


def missing_responders(actor: Actor, names: Collection[str]) -> list[str]:
    """Those of ``names`` that neither a role of Handrail's own has, whose holders are notified, nor a responder of the
    actor's workspace, sorted."""
    found = access.workspace_summary(actor)
    slug = found.slug if found is not None else ""
    return sorted(name for name in set(names) - OWN_GROUPS if channels.current().find(name, slug) is None)


def _rows(actor: Actor, subject: str) -> QuerySet[ChannelDelivery]:
    events = scoped(actor, NotifiedEvent.objects.all())
    if subject:
        events = events.filter(subject=subject)
    rows = ChannelDelivery.objects.select_related("notification").filter(workspace_id=actor.workspace_id)
    seen = Q(notification__in=events.values("notification"))
    if not subject and not actor.may(Capability.MEMBER_VIEW):
        # Of what other people are notified by e-mail, people see what concerns an object, on its page.
        seen &= Q(notification__recipient_kind=RecipientKind.RESPONDER) | Q(
            notification__recipient=str(actor.user_id or "")
        )
    return rows.filter(seen)


def _message(actor: Actor, row: ChannelDelivery) -> MessageView:
    message = row.notification
    is_person = message.recipient_kind == RecipientKind.PERSON
    events = scoped(actor, message.events.all())
    return MessageView(
        ref=row.ref,
        recipient=access.address_of(int(message.recipient)) if is_person else message.recipient,
        is_person=is_person,
        channel=row.channel,
        outcome=DeliveryOutcome(row.outcome),
        at=row.ended_at or row.at,
        due_at=row.due_at,
        attempts=row.attempts,
        failure=row.failure,
        receipt=row.receipt,
        tells=summary_of(events),
        about=tuple(dict.fromkeys(events.order_by("at", "pk").values_list("subject", flat=True))),
        why_not_redeliver=why_not_redeliver(actor, row.outcome),
    )


def _refuse_faults(wanted: MessageFilter) -> None:
    faults = []
    if wanted.outcome not in ("", *OUTCOMES):
        faults.append(Fault("outcome", f"one of: {', '.join(OUTCOMES)}"))
    faults += [
        Fault(name, "at most 254 characters, without U+0000")
        for name, value in (("about", wanted.about), ("after", wanted.after))
        if len(value) > 254 or not is_storable(value)  # noqa: PLR2004 - as a subject is
    ]
    if faults:
        raise Invalid("The list can't be filtered like this.", faults=faults)
