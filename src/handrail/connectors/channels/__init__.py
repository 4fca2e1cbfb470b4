"""Ways to people: signed webhook, e-mail, chat, pager and the desk, and the responders that are notified by them."""

from handrail.connectors.channels.config import MailSection, NotificationsSection, ResponderSection
from handrail.connectors.channels.mail import EmailChannel
from handrail.connectors.channels.message import ChannelMessage, MessageChannel, Sent, SentVerdict
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
    "ChannelMessage",
    "EmailChannel",
    "MailSection",
    "MessageChannel",
    "NotificationsSection",
    "OpenChannel",
    "Responder",
    "ResponderSection",
    "Responders",
    "Sent",
    "SentVerdict",
    "build",
    "configure",
    "current",
    "use",
]
