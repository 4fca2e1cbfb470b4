"""A time-stamp service over HTTP: RFC 3161, section 3.4."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.audit.stamps import ANSWER_TYPE, REQUEST_TYPE
from handrail.connectors.http import Client, describe

_OK = 200


@dataclass(frozen=True, slots=True)
class StampAnswer:
    """``response``: what the service sent, not verified yet; None when it sent none, and ``message`` says why."""

    response: bytes | None
    message: str = ""


class TimestampService:
    """One configured service. Safe to share between threads."""

    def __init__(self, name: str, client: Client, *, every_seconds: float) -> None:
        self.name = name
        self.every_seconds = every_seconds
        self._client = client

    def stamp(self, query: bytes) -> StampAnswer:
        """Never raises for what a service does."""
        headers = {"content-type": REQUEST_TYPE, "accept": ANSWER_TYPE}
        exchange = self._client.send("POST", self._client.config.base_url, headers=headers, content=query)
        if exchange.failure is not None:
            return StampAnswer(None, f"{describe(exchange.failure).capitalize()}.")
        if exchange.status != _OK:
            return StampAnswer(None, f"It answered with status {exchange.status}.")
        kind = exchange.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != ANSWER_TYPE:
            return StampAnswer(None, f"Its answer is not of the type {ANSWER_TYPE}.")
        return StampAnswer(exchange.body)
