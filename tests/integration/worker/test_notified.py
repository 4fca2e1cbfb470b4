"""A run stops, and before anybody looks at a page people know: by a real mail server with TLS, a webhook that verifies
its signature, a room of a chat and the desk, each once; whatever is killed on the way."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client
from standardwebhooks.webhooks import Webhook

from handrail.access.capabilities import Role
from handrail.access.models import User
from handrail.cli.demo.desk import section as desk_section
from handrail.connectors import channels
from handrail.connectors.channels import ChannelMessage, OpenChannel, Responder, Responders, Sent
from handrail.connectors.channels.config import NotificationsSection, ResponderSection
from handrail.connectors.channels.message import MessageChannel
from handrail.connectors.desk import Desk, DeskConfig
from handrail.kernel.secrets import Secrets
from handrail.notifications import settings
from handrail.notifications.models import ChannelDelivery
from handrail.notifications.settings import NotificationSettings
from handrail.sandbox.estate import PRACTICE_TOKENS
from handrail.sandbox.server import Sandbox
from handrail.support.models import SupportRequest
from tests.factories import practice_desk, rows
from tests.factories.installation import Installation
from tests.factories.notified import Killed, due_now, work
from tests.factories.receivers import HookServer, Mailbox, hook_server, mail_server, smtp
from tests.factories.runs import Runs
from tests.factories.switches import FORBIDDEN, SwitchBoard, connected
from tests.unit.connectors.peers import certificate
from tests.unit.notifications.conftest import CLOSED
from tests.unit.runbooks.test_shipped import practising

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
ROOT = "http://testserver"
CANARIES = ("canary-note", "canary-marker", "canary-fuse", "canary-customer")
NAMES = ("webhook", "email", "chat", "desk")


@dataclass
class World:
    """The four receivers. ``has``: how many messages each has."""

    mailbox: Mailbox
    hooks: HookServer
    rooms: HookServer
    sandbox: Sandbox
    real: dict[str, MessageChannel]
    secrets: Secrets = field(default_factory=lambda: Secrets({}))

    def has(self) -> dict[str, int]:
        once = {heard.headers["webhook-id"] for heard in self.hooks.heard}
        tickets = [one for one in practice_desk.tickets(self.sandbox) if "NTF-" in str(one)]
        return {
            "webhook": len(once),
            "email": len(self.mailbox.messages),
            "chat": len(self.rooms.heard),
            "desk": len(tickets),
        }

    def everything(self) -> str:
        heard = [one.body.decode() + str(one.headers) for one in (*self.hooks.heard, *self.rooms.heard)]
        mails = [raw.decode() for raw in self.mailbox.raw]
        return "\n".join([*heard, *mails, str(practice_desk.tickets(self.sandbox))])


@dataclass
class Dying:
    """A channel whose worker is killed at the first call, before or after the real one took the message."""

    real: MessageChannel
    after: bool
    died: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def send(self, message: ChannelMessage) -> Sent:
        if self.died:
            return self.real.send(message)
        self.died = True
        if self.after:
            self.real.send(message)
        raise Killed


@pytest.fixture(scope="module")
def estate(module_db: None) -> Runs:
    return Installation(CLOSED, customer="canary-customer").runs


@pytest.fixture(scope="module")
def receivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    context, ca_file = certificate(tmp_path_factory.mktemp("tls"))
    mailbox = Mailbox()
    with (
        Sandbox() as sandbox,
        mail_server(mailbox, context) as port,
        hook_server() as hooks,
        hook_server() as rooms,
    ):
        secrets = Secrets({"SECRET": SECRET, "ROOM": f"{rooms.url}/T0/B0", "DESK": PRACTICE_TOKENS["desk"]})
        config = DeskConfig.model_validate(desk_section(sandbox.url, token="env:DESK"))
        given = [
            {"kind": "webhook", "url": f"{hooks.url}/hook", "secret": "env:SECRET"},
            {"kind": "email", "to": ["on-call@example.com"]},
            {"kind": "chat", "shape": "slack", "url": "env:ROOM"},
            {"kind": "desk"},
        ]
        built = channels.responders.build(
            {"on-call": ResponderSection.model_validate({"channels": given})},
            mail=smtp(port, ca_file).section.model_copy(update={"username": None, "password": None}),
            settings=NotificationsSection(),
            open_desk=lambda _: Desk(config, secrets),
            secrets=secrets,
        )
        real = {one.name: one.channel for one in built.by_key["on-call"].channels}
        real["email"] = channels.EmailChannel(smtp(port, ca_file), ("on-call@example.com",))
        yield World(mailbox, hooks, rooms, sandbox, real)


@pytest.fixture
def world(receivers: World, db: None) -> World:
    receivers.mailbox.messages.clear()
    receivers.mailbox.raw.clear()
    receivers.hooks.heard.clear()
    receivers.rooms.heard.clear()
    return receivers


def stopped(estate: Runs) -> str:
    board = SwitchBoard()
    board.add("allowed-switch", owner=estate.tenant.key, marker="canary-marker", fuse="canary-fuse")
    board.script = [FORBIDDEN]
    with connected(board):
        run = estate.advance(estate.start("TASK-1", "allowed-switch"))
    assert run.state == "exception"
    return str(run.exception_packet.ref)


def on_call(world: World, *, name: str = "on-call", **instead: Any) -> Responders:
    opened = [OpenChannel(one, 0.0, {**world.real, **instead}[one]) for one in NAMES]
    responder = Responder(name, name, frozenset(), 1800, None, tuple(opened))
    return Responders({name: responder}, settings=NotificationsSection(gather_seconds=0))


def outcomes() -> dict[str, str]:
    return dict(ChannelDelivery.objects.values_list("channel", "outcome"))


def test_each_channel_has_one_message_with_a_link_that_opens_the_packet(estate: Runs, world: World) -> None:
    before = world.has()["desk"]
    with channels.use(on_call(world)), settings.use(NotificationSettings(root=ROOT)):
        ref = stopped(estate)
        work()
        work()
    assert world.has() == {"webhook": 1, "email": 1, "chat": 1, "desk": before + 1}
    assert set(outcomes().values()) == {"delivered"}
    link = f"{ROOT}/admin/exceptions/{ref}"
    assert Webhook(SECRET).verify(world.hooks.heard[0].body, world.hooks.heard[0].headers)["data"]["link"] == link
    assert link in world.rooms.heard[0].body.decode()
    assert all(link in part.get_content() for part in world.mailbox.messages[0].iter_parts())
    (ticket,) = [one for one in practice_desk.tickets(world.sandbox) if ref in str(one)]
    assert link in str(ticket)
    assert ChannelDelivery.objects.get(channel="desk").receipt
    assert not SupportRequest.objects.exists()
    assert "allowed-switch" in world.mailbox.raw[0].decode()  # which the copy list names
    assert "allowed-switch" not in world.rooms.heard[0].body.decode()  # a room is read by many
    assert not any(canary in world.everything() for canary in CANARIES)
    opened(link.removeprefix(ROOT), ref, rows.member(estate.workspace, Role.SENIOR_SUPPORT))


def test_run_of_the_demo_that_stops_is_heard_of_once_through_each_channel(db: None, world: World) -> None:
    """The shipped runbook on the practice estate, whose job grants a broader role than it may."""
    before = world.has()["desk"]
    responders = on_call(world, name="senior-support")
    root = settings.use(NotificationSettings(root=ROOT))
    with practising(world.sandbox, workspace="practice") as practice, channels.use(responders), root:
        run = practice.ended("broader-role")
        work()
        work()
    packet = run.exception_packet
    assert packet.reason == "broader-grant"
    assert world.has() == {"webhook": 1, "email": 1, "chat": 1, "desk": before + 1}
    assert set(outcomes().values()) == {"delivered"}
    assert world.everything().count(f"{ROOT}/admin/exceptions/{packet.ref}") >= len(NAMES)
    assert not any(token in world.everything() for token in PRACTICE_TOKENS.values())
    opened(f"/admin/exceptions/{packet.ref}", packet.ref, rows.member(run.workspace, Role.SENIOR_SUPPORT))


def opened(path: str, ref: str, user: User) -> None:
    """The link leads to the log-in, and from there to the packet, which says who was notified."""
    client = Client()
    away = client.get(path)
    assert away.status_code == 302
    user.set_password("correct horse battery staple")
    user.save()
    form = {"login": user.email, "password": "correct horse battery staple"}
    page = client.post(away.headers["Location"], form, follow=True)
    assert page.redirect_chain[-1][0] == path
    text = page.content.decode()
    assert ref in text
    assert "Notified" in text
    assert all(name in text for name in NAMES)


@pytest.mark.parametrize("after", [False, True], ids=["before-it-was-taken", "after-it-was-taken"])
@pytest.mark.parametrize("name", NAMES)
def test_killed_between_intent_and_answer(estate: Runs, world: World, name: str, after: bool) -> None:
    before = world.has()["desk"]
    dying = Dying(world.real[name], after)
    with channels.use(on_call(world, **{name: dying})), settings.use(NotificationSettings(root=ROOT)):
        stopped(estate)
        with pytest.raises(Killed):
            work()
        work()
        due_now()
        work()
    found = {**world.has(), "desk": world.has()["desk"] - before}
    others = {one: count for one, count in found.items() if one != name}
    assert others == dict.fromkeys(others, 1)
    assert all(outcome == "delivered" for one, outcome in outcomes().items() if one != name)
    if name == "webhook" or (name == "desk" and after):
        # The receiver tells a repeat by its key; the desk was asked, and has it.
        assert (found[name], outcomes()[name]) == (1, "delivered")
    else:
        assert (found[name], outcomes()[name]) == (int(after), "unknown")
