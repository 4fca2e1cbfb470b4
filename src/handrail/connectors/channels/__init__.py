"""Ways to people: signed webhook, e-mail, chat, pager and the desk, and the responders that are notified by them."""

from handrail.connectors.channels.config import MailSection, NotificationsSection, ResponderSection
from handrail.connectors.channels.mail import EmailChannel
from handrail.connectors.channels.message import Channel, ChannelMessage, Sent, Verdict
from handrail.connectors.channels.responders import (
    MOST_HOPS,
    OpenChannel,
    Responder,
    Responders,
    build,
    configure,
    current,
    use,
)

__all__ = [
    "MOST_HOPS",
    "Channel",
    "ChannelMessage",
    "EmailChannel",
    "MailSection",
    "NotificationsSection",
    "OpenChannel",
    "Responder",
    "ResponderSection",
    "Responders",
    "Sent",
    "Verdict",
    "build",
    "configure",
    "current",
    "use",
]
