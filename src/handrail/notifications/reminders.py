"""What is looked at again when its time has come: exception packets that nobody has taken, and escalation packets that
expire. Written with what is notified, and looked at by ``actions.ageing``."""

from __future__ import annotations

from datetime import datetime, timedelta

from handrail.audit.events import EventName
from handrail.connectors import channels
from handrail.notifications.models import Reminder
from handrail.notifications.people import Facts
from handrail.notifications.states import Watched
from handrail.packets.states import CURRENT
from handrail.runbooks.states import Handling

BEGUN = frozenset({EventName.RUN_STOPPED, EventName.EXCEPTION_HANDED_BACK})


def keep(facts: Facts, workspace: str) -> None:
    """Begins or ends the reminder about the subject of an event, as the event says."""
    event = facts.event
    if facts.exception is not None:
        if facts.exception.handling == Handling.RESOLVED:
            _forget(facts, Watched.EXCEPTION)
        elif event.event in BEGUN:
            responder = channels.current().find(facts.exception.escalate_to, workspace)
            if responder is not None:
                due = event.at + timedelta(seconds=responder.steps()[0][0])
                _begin(facts, Watched.EXCEPTION, responder.name, due)
    elif facts.revision is not None:
        expires = facts.revision.expires_at
        if event.event == EventName.PACKET_ASSEMBLED and expires is not None and facts.revision.state in CURRENT:
            soon = expires - timedelta(seconds=channels.current().settings.soon_seconds)
            _begin(facts, Watched.PACKET, "", max(soon, event.at + (expires - event.at) / 2))
        elif facts.revision.state not in CURRENT:
            _forget(facts, Watched.PACKET)


def _begin(facts: Facts, watched: Watched, responder: str, due: datetime) -> None:
    begun = {"responder": responder, "begun_at": facts.event.at, "step": 0, "hops": 0, "due_at": due}
    Reminder.objects.update_or_create(
        workspace_id=facts.event.workspace_id,
        watched=watched,
        subject=facts.subject,
        defaults=begun,
        create_defaults={**begun, "tenant_id": facts.event.tenant_id},
    )


def _forget(facts: Facts, watched: Watched) -> None:
    Reminder.objects.filter(workspace_id=facts.event.workspace_id, watched=watched, subject=facts.subject).delete()
