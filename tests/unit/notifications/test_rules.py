"""Every event that is published has a rule, and no message of any of them says a customer's word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from handrail.access import queries as access
from handrail.access.capabilities import Role
from handrail.audit.actions import record
from handrail.audit.events import PUBLISHED, EventName
from handrail.audit.models import Outbox
from handrail.connectors.channels import ChannelMessage
from handrail.connectors.channels.chat import SHAPES
from handrail.connectors.channels.config import MailSection
from handrail.connectors.channels.mail import as_html, as_text, composed
from handrail.connectors.channels.smtp import Smtp
from handrail.connectors.channels.webhook import body
from handrail.kernel.clock import now
from handrail.kernel.secrets import Secrets
from handrail.notifications.models import Notification, NotificationChoice
from handrail.notifications.rules import KINDS, RULES, NoticeKind
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.notified import Room, due_now, notified, responder, work
from tests.factories.receivers import Mailbox, mail_server, smtp
from tests.factories.web import Web
from tests.lanes import portion

CANARY = "canary"
SERVER = Smtp(MailSection(host="localhost", tls="none", sender="h@example.com"), Secrets({}))


@pytest.fixture(scope="module")
def house(module_db: None) -> Web:
    return Installation.named("Northwind").web


@pytest.fixture
def everyone(house: Web, db: None) -> str:
    """A member with every role, who wants all mail: their address."""
    user = rows.member(house.workspace, *Role, email="everyone@example.com")
    for kind in NoticeKind:
        NotificationChoice.objects.create(
            workspace_id=house.workspace.pk, user_id=user.pk, kind=kind, email=True, at=now()
        )
    return user.email


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Mailbox, int]]:
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        yield mailbox, port


@pytest.fixture
def mailbox(server: tuple[Mailbox, int]) -> tuple[Mailbox, Smtp]:
    server[0].messages.clear()
    return server[0], smtp(server[1], None, tls="none", username=None, password=None)


def subject_of(event: EventName, house: Web) -> dict[str, Any]:
    """What an event of this name is about, as its act records it, with a canary in every free text."""
    of = event.value.partition(".")[0]
    tenant = house.tenant.pk
    if event == EventName.RUN_STOPPED:
        return {
            "subject_kind": "run",
            "subject": house.stopped.run.ref,
            "tenant_id": tenant,
            "packet": house.stopped.ref,
        }
    if of == "exception":
        return {"subject_kind": "exception", "subject": house.stopped.ref, "tenant_id": tenant, "note": "canary-note"}
    if of == "packet":
        return {"subject_kind": "packet", "subject": house.packet.ref, "tenant_id": tenant, "revision": 1}
    if of == "definition":
        text = f"runbook/{house.definition.name}/{house.definition.version}"
        return {"subject_kind": "definition", "subject": text, "reason": "canary-reason"}
    if of == "run":
        return {"subject_kind": "run", "subject": house.completed.ref, "tenant_id": tenant, "code": "refused"}
    if of == "wave":
        named = {"escalate_to": "on-call", "exceptions": 3, "reason": "owner-mismatch"}
        return {"subject_kind": "wave", "subject": "WAV-1", **named}
    if of == "task":
        return {"subject_kind": "task", "subject": "canary-task-key", "code": "task-invalid"}
    return {"subject_kind": of, "subject": "board" if of == "breaker" else "BRK-1", "reason": "canary-brake"}


def outgoing(message: ChannelMessage) -> Iterator[str]:
    """The message as every channel would send it."""
    yield str(body(message, now()))
    yield as_text(message)
    yield as_html(message)
    yield composed(message, SERVER, ("a@example.com",)).as_string()
    yield from (str(shape(message)) for shape in SHAPES.values())
    yield str(message)


def test_every_published_event_has_a_rule_and_no_other() -> None:
    assert set(RULES) == PUBLISHED
    assert set(KINDS) == set(NoticeKind)
    assert {kind for rule in RULES.values() for _, kind in rule.people} == set(NoticeKind)
    assert all("{subject}" in rule.title or name in QUIET for name, rule in RULES.items())


QUIET = {
    *(EventName.TASK_REFUSED, EventName.AUDIT_SEAL_REFUSED, EventName.AUDIT_WITNESS_REFUSED),
    *(EventName.AUDIT_TIMESTAMP_REFUSED, EventName.AUDIT_QUORUM_MISSING),
}


# In this house nobody has the exception packet, has approved the revision, or has proposed the definition.
SILENT = {
    *(EventName.EXCEPTION_ASSIGNED, EventName.EXCEPTION_RESOLVED, EventName.EXCEPTION_NOT_TAKEN),
    *(name for name in PUBLISHED if name.value.startswith("definition.")),
    *(name for name in PUBLISHED if name.value.startswith("packet.")),
    *(name for name in PUBLISHED if name.value.startswith(("passkey.", "factor."))),  # told to whose account it is
}


def mails_of(mailbox: Mailbox) -> list[str]:
    """Every part of every mail, as people read it, with its headers."""
    return [
        str(mail.items()) + "".join(part.get_content() for part in mail.iter_parts())  # type: ignore[attr-defined]
        for mail in mailbox.messages
    ]


def test_no_message_of_any_event_says_a_customers_word(
    house: Web, everyone: str, mailbox: tuple[Mailbox, Smtp], counted: Callable[[str], None]
) -> None:
    rooms = {name: Room(kind=name) for name in ("webhook", "chat", "pager", "desk")}
    people = [responder(name, rooms) for name in ("on-call", "senior-support", "privacy", "escalation-owner")]
    texts, events = 0, portion(sorted(PUBLISHED), 3)
    with notified(*people, house="on-call", mail=mailbox[1]):
        for event in events:
            Notification.objects.update(closed_at=now())
            worker = access.worker("worker-1", house.workspace.pk)
            record(event, by=worker, **subject_of(event, house))
            work()
            due_now()
            work()
            said = [text for room in rooms.values() for message in room.taken for text in outgoing(message)]
            said += mails_of(mailbox[0])
            assert said or event in SILENT, event
            texts += len(said)
            for text in said:
                assert CANARY not in text, (event, text[:2000])
            mailbox[0].messages.clear()
            for room in rooms.values():
                room.taken.clear()
    assert Outbox.objects.count() == 0
    counted(
        f"{len(events)} of {len(PUBLISHED)} kinds of events, {texts} texts of their messages, without a customer's word"
    )


def test_what_concerns_the_installation_reaches_each_person_once(
    house: Web, everyone: str, mailbox: tuple[Mailbox, Smtp]
) -> None:
    other = rows.workspace("Elsewhere")
    user = rows.member(other, Role.AUDITOR, email="second@example.com")
    room = Room()
    with notified(responder("on-call", {"pager": room}), house="on-call", mail=mailbox[1]):
        record(EventName.AUDIT_SEAL_REFUSED, by=access.operator(), subject_kind="log", subject="x", reason="canary")
        work()
    assert len(room.taken) == 1
    assert sorted(mail["To"] for mail in mailbox[0].messages) == sorted([everyone, user.email])
    assert not any("canary" in text for text in mails_of(mailbox[0]))


def test_an_event_of_nobody_leaves_no_row() -> None:
    assert {EventName.RUN_COMPLETED, EventName.RUN_RECEIVED, EventName.RUN_INVOKED} & PUBLISHED == set()
