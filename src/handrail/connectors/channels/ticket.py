"""The desk as a channel: one ticket, under the notification's own key. It is not a support request.

A desk that can be searched (``[desk.lookup]``) is asked after a lost answer. Where it finds nothing, or can't be
searched, the outcome stays unknown: a ticket is never created twice.
"""

from __future__ import annotations

from typing import Final

from handrail.connectors.channels.config import DeskSection
from handrail.connectors.channels.message import RECEIPT_LIMIT, ChannelMessage, Sent, SentVerdict
from handrail.connectors.desk import Category, Created, Desk, Severity, TicketDraft
from handrail.connectors.finding import Finding
from handrail.kernel.errors import HandrailError

NOT_A_CUSTOMER = "-"
# It was not asked, or turned the call away before it did anything; or it is this side's to fix.
_LATER = frozenset(
    {
        *(Category.RATE_LIMITED, Category.DESK_BUSY, Category.UNREACHABLE, Category.HANDRAIL_BUSY),
        *(Category.NOT_TRUSTED, Category.CREDENTIALS, Category.PERMISSION),
    }
)


class DeskChannel:
    kind: Final = "desk"
    repeatable: Final = False

    def __init__(self, section: DeskSection, desk: Desk) -> None:
        self._name, self._desk = section.called, desk
        self._severity = Severity(section.severity)

    @property
    def deadline_seconds(self) -> float:
        return self._desk.config.deadline_seconds

    def send(self, message: ChannelMessage) -> Sent:
        values = [f"{name}: {value}" for name, value in message.values.items()]
        made = self._desk.create(
            TicketDraft(
                reference=message.key,
                summary=message.title,
                body="\n".join(message.lines),
                severity=self._severity,
                contact_name="Handrail",
                contact_email="",
                tenant=NOT_A_CUSTOMER,
                page_url=message.link or None,
                facts="\n".join([*values, message.link] if message.link else values),
            )
        )
        if isinstance(made, Created):
            return Sent(SentVerdict.DELIVERED, receipt=made.reference[:RECEIPT_LIMIT])
        words = f"no ticket: {made.category.value.replace('-', ' ')}"
        if made.outcome_unknown:
            return Sent(SentVerdict.UNKNOWN, f"a ticket may exist: {made.category.value.replace('-', ' ')}")
        return Sent(SentVerdict.LATER if made.category in _LATER else SentVerdict.REFUSED, words)

    def find(self, key: str) -> str | None:
        try:
            found = self._desk.look_up(key)
        except HandrailError:
            return None
        return found[0][:RECEIPT_LIMIT] if found else None

    def check(self) -> list[Finding]:
        return self._desk.check()
