"""What a message says: built from rows when it leaves, of Handrail's own words, references and codes.

Nothing of a task, of evidence or of a note gets in here. What of a customer's leaves is what the runbook's copy list
lets the exception packet carry, and stands apart from the words (``ChannelMessage.values``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.audit.events import EventName
from handrail.connectors.channels import ChannelMessage
from handrail.kernel.errors import Denied, NotFound
from handrail.kernel.hostile import clean_text
from handrail.notifications import settings
from handrail.notifications.models import ChannelDelivery, Notification, NotifiedEvent
from handrail.notifications.rules import RULES, Rule
from handrail.notifications.states import RecipientKind
from handrail.packets.queries import concerned_by
from handrail.runbooks.queries.notices import ExceptionNotice, get_exception_notice, get_wave_notice
from handrail.runbooks.states import Handling

SHOWN = 10
VALUES, VALUE_LIMIT, NAME_LIMIT = 20, 200, 64
_PAGES = {"exception": "exceptions", "packet": "packets", "run": "operations", "wave": "waves"}
_LISTS = {"exception": "exceptions?handling=unresolved", "packet": "packets", "run": "operations", "wave": "waves"}
_OTHERS = {
    "definition": "definitions",
    "brake": "brakes",
    "connector": "brakes",
    "task": "operations",
    "log": "audit/record",
    "member": "factors",
}


def message_of(delivery: ChannelDelivery, by: Actor, *, workspace: str) -> ChannelMessage:
    """What ``delivery`` says now: that a packet was taken or resolved meanwhile is said too."""
    notification = delivery.notification
    reader = reader_of(notification, by)
    events = list(events_for(notification, reader).order_by("at", "pk"))
    rule = RULES[EventName(events[0].event)]
    notices = {one.subject: _notice(one, by) for one in events[:SHOWN]}
    only = notices[events[0].subject] if len(events) == 1 else None
    first = _first(delivery, events)
    return ChannelMessage(
        key=delivery.ref,
        title=_title(rule, events, notices),
        lines=tuple(_lines(events, notices, by, reader)),
        link=_link(events),
        urgent=rule.urgent,
        thread=first.ref if first is not None else delivery.ref,
        resolved=events[0].event == EventName.EXCEPTION_RESOLVED,
        closes=events[0].event == EventName.EXCEPTION_RESOLVED and _all_resolved(first, by),
        values=_values(only),
        kind=events[0].event,
        workspace=workspace,
        events=tuple(_as_data(one) for one in events),
    )


def reader_of(notification: Notification, by: Actor) -> Actor:
    """In whose scope it speaks: the person's; for a responder, who is of the whole workspace, ``by``."""
    if notification.recipient_kind != RecipientKind.PERSON:
        return by
    members = access.list_active_members(by)
    return next((one for one in members if one.user_id == int(notification.recipient)), by)


def events_for(notification: Notification, reader: Actor) -> QuerySet[NotifiedEvent]:
    """What of it is the reader's to know: tenants may have been taken from them since it was written."""
    rows = notification.events.all()
    return rows if reader.tenant_ids is None else rows.filter(tenant_id__in=[0, *reader.tenant_ids])


def trial_message(key: str, responder: str, name: str) -> ChannelMessage:
    """A message that says that it is one for testing."""
    return ChannelMessage(
        key=key,
        title=f"Test of the responder {responder}",
        lines=(f"This is a test message, sent by {name}. Nothing has happened, and nothing is to be done.",),
        link=f"{settings.current().root}/admin" if settings.current().root else "",
        kind="test",
    )


def _title(rule: Rule, events: Sequence[NotifiedEvent], notices: Mapping[str, ExceptionNotice | None]) -> str:
    subjects = list(dict.fromkeys(one.subject for one in events))
    notice = notices.get(subjects[0])
    about = f" ({notice.runbook}: {notice.reason})" if notice is not None else ""
    if len(subjects) == 1:
        return clean_text(rule.title.format(subject=_called(events[0])) + about, limit=250)
    several = rule.title.format(subject=f"{_called(events[0])} and {len(subjects) - 1} more")
    return clean_text(f"{len(subjects)} messages: {several}{about}", limit=250)


def _called(event: NotifiedEvent) -> str:
    """What a message calls the subject. A task's key is what its system made of it, so it stays here."""
    return "" if event.subject_kind == "task" else event.subject


