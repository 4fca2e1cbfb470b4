"""Handrail with the practice estate's desk as its one desk, as the demo configures it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from handrail.cli.demo.desk import section
from handrail.connectors import desk as desks
from handrail.connectors.desk import Desk, DeskConfig
from handrail.kernel.secrets import Secrets
from handrail.sandbox.estate import PRACTICE_TOKENS
from handrail.sandbox.server import Sandbox
from handrail.support import settings


@contextmanager
def practice_desk(sandbox: Sandbox, *, at_once: int = 12, **own: Any) -> Iterator[Desk]:
    """The desk of ``sandbox``, with keys of your own over its section."""
    given = {**section(sandbox.url, token="env:DESK"), **own}
    desk = Desk(DeskConfig.model_validate(given), Secrets({"DESK": PRACTICE_TOKENS["desk"]}))
    with desks.use(desk), settings.use(settings.SupportSettings(concurrent_calls=at_once)):
        yield desk
    desk.close()


def counts(sandbox: Sandbox) -> dict[str, int]:
    """How often the desk was asked for a ticket, and how many it made."""
    found: dict[str, int] = _get(sandbox, "control", "/desk/counts")
    return found


def tickets(sandbox: Sandbox) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = _get(sandbox, "desk", "/desk/api/tickets")["items"]
    return items


def open_ticket(sandbox: Sandbox, subject: str = "Known already") -> dict[str, Any]:
    """A ticket that somebody else opened in the desk."""
    headers = {"authorization": f"Bearer {PRACTICE_TOKENS['desk']}"}
    body = {"subject": subject, "correlation": "by hand", "description": "Opened by hand."}
    found: dict[str, Any] = httpx2.post(f"{sandbox.url}/desk/api/tickets", json=body, headers=headers).json()
    return found


def _get(sandbox: Sandbox, service: str, path: str) -> Any:
    headers = {"authorization": f"Bearer {PRACTICE_TOKENS[service]}"}
    return httpx2.get(f"{sandbox.url}{path}", headers=headers).json()
