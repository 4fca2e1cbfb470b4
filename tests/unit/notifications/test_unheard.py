"""A stop that is escalated to one of Handrail's roles is heard of by people who have it, or is said to be untold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from handrail.access.capabilities import Role
from handrail.notifications.models import ChannelDelivery, Notification, NotificationChoice
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.notified import Room, notified, responder, work
from tests.factories.receivers import Mailbox, mail_server, smtp
from tests.factories.runs import Runs
from tests.factories.switches import RUNBOOK, SwitchBoard, connected
from tests.unit.notifications.conftest import stop

SIGNERS = RUNBOOK.replace("escalate_to: senior-support", "escalate_to: escalation-owner")


@pytest.fixture
def estate(db: None) -> Runs:
    return Installation(SIGNERS).runs


@pytest.fixture
def board(estate: Runs) -> Iterator[SwitchBoard]:
    world = SwitchBoard()
    world.add("s1", owner=estate.tenant.key)
    with connected(world):
        yield world


def mails(estate: Runs, board: SwitchBoard) -> list[str]:
    """Whom a mail of a stop reaches."""
    mailbox = Mailbox()
    with mail_server(mailbox) as port, notified(mail=smtp(port, None, tls="none", username=None, password=None)):
        stop(estate, board)
        work()
    return [str(mail["To"]) for mail in mailbox.messages]


def untold() -> list[tuple[str, str]]:
    rows = ChannelDelivery.objects.filter(outcome="dropped").select_related("notification")
    return [(row.notification.recipient, row.failure) for row in rows]


def test_people_of_a_role_that_only_looks_hear_what_is_escalated_to_it(estate: Runs, board: SwitchBoard) -> None:
    owner = rows.member(estate.workspace, Role.ESCALATION_OWNER, email="owner@example.com")
    rows.member(estate.workspace, Role.AUDITOR, email="auditor@example.com")
    assert mails(estate, board) == [owner.email]
    assert untold() == []


def test_role_that_nobody_with_access_has_is_untold(estate: Runs, board: SwitchBoard) -> None:
    elsewhere = rows.tenant(estate.workspace, name="Another customer")
    rows.member(estate.workspace, Role.ESCALATION_OWNER, tenants=[elsewhere])
    assert mails(estate, board) == []
    assert untold() == [
        ("escalation-owner", "No mail reaches anybody with the role escalation-owner and access to it.")
    ]


def test_role_whose_people_have_switched_it_off_is_untold(estate: Runs, board: SwitchBoard) -> None:
    owner = rows.member(estate.workspace, Role.ESCALATION_OWNER)
    NotificationChoice.objects.create(
        workspace_id=estate.workspace.pk,
        user_id=owner.pk,
        kind="exceptions",
        email=False,
        at=estate.workspace.created_at,
    )
    assert mails(estate, board) == []
    assert [recipient for recipient, _ in untold()] == ["escalation-owner"]


def test_role_without_a_mail_server_is_untold_where_others_are_notified(estate: Runs, board: SwitchBoard) -> None:
    rows.member(estate.workspace, Role.ESCALATION_OWNER)
    with notified(responder("on-call", {"pager": Room()})):
        stop(estate, board)
        work()
    assert [recipient for recipient, _ in untold()] == ["escalation-owner"]


def test_installation_that_notifies_nobody_has_nothing_untold(estate: Runs, board: SwitchBoard) -> None:
    with notified():
        stop(estate, board)
        work()
    assert not Notification.objects.exists()
