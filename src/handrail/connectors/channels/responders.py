"""The configured responders, which runbooks and packet profiles name, with their channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from handrail.connectors.channels.chat import ChatChannel
from handrail.connectors.channels.config import (
    AnyChannel,
    ChatSection,
    EmailSection,
    MailSection,
    NotificationsSection,
    PagerSection,
    ResponderSection,
    WebhookSection,
)
from handrail.connectors.channels.mail import EmailChannel
from handrail.connectors.channels.message import MessageChannel
from handrail.connectors.channels.pager import PagerChannel
from handrail.connectors.channels.smtp import Smtp
from handrail.connectors.channels.ticket import DeskChannel
from handrail.connectors.channels.webhook import WebhookChannel
from handrail.connectors.desk import Desk
from handrail.kernel.configured import Configured
from handrail.kernel.errors import Fault, Misconfigured
from handrail.kernel.secrets import Secrets

# As many responders as are notified one after the other, until nobody is left.
MOST_HOPS = 5
OpenDesk = Callable[[Mapping[str, Any]], Desk | None]


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """``after``: see ``config.ChannelSection``."""

    name: str
    after: float
    channel: MessageChannel


@dataclass(frozen=True, slots=True)
class Responder:
    """``name``: as definitions name it. ``workspaces``: slugs; all where empty."""

    key: str
    name: str
    workspaces: frozenset[str]
    take_within: float
    next: str | None
    channels: tuple[OpenChannel, ...]

    def find(self, channel: str) -> OpenChannel | None:
        return next((one for one in self.channels if one.name == channel), None)

    @property
    def first(self) -> tuple[OpenChannel, ...]:
        """Those that are notified at once."""
        return tuple(one for one in self.channels if not one.after)

    def steps(self) -> list[tuple[float, tuple[OpenChannel, ...]]]:
        """What is done while nobody has taken an exception packet: after how many seconds which channels are notified;
        none of them, for the next responder."""
        later = sorted({one.after for one in self.channels if 0 < one.after < self.take_within})
        found = [(wait, tuple(one for one in self.channels if one.after == wait)) for wait in later]
        last = tuple(one for one in self.channels if one.after >= max(self.take_within, 1e-9))
        return [*found, (self.take_within, last)]


@dataclass(frozen=True, slots=True)
class Responders:
    """``mail``: the server for e-mail, None without one. ``settings``: see ``config.NotificationsSection``."""

    by_key: Mapping[str, Responder] = field(default_factory=dict)
    mail: Smtp | None = None
    settings: NotificationsSection = field(default_factory=NotificationsSection)

    def find(self, name: str, workspace: str) -> Responder | None:
        """The one that ``name`` means in a workspace: the one that is only for it, else the one for all."""
        named = [one for one in self.by_key.values() if one.name == name]
        own = next((one for one in named if workspace in one.workspaces), None)
        return own or next((one for one in named if not one.workspaces), None)

    def names(self, workspace: str) -> list[str]:
        return sorted({one.name for one in self.by_key.values() if not one.workspaces or workspace in one.workspaces})

    @property
    def is_silent(self) -> bool:
        """Whether nobody at all can be notified: nothing is configured."""
        return not self.by_key and self.mail is None

    @property
    def house(self) -> str | None:
        """Who hears of what has no responder of its own."""
        return self.settings.responder


def build(
    sections: Mapping[str, ResponderSection],
    *,
    mail: MailSection | None,
    settings: NotificationsSection,
    open_desk: OpenDesk,
    secrets: Secrets,
) -> Responders:
    """Opens every channel; calls nobody. ``open_desk`` lays what a channel sets over ``[desk]``.

    Raises Misconfigured naming the section: a secret that is missing, e-mail without ``[mail]``, a desk without
    ``[desk]``, a ``next`` that there is not or that leads back.
    """
    smtp = None
    if mail is not None:
        smtp = _within("mail", lambda: Smtp(mail, secrets))
    opened: dict[str, Responder] = {}
    for key, section in sections.items():
        channels = []
        for place, one in enumerate(section.channels):
            where = f"responders.{key}.channels.{place}"
            channel = _within(where, lambda one=one: _open(one, smtp, open_desk, secrets))  # type: ignore[misc]
            channels.append(OpenChannel(one.called, one.after, channel))
        name, workspaces = section.name or key, frozenset(section.workspaces)
        opened[key] = Responder(key, name, workspaces, section.take_within, section.next, tuple(channels))
    _check_names(opened, settings)
    return Responders(opened, smtp, settings)


def _open(one: AnyChannel, smtp: Smtp | None, open_desk: OpenDesk, secrets: Secrets) -> MessageChannel:
    if isinstance(one, WebhookSection):
        return WebhookChannel(one, secrets)
    if isinstance(one, ChatSection):
        return ChatChannel(one, secrets)
    if isinstance(one, PagerSection):
        return PagerChannel(one, secrets)
    if isinstance(one, EmailSection):
        if smtp is None:
            raise Misconfigured("E-mail needs a server: add [mail] to handrail.toml.", code="mail-unconfigured")
        return EmailChannel(smtp, one.to, one.called)
    desk = open_desk(one.desk)
    if desk is None:
        raise Misconfigured("No service desk is configured: add [desk] to handrail.toml.", code="desk-unconfigured")
    return DeskChannel(one, desk)


def _within(where: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Misconfigured as error:
        raise Misconfigured(f"{where}: {error.message}", code=error.code) from None


def _check_names(opened: Mapping[str, Responder], settings: NotificationsSection) -> None:
    names, faults = {one.name for one in opened.values()}, []
    for key, one in opened.items():
        if one.next is not None and one.next not in names:
            faults.append(Fault(f"responders.{key}.next", f"there is no responder {one.next}"))
        if one.next == one.name:
            faults.append(Fault(f"responders.{key}.next", "it leads back to the responder itself"))
    if settings.responder is not None and settings.responder not in names:
        faults.append(Fault("notifications.responder", f"there is no responder {settings.responder}"))
    taken: dict[tuple[str, str], str] = {}
    for key, one in opened.items():
        for workspace in one.workspaces or {""}:
            other = taken.setdefault((one.name, workspace), key)
            if other != key:
                faults.append(Fault(f"responders.{key}.name", f"it means the same as responders.{other}"))
    if faults:
        raise Misconfigured("handrail.toml: " + "; ".join(map(str, faults)) + ".", code="config", faults=faults)


_configured = Configured[Responders](Responders())
configure, current, use = _configured.set, _configured.get, _configured.use
