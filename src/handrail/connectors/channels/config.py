"""The sections ``[mail]``, ``[notifications]`` and ``[responders.NAME]`` of handrail.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from handrail.connectors.config import MAX_DEADLINE_SECONDS, SecretReference, Section

MOST_CHANNELS = 10
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
Address = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,190}$")]
Seconds = Annotated[float, Field(ge=0, le=30 * 86_400, allow_inf_nan=False)]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must have no control characters or line breaks")
    return text


Line = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_printable)]


class MailSection(Section):
    """The server that e-mail is given to. ``tls``: from the first byte (implicit, usually port 465), or after STARTTLS
    (usually port 587), which is never left out; none only on this machine."""

    host: str = Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str | None = Field(default=None, min_length=1, max_length=254)
    password: SecretReference | None = None
    sender: Address
    sender_name: Line = "Handrail"
    reply_to: Address | None = None
    ca_file: Path | None = None
    deadline_seconds: float = Field(default=20.0, gt=0, le=MAX_DEADLINE_SECONDS, allow_inf_nan=False)

    @model_validator(mode="after")
    def _protected(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("give username and password, or neither")
        if self.tls == "none" and self.host not in {"127.0.0.1", "::1", "localhost"}:
            raise ValueError('tls = "none" is only for a server on this machine; use "starttls" or "implicit"')
        return self


class ChannelSection(Section):
    """What every channel has. ``name``: what people read, and what tells it from the responder's others. ``after``: it
    is notified only when nobody has taken the exception packet after so many seconds, or the channels before it
    failed."""

    kind: str
    name: Name | None = None
    after: Seconds = 0

    @property
    def called(self) -> str:
        return self.name or self.kind


class HttpChannelSection(ChannelSection):
    """``url``: where to, or the reference of a secret that holds it, as the addresses of chat rooms are secret."""

    url: str = Field(min_length=1, max_length=4000)
    deadline_seconds: float = Field(default=10.0, gt=0, le=MAX_DEADLINE_SECONDS, allow_inf_nan=False)
    ca_file: Path | None = None
    allow_plain_http: bool = False


class WebhookSection(HttpChannelSection):
    """A program that hears a signed message (https://www.standardwebhooks.com). ``secret``: ``whsec_`` and base64."""

    kind: Literal["webhook"]
    secret: SecretReference


class EmailSection(ChannelSection):
    kind: Literal["email"]
    to: tuple[Address, ...] = Field(min_length=1, max_length=20)


class ChatSection(HttpChannelSection):
    """A room of a chat, by its incoming webhook. Customers' values are never shown there."""

    kind: Literal["chat"]
    shape: Literal["slack", "mattermost", "teams"]
    url: SecretReference


class PagerSection(HttpChannelSection):
    """``key``: the reference of PagerDuty's integration key, Opsgenie's API key, or GoAlert's integration key token."""

    kind: Literal["pager"]
    shape: Literal["pagerduty", "opsgenie", "goalert"]
    url: str = Field(default="", max_length=4000)
    key: SecretReference

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not self.url and self.shape == "goalert":
            raise ValueError("url is missing: the address of your GoAlert, such as https://goalert.example.com")
        return self


class DeskSection(ChannelSection):
    """One ticket in the configured desk. ``desk``: what differs from ``[desk]``, such as another queue."""

    kind: Literal["desk"]
    desk: dict[str, Any] = Field(default_factory=dict)
    severity: Literal["low", "normal", "high", "urgent"] = "high"


AnyChannel = Annotated[
    WebhookSection | EmailSection | ChatSection | PagerSection | DeskSection, Field(discriminator="kind")
]


class ResponderSection(Section):
    """The people that runbooks and packet profiles name. ``name``: if another responder of another workspace has the
    same.

    ``workspaces``: the slugs of those that it hears of, all where it names none. ``take_within``: ``next`` is notified
    of an exception packet that nobody has taken after so many seconds.
    """

    name: Name | None = None
    workspaces: tuple[str, ...] = ()
    take_within: Seconds = 1800
    next: Name | None = None
    channels: tuple[AnyChannel, ...] = Field(min_length=1, max_length=MOST_CHANNELS)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        names = [channel.called for channel in self.channels]
        if len(set(names)) != len(names):
            raise ValueError("two channels have the same name; give each a name of its own")
        if self.channels[0].after:
            raise ValueError("the first channel is notified at once; leave out its after")
        waits = [channel.after for channel in self.channels]
        if waits != sorted(waits):
            raise ValueError("channels stand in the order in which they are notified; after may not become less")
        return self


class NotificationsSection(Section):
    """``responder`` hears of what belongs to no other responder: brakes, waves, refused tasks, seals that fail.

    ``gather_seconds``: how long a message waits for like events before it leaves. ``digest_seconds``: further like
    events are notified together, at most once in so long. ``tried_seconds``: how long a message is tried.
    ``soon_seconds``: how long before an escalation packet expires people are notified.
    """

    responder: Name | None = None
    gather_seconds: float = Field(default=5, ge=0, le=600)
    digest_seconds: float = Field(default=300, ge=0, le=86_400)
    tried_seconds: float = Field(default=6 * 3600, ge=1, le=30 * 86_400)
    soon_seconds: float = Field(default=86_400, ge=60, le=30 * 86_400)
