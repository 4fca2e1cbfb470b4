"""E-mail: text and HTML with a link, given to the configured server.

A server can't be asked whether it has a message, and takes the same one twice. So after a lost answer the message is
not sent again.
"""

from __future__ import annotations

from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from html import escape
from typing import Final

from handrail.connectors.channels.message import ChannelMessage, Sent, SentVerdict
from handrail.connectors.channels.smtp import Smtp
from handrail.connectors.finding import Finding
from handrail.kernel.clock import now

SUBJECT_LIMIT = 150
# Of seven bits: a server that does not offer 8BITMIME takes nothing else.
_POLICY = SMTP.clone(cte_type="7bit")
_FIX = "Check host, port, tls, username and password of [mail]."


class EmailChannel:
    kind: Final = "email"
    repeatable: Final = False

    def __init__(self, smtp: Smtp, to: tuple[str, ...], name: str = "email") -> None:
        self._smtp, self._to, self._name = smtp, to, name

    @property
    def deadline_seconds(self) -> float:
        return self._smtp.section.deadline_seconds

    def send(self, message: ChannelMessage) -> Sent:
        if not all(address.isascii() for address in self._to):
            return Sent(SentVerdict.REFUSED, "the address can't be used in e-mail")
        try:
            content = composed(message, self._smtp, self._to).as_bytes(policy=_POLICY)
        except (MessageError, ValueError, UnicodeError):
            return Sent(SentVerdict.REFUSED, "the address can't be used in e-mail")
        return self._smtp.send(content, self._to)

    def find(self, key: str) -> str | None:  # noqa: ARG002 - a mail server can't be asked
        return None

    def check(self) -> list[Finding]:
        why = self._smtp.probe()
        if why:
            return [Finding(self._name, ok=False, message=f"The mail server can't be used: {why}.", fix=_FIX)]
        return [Finding(self._name, ok=True, message="The mail server takes connections and login. Nothing was sent.")]


def composed(message: ChannelMessage, smtp: Smtp, to: tuple[str, ...]) -> EmailMessage:
    """The e-mail. Mail programs tell a repeat by ``Message-ID``, and answer none that is ``Auto-Submitted``."""
    section, mail = smtp.section, EmailMessage(policy=_POLICY)
    mail["Subject"] = message.title[:SUBJECT_LIMIT]
    mail["From"] = formataddr((section.sender_name, section.sender))
    mail["To"] = ", ".join(to)
    mail["Date"] = format_datetime(now())
    mail["Message-ID"] = f"<{message.key}@{section.sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    if section.reply_to:
        mail["Reply-To"] = section.reply_to
    if message.urgent:
        mail["Importance"] = "high"
    mail.set_content(as_text(message))
    mail.add_alternative(as_html(message), subtype="html")
    return mail


def as_text(message: ChannelMessage) -> str:
    values = [f"{name}: {value}" for name, value in message.values.items()]
    parts = [message.title, "\n".join(message.lines), "\n".join(values), message.link]
    return "\n\n".join(part for part in parts if part) + f"\n\n{message.key}\n"


def as_html(message: ChannelMessage) -> str:
    lines = "".join(f"<p>{escape(line)}</p>" for line in message.lines)
    rows = "".join(
        f"<tr><th align=left>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in message.values.items()
    )
    table = f"<table>{rows}</table>" if rows else ""
    link = f'<p><a href="{escape(message.link)}">Open in Handrail</a></p>' if message.link else ""
    title = escape(message.title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1>{lines}{table}{link}<p><small>{escape(message.key)}</small></p></body></html>\n"
    )
