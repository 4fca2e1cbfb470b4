"""What goes out to people and what comes back, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from handrail.connectors.finding import Finding

WORDS_LIMIT = 150
RECEIPT_LIMIT = 200


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """One message, the same for every channel; each shows what it has room for.

    ``key``: the delivery's own; a channel knows a repeat by it. ``thread``: the key of the first message about the
    same thing through the same channel, ``resolved``: it tells that this is over, ``closes``: and so is all that the
    first message notified of; so a pager finds its incident.
    ``title`` and ``lines``: Handrail's words alone, with references and codes. ``values``: what of a customer's the
    runbook's copy list lets out, by name. ``link``: the page; empty where ``[web] base_url`` is not set.
    ``events``: what is notified, for programs.
    """

    key: str
    title: str
    lines: tuple[str, ...]
    link: str
    urgent: bool = False
    thread: str = ""
    resolved: bool = False
    closes: bool = False
    values: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    workspace: str = ""
    events: tuple[Mapping[str, str], ...] = ()


class SentVerdict(StrEnum):
    """What is known of a call. ``later``: certainly not taken, and it may be another time. ``refused``: certainly not
    taken, and it won't be. ``unknown``: it may have been taken."""

    DELIVERED = "delivered"
    LATER = "later"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a call. ``words``: why not, as the end of a sentence about the channel, in Handrail's words alone.
    ``receipt``: what the channel calls it. ``retry_after_seconds``: how long it asked to be left alone."""

    verdict: SentVerdict
    words: str = ""
    receipt: str = ""
    retry_after_seconds: float | None = None


class MessageChannel(Protocol):
    """A way to people. ``repeatable``: a message that is sent again under its key is there once.

    ``deadline_seconds``: how long a call may take in all.
    """

    @property
    def kind(self) -> str: ...
    @property
    def repeatable(self) -> bool: ...
    @property
    def deadline_seconds(self) -> float: ...

    def send(self, message: ChannelMessage) -> Sent:
        """One call, never repeated here. Raises Misconfigured for what could not be sent at all."""
        ...

    def find(self, key: str) -> str | None:
        """What the channel calls the message with ``key``; None where it has none, or can't be asked."""
        ...

    def check(self) -> list[Finding]:
        """Whether it can be reached. Sends nothing."""
        ...
