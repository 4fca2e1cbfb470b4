"""A person hears by mail of a run that stopped, and resolves its exception packet in the browser; the task that the run
came from shows each step. With a real mail server, and a real Request Tracker as the task system.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

import pytest
from playwright.sync_api import Page, expect

from handrail.access.capabilities import Role
from handrail.connectors import channels, registry
from handrail.connectors.channels import Responders
from handrail.connectors.channels.config import NotificationsSection
from handrail.notifications import settings
from handrail.notifications.settings import NotificationSettings
from handrail.runbooks import task_system, timing
from handrail.runbooks.models import ExceptionPacket, OperationRun
from tests.factories import rows
from tests.factories.changes import world
from tests.factories.notified import work
from tests.factories.receivers import Mailbox, mail_server, smtp
from tests.factories.switches import ODD
from tests.functional.conftest import Visits
from tests.functional.looking import violations
from tests.functional.test_bench import FOLLOWED
from tests.peers import request_tracker
from tests.peers.test_task_queues import Desk, TaskQueue, at, in_rt

pytestmark = pytest.mark.peer
EMAIL = "senior@example.com"
NOTE = "It is off again, as the customer of extension 4711 says."
SEEN_THERE = ["a person is needed", "Taken over", "Another run follows", "Resolved"]


@pytest.fixture(scope="module")
def queue() -> Iterator[TaskQueue]:
    request_tracker.require(request_tracker.why_absent(), in_ci=os.environ.get("CI") == "true")
    with request_tracker.running_request_tracker() as desk:
        yield in_rt(desk)


@pytest.fixture
def mailbox(site: str) -> Iterator[Mailbox]:
    """What people are sent, with links to the site of this test."""
    mailbox, section = Mailbox(), NotificationsSection(gather_seconds=0)
    with mail_server(mailbox) as port:
        sender = smtp(port, None, tls="none", username=None, password=None)
        with channels.use(Responders({}, sender, section)), settings.use(NotificationSettings(root=site)):
            yield mailbox


@pytest.mark.requirement("R2-17")
@pytest.mark.requirement("R2-18")
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_stop_is_heard_of_by_mail_and_resolved_and_the_task_shows_each_step(
    committed_db: str, mailbox: Mailbox, queue: TaskQueue, visit: Visits, scripts: bool
) -> None:
    with world(FOLLOWED) as (estate, board, connectors), at(queue, queue.token) as (connector, system):
        both = registry.Registry(MappingProxyType({**connectors, "queue": connector}))
        waits = replace(timing.get(), report_grace_seconds=0.0)
        with registry.use(both), task_system.use(system), timing.use(waits):
            desk = Desk(estate, board, queue, connector, system)
            rows.member(estate.workspace, Role.SENIOR_SUPPORT, email=EMAIL)
            task = queue.add(desk.text())
            assert desk.pulled()[task] == "started"
            board.script = [ODD]
            packet = ExceptionPacket.objects.get(run=estate.advance(desk.run_of(task)))
            board.switches["s1"].update(state="off", marker="seen")
            work()
            desk.delivered()
            with visit(EMAIL, scripts=scripts) as person:
                person.page.goto(link(mailbox))
                worked_on(person.page, packet, scripts=scripts)
                run = OperationRun.objects.select_related("definition").get(follow_up__packet=packet)
                assert estate.advance(run).state == "completed"
                resolved(person.go(f"/admin/exceptions/{packet.ref}"))
            desk.delivered()
            notes = queue.notes(task)
            assert [words for words in SEEN_THERE if not any(words in note for note in notes)] == []
            assert any(run.ref in note for note in notes)
            assert "fixed-by-follow-up" in notes[-1]
            assert queue.status(task) == queue.done
            assert not any("4711" in text for text in (*notes, *map(str, mailbox.messages)))


def link(mailbox: Mailbox) -> str:
    """Where the one mail leads."""
    (mail,) = mailbox.messages
    assert mail["To"] == EMAIL
    text = mail.get_body(("plain",))
    assert text is not None
    found = re.search(r"https?://\S+/admin/exceptions/EXC-\w+", text.get_content())
    assert found is not None
    return found[0]


def worked_on(page: Page, packet: ExceptionPacket, *, scripts: bool) -> None:
    """Reads, takes over, writes a note, and starts a follow-up run after its preview."""
    expect(page).to_have_title(re.compile(packet.ref))
    page.get_by_role("button", name="Read now").click()
    expect(page.get_by_text(f"The sources of {packet.ref} were read again.")).to_be_visible()
    page.get_by_role("button", name="Take over").click()
    page.get_by_text("Add a note…").click()
    page.get_by_label("Note", exact=True).fill(NOTE)
    page.get_by_role("button", name="Add note").click()
    expect(page.get_by_text(NOTE)).to_be_visible()
    if scripts:  # axe is one
        assert violations(page) == []
    page.get_by_role("link", name="Follow-up run: Flip a switch").click()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("A run would invoke Flip")).to_be_visible()
    page.get_by_role("button", name="Start this run").click()
    expect(page.get_by_text(f"was started from {packet.ref}.")).to_be_visible()


def resolved(page: Page) -> None:
    page.get_by_label("What became of it").select_option("fixed-by-follow-up")
    page.get_by_label("What was done").fill("Turned on again by a follow-up run.")
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_text("was resolved, with your note.")).to_be_visible()
