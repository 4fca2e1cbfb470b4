"""Looks again at what nobody may have looked at: an exception packet that nobody has taken goes to the next channel,
then to the next responder; of an escalation packet that expires people are notified in time.

Each step is an audit event, and notified like every other: what is done here can't be forgotten.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.connectors import channels
from handrail.connectors.channels import MOST_HOPS
from handrail.kernel.clock import now
from handrail.kernel.errors import NotFound
from handrail.notifications.models import Reminder
from handrail.notifications.states import Watched
from handrail.packets.queries import concerned_by
from handrail.packets.states import CURRENT
from handrail.runbooks.queries.notices import get_exception_notice
from handrail.runbooks.states import Handling
from handrail.work.lease import Claim


@transaction.atomic
def look_again(*, claim: Claim, by: Actor) -> None:
    """Does the step of a claimed reminder that is due, or ends it where there is none any more."""
    row = Reminder.objects.select_for_update().filter(pk=claim.id, due_at=claim.lease).first()
    if row is None:
        return
    if row.watched == Watched.PACKET:
        _expiry(row, by)
    else:
        _not_taken(row, by)


def _not_taken(row: Reminder, by: Actor) -> None:
    try:
        packet = get_exception_notice(by, row.subject)
    except NotFound:
        row.delete()
        return
    found = access.workspace_summary(by)
    responder = channels.current().find(row.responder, found.slug if found else "")
    if packet.handling == Handling.RESOLVED or responder is None:
        row.delete()
        return
    if packet.handling == Handling.TAKEN:  # handing it back begins it again; taken over is not untaken
        row.delete()
        return
    steps = responder.steps()
    if row.step >= len(steps):
        row.delete()
        return
    _, notified = steps[row.step]
    last = row.step == len(steps) - 1
    seconds = int((now() - packet.at).total_seconds())
    if notified or not last or responder.next is None:
        _record(row, by, to=responder.name, step=row.step, seconds=seconds)
    if not last:
        row.step += 1
        row.due_at = row.begun_at + timedelta(seconds=steps[row.step][0])
        row.save(update_fields=["step", "due_at"])
        return
    following = channels.current().find(responder.next, found.slug if found else "") if responder.next else None
    if following is None or row.hops >= MOST_HOPS:
        row.delete()
        return
    _record(row, by, to=following.name, step=0, seconds=seconds, handed_on=True)
    row.responder, row.begun_at, row.step, row.hops = following.name, now(), 0, row.hops + 1
    row.due_at = row.begun_at + timedelta(seconds=following.steps()[0][0])
    row.save(update_fields=["responder", "begun_at", "step", "hops", "due_at"])


def _record(row: Reminder, by: Actor, *, to: str, step: int, seconds: int, handed_on: bool | None = None) -> None:
    record(
        EventName.EXCEPTION_NOT_TAKEN,
        by=by,
        tenant_id=row.tenant_id,
        subject_kind="exception",
        subject=row.subject,
        to=to,
        step=step,
        after_seconds=seconds,
        handed_on=handed_on,
    )


def _expiry(row: Reminder, by: Actor) -> None:
    try:
        packet = concerned_by(by, row.subject, None, ())
    except NotFound:
        row.delete()
        return
    if packet.state in CURRENT:
        record(
            EventName.PACKET_EXPIRES_SOON,
            by=by,
            tenant_id=row.tenant_id,
            subject_kind="packet",
            subject=row.subject,
            revision=packet.number,
        )
    row.delete()
