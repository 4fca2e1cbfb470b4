"""Somebody to tell: responders whose channels are rooms that a test scripts, at the connector's edge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from handrail.access import queries as access
from handrail.audit.models import Outbox
from handrail.connectors import channels
from handrail.connectors.channels import ChannelMessage, OpenChannel, Responder, Responders, Sent, SentVerdict
from handrail.connectors.channels.config import NotificationsSection
from handrail.connectors.channels.smtp import Smtp
from handrail.connectors.finding import Finding
from handrail.kernel.scope import entered
from handrail.notifications import settings
from handrail.notifications.actions import ageing, claims, delivering, publishing
from handrail.notifications.models import ChannelDelivery, Reminder
from handrail.notifications.settings import NotificationSettings

OK = Sent(SentVerdict.DELIVERED)
LATER = Sent(SentVerdict.LATER, "it answered with status 503")
REFUSED = Sent(SentVerdict.REFUSED, "it answered with status 400")
UNKNOWN = Sent(SentVerdict.UNKNOWN, "no whole answer came in time")


class Killed(BaseException):
    """The worker is killed here."""


@dataclass
class Room:
    """A channel. ``script``: what the next calls meet, then OK: a ``Sent``, or Killed before or after the message is
    taken. ``taken``: what it has."""

    kind: str = "room"
    repeatable: bool = False
    deadline_seconds: float = 5.0
    script: list[Sent | str] = field(default_factory=list)
    taken: list[ChannelMessage] = field(default_factory=list)
    calls: int = 0
    askable: bool = False

    def send(self, message: ChannelMessage) -> Sent:
        self.calls += 1
        turn = self.script.pop(0) if self.script else OK
        if turn == "killed before":
            raise Killed
        if turn == "killed after":
            self._take(message)
            raise Killed
        assert isinstance(turn, Sent)
        if turn.verdict is SentVerdict.DELIVERED or turn is UNKNOWN:
            self._take(message)
        return turn

    def find(self, key: str) -> str | None:
        return next((key for one in self.taken if one.key == key), None) if self.askable else None

    def check(self) -> list[Finding]:
        return []

    def _take(self, message: ChannelMessage) -> None:
        if not self.repeatable or message.key not in {one.key for one in self.taken}:
            self.taken.append(message)


def responder(
    name: str,
    rooms: Mapping[str, Room] | Mapping[tuple[str, float], Room],
    *,
    take_within: float = 1800,
    following: str | None = None,
    workspaces: frozenset[str] = frozenset(),
) -> Responder:
    """``rooms`` by channel name, or by name and ``after``."""
    named = [(key, 0.0) if isinstance(key, str) else key for key in rooms]
    opened = tuple(OpenChannel(key, after, room) for (key, after), room in zip(named, rooms.values(), strict=True))
    return Responder(name, name, workspaces, take_within, following, opened)


@contextmanager
def notified(
    *people: Responder, house: str | None = None, gather: float = 0, digest: float = 300, mail: Smtp | None = None
) -> Iterator[Responders]:
    """These responders are configured, for the length of a ``with`` block."""
    section = NotificationsSection(responder=house, gather_seconds=gather, digest_seconds=digest)
    found = Responders({one.key: one for one in people}, mail, section)
    with channels.use(found), settings.use(NotificationSettings(root="https://handrail.example.com")):
        yield found


def due_now() -> None:
    """What waits is due, as if time had passed."""
    ChannelDelivery.objects.filter(due_at__isnull=False).update(due_at="2020-01-01T00:00:00Z")


def work(*, rounds: int = 20) -> int:
    """A worker does what is due, until nothing is; how many rows it had."""
    done = 0
    for _ in range(rounds):
        found = claims.claim(10)
        if not found:
            return done
        for claim in found:
            done += 1
            worker = access.worker("worker-1", claim.workspace_id)
            with entered(worker.scope):
                if claim.kind == claims.OUTBOX.name:
                    publishing.publish(claim=claim, by=worker)
                elif claim.kind == claims.REMINDERS.name:
                    ageing.look_again(claim=claim, by=worker)
                else:
                    delivering.deliver(claim=claim, by=worker)
    raise AssertionError("there is always something due")


def waiting() -> tuple[int, int, int]:
    """Rows of the outbox, deliveries on their way, reminders."""
    on_their_way = ChannelDelivery.objects.filter(due_at__isnull=False).count()
    return Outbox.objects.count(), on_their_way, Reminder.objects.count()
