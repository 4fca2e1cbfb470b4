"""Pagers: PagerDuty's Events API v2, Opsgenie's alerts, and GoAlert's generic integration.

Each folds what comes under one key into one incident, so a message whose answer was lost is sent again.
"""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import quote, urlencode

from pydantic import JsonValue

from handrail.connectors.channels.config import PagerSection
from handrail.connectors.channels.message import ChannelMessage, Sent, SentVerdict
from handrail.connectors.channels.posting import Post
from handrail.connectors.finding import Finding
from handrail.connectors.http import json_bytes
from handrail.connectors.http.client import Exchange
from handrail.kernel.secrets import KeptSecret, Secrets

PAGERDUTY, OPSGENIE = "https://events.pagerduty.com/v2/enqueue", "https://api.opsgenie.com/v2/alerts"
GOALERT_PATH = "/api/v2/generic/incoming"
# https://developer.pagerduty.com/docs/send-alert-event and https://docs.opsgenie.com/docs/alert-api
SUMMARY_LIMIT, OPSGENIE_LIMIT, DETAILS_LIMIT = 1024, 130, 6000


class PagerChannel:
    kind: Final = "pager"
    repeatable: Final = True

    def __init__(self, section: PagerSection, secrets: Secrets) -> None:
        self._name, self._shape = section.called, section.shape
        self._key = KeptSecret(section.key, secrets)
        known = {"pagerduty": PAGERDUTY, "opsgenie": OPSGENIE}.get(section.shape, "")
        url = section.url or known
        self._path = GOALERT_PATH if section.shape == "goalert" else None
        self._post = Post(section, secrets, url=url)

    @property
    def deadline_seconds(self) -> float:
        return self._post.deadline_seconds

    def send(self, message: ChannelMessage) -> Sent:
        if message.resolved and not message.closes:
            return Sent(SentVerdict.DELIVERED, "other exception packets of this incident are not resolved yet")
        if self._shape == "pagerduty":
            return self._pagerduty(message)
        if self._shape == "opsgenie":
            return self._opsgenie(message)
        return self._goalert(message)

    def find(self, key: str) -> str | None:  # noqa: ARG002 - its key is enough
        return None

    def check(self) -> list[Finding]:
        return self._post.check(self._name)

    def _pagerduty(self, message: ChannelMessage) -> Sent:
        event: dict[str, JsonValue] = {
            "routing_key": self._key.current().reveal(),
            "event_action": "resolve" if message.closes else "trigger",
            "dedup_key": message.thread or message.key,
            "payload": {
                "summary": message.title[:SUMMARY_LIMIT],
                "source": "Handrail",
                "severity": "critical" if message.urgent else "warning",
                "custom_details": {**message.values, "text": _text(message)},
            },
            "links": [{"href": message.link, "text": "Open in Handrail"}] if message.link else [],
        }
        return self._post.send(
            json_bytes(event), {"content-type": "application/json"}, repeatable=True, understood=_pagerduty_against
        )

    def _opsgenie(self, message: ChannelMessage) -> Sent:
        headers = {"content-type": "application/json", "authorization": f"GenieKey {self._key.current().reveal()}"}
        alias = message.thread or message.key
        if message.closes:
            path = f"/v2/alerts/{quote(alias, safe='')}/close?identifierType=alias"
            return self._post.send(json_bytes({"source": "Handrail"}), headers, repeatable=True, path=path)
        alert: dict[str, JsonValue] = {
            "message": message.title[:OPSGENIE_LIMIT],
            "alias": alias,
            "description": f"{_text(message)}\n{message.link}"[:DETAILS_LIMIT],
            "details": dict(message.values),
            "source": "Handrail",
            "priority": "P1" if message.urgent else "P3",
        }
        return self._post.send(json_bytes(alert), headers, repeatable=True)

    def _goalert(self, message: ChannelMessage) -> Sent:
        fields = {
            "token": self._key.current().reveal(),  # in the body: an address would be in everybody's log
            "summary": message.title[:SUMMARY_LIMIT],
            "details": f"{_text(message)}\n{message.link}"[:DETAILS_LIMIT],
            "dedup": message.thread or message.key,
            **({"action": "close"} if message.closes else {}),
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self._post.send(urlencode(fields).encode(), headers, repeatable=True, path=self._path)


def _text(message: ChannelMessage) -> str:
    return "\n".join(message.lines)


def _pagerduty_against(exchange: Exchange) -> str:
    try:
        found = json.loads(exchange.body or b"{}")
    except ValueError:
        return "its answer is not JSON"
    if isinstance(found, dict) and found.get("status") == "success":
        return ""
    return "did not say that it took the event"
