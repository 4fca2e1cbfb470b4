"""A program that hears signed messages, as https://www.standardwebhooks.com describes them."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Final

from pydantic import JsonValue
from standardwebhooks.webhooks import Webhook

from handrail.connectors.channels.config import WebhookSection
from handrail.connectors.channels.message import ChannelMessage, Sent
from handrail.connectors.channels.posting import Post
from handrail.connectors.finding import Finding
from handrail.connectors.http import json_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import KeptSecret, Secrets

PREFIX = "whsec_"
SHORTEST = 16
TYPE = "notification."


class WebhookChannel:
    """The receiver tells a repeat by ``webhook-id``, so a lost answer is followed by the same message again."""

    kind: Final = "webhook"
    repeatable: Final = True

    def __init__(self, section: WebhookSection, secrets: Secrets) -> None:
        self._name = section.called
        self._secret = KeptSecret(section.secret, secrets)
        self._post = Post(section, secrets)
        self._signer()

    @property
    def deadline_seconds(self) -> float:
        return self._post.deadline_seconds

    def send(self, message: ChannelMessage) -> Sent:
        at = now()
        content = json_bytes(body(message, at))
        signature = self._signer().sign(message.key, at, content.decode())
        headers = {
            "content-type": "application/json",
            "webhook-id": message.key,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        }
        return self._post.send(content, headers, repeatable=True)

    def find(self, key: str) -> str | None:  # noqa: ARG002 - a receiver can't be asked
        return None

    def check(self) -> list[Finding]:
        return self._post.check(self._name)

    def _signer(self) -> Webhook:
        secret = self._secret.current().reveal()
        try:
            long_enough = len(base64.b64decode(secret.removeprefix(PREFIX), validate=True)) >= SHORTEST
        except (binascii.Error, ValueError):
            long_enough = False
        if not long_enough:
            raise Misconfigured(f"The secret must be {PREFIX} and base64 of {SHORTEST} bytes or more.", code="channel")
        return Webhook(secret)


def body(message: ChannelMessage, at: datetime) -> dict[str, JsonValue]:
    """What a program hears: type, time and data, as Standard Webhooks recommend."""
    return {
        "type": TYPE + message.kind,
        "timestamp": at.isoformat(timespec="seconds"),
        "data": {
            "key": message.key,
            "title": message.title,
            "lines": list(message.lines),
            "link": message.link,
            "urgent": message.urgent,
            "workspace": message.workspace,
            "values": dict(message.values),
            "events": [dict(event) for event in message.events],
        },
    }
