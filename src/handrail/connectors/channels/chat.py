"""Rooms of a chat: the incoming webhooks of Slack, Mattermost and Microsoft Teams.

A room is read by many, so no customer's value is shown there. A room can't tell a repeat: after a lost answer the
message may be there, and is not sent again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from handrail.connectors.channels.config import ChatSection
from handrail.connectors.channels.message import ChannelMessage, Sent
from handrail.connectors.channels.posting import Post
from handrail.connectors.finding import Finding
from handrail.connectors.http import json_bytes
from handrail.connectors.http.client import Exchange
from handrail.kernel.secrets import Secrets

OPEN = "Open in Handrail"
# What Slack's markup, Markdown and mentions are made of.
_SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MARKDOWN = str.maketrans({mark: "\\" + mark for mark in "\\`*_{}[]()#+-!|~>"} | {"@": "@\u200b", "<": "&lt;"})
_CARD = "application/vnd.microsoft.card.adaptive"


class ChatChannel:
    kind: Final = "chat"
    repeatable: Final = False

    def __init__(self, section: ChatSection, secrets: Secrets) -> None:
        self._name = section.called
        self._shape = section.shape
        self._post = Post(section, secrets)

    @property
    def deadline_seconds(self) -> float:
        return self._post.deadline_seconds

    def send(self, message: ChannelMessage) -> Sent:
        content = json_bytes(SHAPES[self._shape](message))
        understood = _teams_against if self._shape == "teams" else _slack_against
        headers = {"content-type": "application/json"}
        return self._post.send(content, headers, repeatable=False, understood=understood)

    def find(self, key: str) -> str | None:  # noqa: ARG002 - a room can't be asked
        return None

    def check(self) -> list[Finding]:
        return self._post.check(self._name)


def slack(message: ChannelMessage) -> dict[str, Any]:
    """https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""
    lines = [f"*{message.title.translate(_SLACK)}*", *(line.translate(_SLACK) for line in message.lines)]
    if message.link:
        lines.append(f"<{message.link}|{OPEN}>")
    return {
        "text": "\n".join(lines),
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)[:3000]}}],
    }


def mattermost(message: ChannelMessage) -> dict[str, Any]:
    """https://developers.mattermost.com/integrate/webhooks/incoming/"""
    lines = [f"**{message.title.translate(_MARKDOWN)}**", *(line.translate(_MARKDOWN) for line in message.lines)]
    if message.link:
        lines.append(f"[{OPEN}]({message.link})")
    return {"text": "  \n".join(lines)}


def teams(message: ChannelMessage) -> dict[str, Any]:
    """A message with an Adaptive Card, as the webhooks of Teams' workflows take it."""
    blocks: list[dict[str, Any]] = [
        {"type": "TextBlock", "text": message.title.translate(_MARKDOWN), "weight": "Bolder", "wrap": True},
        *({"type": "TextBlock", "text": line.translate(_MARKDOWN), "wrap": True} for line in message.lines),
    ]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    if message.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": OPEN, "url": message.link}]
    return {"type": "message", "attachments": [{"contentType": _CARD, "content": card}]}


SHAPES: Mapping[str, Callable[[ChannelMessage], dict[str, Any]]] = {
    "slack": slack,
    "mattermost": mattermost,
    "teams": teams,
}


def _slack_against(exchange: Exchange) -> str:
    """Slack and what is like it say "ok" and nothing else, or JSON whose ``ok`` or ``success`` is true."""
    text = exchange.body.decode("utf-8", "replace").strip()
    if text.lower() == "ok":
        return ""
    found = _object(text)
    return "" if found.get("ok") is True or found.get("success") is True else "did not say that it took the message"


def _teams_against(exchange: Exchange) -> str:
    """A workflow says nothing; the connectors before it said 1, or 200 with an error in words."""
    text = exchange.body.decode("utf-8", "replace").strip()
    failed = "error" in text.lower() or "failed" in text.lower()
    return "reported an error" if failed else ""


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}