def _lines(
    events: Sequence[NotifiedEvent], notices: Mapping[str, ExceptionNotice | None], by: Actor, reader: Actor
) -> list[str]:
    subjects = list(dict.fromkeys((one.subject, one.subject_kind) for one in events))
    lines = []
    for subject, kind in subjects[:SHOWN]:
        notice = notices.get(subject)
        if notice is not None:
            lines.append(_of_exception(notice, brief=len(subjects) > 1))
        elif kind == "packet":
            lines.append(_of_packet(subject, by))
        elif kind == "wave":
            lines.append(_of_wave(subject, reader))
        elif len(subjects) > 1 and kind != "task":
            lines.append(subject)
    if len(subjects) > SHOWN:
        lines.append(f"… and {len(subjects) - SHOWN} more.")
    lines.append(f"First at {events[0].at:%Y-%m-%d %H:%M:%S} UTC.")
    return lines


def _of_exception(notice: ExceptionNotice, *, brief: bool) -> str:
    now = {
        Handling.OPEN: "Nobody has it.",
        Handling.TAKEN: f"{notice.taken_by} has it.",
        Handling.RESOLVED: "It is resolved.",
    }[notice.handling]
    if brief:
        return f"{notice.ref}: {now}"
    runbook = f"{notice.runbook} v{notice.version}"
    return f"{notice.ref} of {notice.run} ({runbook}) stopped with the reason {notice.reason}. {now}"


def _of_wave(ref: str, by: Actor) -> str:
    try:
        wave = get_wave_notice(by, ref)
    except (NotFound, Denied):
        return ref
    why = f" It stopped by its rule {wave.rule} ({wave.reason or 'for several reasons'})." if wave.rule else ""
    counts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in wave.counts.items())
    return f"{ref} of {wave.runbook} is {wave.state}.{why}{f' Runs: {counts}.' if counts else ''}"


def _of_packet(ref: str, by: Actor) -> str:
    try:
        packet = concerned_by(by, ref, None, ())
    except (NotFound, Denied):
        return ref
    expires = f" It expires at {packet.expires_at:%Y-%m-%d %H:%M} UTC." if packet.expires_at else ""
    return f"{ref} revision {packet.number} is {packet.state.value.replace('_', ' ')}.{expires}"


def _link(events: Sequence[NotifiedEvent]) -> str:
    """The page of the one subject, or the list of them; empty where the address of the pages is not configured."""
    root = settings.current().root
    if not root:
        return ""
    kind, subjects = events[0].subject_kind, {one.subject for one in events}
    if kind in _PAGES and len(subjects) == 1:
        return f"{root}/admin/{_PAGES[kind]}/{events[0].subject}"
    return f"{root}/admin/{_LISTS.get(kind) or _OTHERS.get(kind, '')}".rstrip("/")


def _values(notice: ExceptionNotice | None) -> dict[str, str]:
    if notice is None:
        return {}
    shown = list(notice.fields.items())[:VALUES]
    return {clean_text(name, limit=NAME_LIMIT): clean_text(_text(value), limit=VALUE_LIMIT) for name, value in shown}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else "" if value is None else str(value)


def _notice(event: NotifiedEvent, by: Actor) -> ExceptionNotice | None:
    if event.subject_kind != "exception":
        return None
    try:
        return get_exception_notice(by, event.subject)
    except (NotFound, Denied):
        return None


def _first(delivery: ChannelDelivery, events: Sequence[NotifiedEvent]) -> ChannelDelivery | None:
    """The first delivery to the same recipient, by the same channel, about the first subject."""
    notification = delivery.notification
    rows = ChannelDelivery.objects.filter(
        workspace_id=delivery.workspace_id,
        channel=delivery.channel,
        notification__recipient_kind=notification.recipient_kind,
        notification__recipient=notification.recipient,
        notification__events__subject=events[0].subject,
    )
    if notification.recipient_kind != RecipientKind.RESPONDER:
        return None
    return rows.order_by("pk").first()


def _all_resolved(first: ChannelDelivery | None, by: Actor) -> bool:
    """Whether everything that the first message notified of is resolved: only then its incident is over."""
    if first is None:
        return False
    subjects = NotifiedEvent.objects.filter(notification_id=first.notification_id).values_list(
        "subject", "subject_kind"
    )
    for subject, kind in set(subjects):
        if kind != "exception":
            return False
        try:
            if get_exception_notice(by, subject).handling != Handling.RESOLVED:
                return False
        except (NotFound, Denied):
            continue
    return True


def _as_data(event: NotifiedEvent) -> Mapping[str, str]:
    return {
        "event": event.event,
        "at": event.at.isoformat(timespec="seconds"),
        "kind": event.subject_kind,
        "subject": _called(event),
    }


def summary_of(events: QuerySet[NotifiedEvent]) -> str:
    """What a notification tells of, for a list: how many of which of these events."""
    counted = Counter(events.values_list("event", flat=True))
    return ", ".join(f"{name}" if count == 1 else f"{count} times {name}" for name, count in sorted(counted.items()))
