"""Escalation packets: those who may sign and own holds hear of it by mail, and in time before it expires."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from handrail.audit.events import EventName
from handrail.audit.models import AuditEvent
from handrail.kernel.clock import now
from handrail.notifications.models import Notification, Reminder
from tests.factories.installation import Installation
from tests.factories.notified import due_now, notified, work
from tests.factories.packets import Packets, connected
from tests.factories.receivers import Mailbox, mail_server, smtp


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as packets:
        yield packets


def test_people_hear_of_their_packet_and_that_it_expires_soon(desk: Packets) -> None:
    mailbox = Mailbox()
    with (
        mail_server(mailbox) as port,
        notified(mail=smtp(port, None, tls="none", username=None, password=None)),
    ):
        desk.assemble()
        work()
        due_now()
        work()
        first = {mail["To"] for mail in mailbox.messages}
        assert first
        kinds = set(Notification.objects.values_list("kind", flat=True))
        assert kinds <= {"packets-to-sign", "packets-holds"}
        reminder = Reminder.objects.get()
        assert reminder.due_at > now()
        Reminder.objects.update(due_at=now() - timedelta(seconds=1))
        work()
        due_now()
        work()
    assert AuditEvent.objects.filter(event=EventName.PACKET_EXPIRES_SOON).count() == 1
    assert not Reminder.objects.exists()
    assert any("expires soon" in str(mail["Subject"]) for mail in mailbox.messages)
    assert all("/admin/packets/PKT-" in part.get_content() for mail in mailbox.messages for part in mail.iter_parts())
