"""The practice service desk: tickets over a small JSON API, a page for each, and every way in which a desk misbehaves.

A fault is chosen by ``POST /desk/faults {"next": ["hang", …]}``, one for each call to come, or by ``[fault:hang]``
anywhere in a ticket's subject.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Any

from handrail.sandbox import wire
from handrail.sandbox.faults import CANARY
from handrail.sandbox.routing import Route, route
from handrail.sandbox.services.records import text_field
from handrail.sandbox.state import EstateState
from handrail.sandbox.wire import BadRequest, Reply, Request, Sender

HUGE_BYTES = 100 * 1024 * 1024
HANG_SECONDS = 30.0
# One byte in this time: no single read times out, and an answer takes far longer than anybody may wait.
DRIP_SECONDS = 0.2
_MARK = re.compile(r"\[fault:([a-z0-9-]+)\]")
_LEAK = f"Bearer {CANARY}desk"
_MARKUP = f'<script>alert("{CANARY}markup")</script><b>Sorry</b> \u202e{_LEAK}'
_PAGE = "<!doctype html><title>{title}</title><h1>{title}</h1><p>{text}</p>"


def _page(status: int, title: str, text: str) -> Reply:
    return wire.html_reply(status, _PAGE.format(title=title, text=text))


# Answers without a ticket.
_REFUSALS: Mapping[str, Callable[[], Reply]] = {
    "hang": lambda: wire.problem(503, "late", "late").by(wire.stalled(HANG_SECONDS)),
    "unauthorised": lambda: wire.json_reply(401, {"error": f"token {_LEAK} is not valid"}),
    "unprocessable-html": lambda: _page(422, "Unprocessable", _MARKUP),
    "throttled": lambda: wire.json_reply(429, {"error": "slow down"}, retry_after="30"),
    "server-error": lambda: wire.json_reply(500, {"error": "database", "trace": f"password={CANARY}trace"}),
    "markup-error": lambda: wire.json_reply(400, {"error": {"message": _MARKUP, "authorization": _LEAK}}),
    "redirect": lambda: Reply(302, b"", {"location": "/desk/tickets/T-1"}),
    "html": lambda: _page(200, "Log in", f"Your session is {CANARY}session."),
    "no-reference": lambda: wire.json_reply(201, {"status": "created", "note": _LEAK}),
    "huge": lambda: Reply(200, b"", {"content-type": "application/json"}).by(wire.huge(HUGE_BYTES)),
    "cut-before": lambda: Reply(503).by(wire.cut),
}
# What happens to the answer once the ticket is there.
_SENDERS: Mapping[str, Sender] = {
    "drip-headers": wire.dripped("headers", every_seconds=DRIP_SECONDS),
    "drip-body": wire.dripped("body", every_seconds=DRIP_SECONDS),
    "cut-after": wire.cut,
    "hang-after": wire.stalled(HANG_SECONDS),
}
FAULTS = (*_REFUSALS, *_SENDERS, "truncated")


class DeskService:
    def __init__(self, estate: EstateState) -> None:
        self._estate = estate
        self._tickets: dict[str, dict[str, Any]] = {}
        self._next: list[str] = []
        self._creations = 0

    def reset(self) -> None:
        self._tickets = {}
        self._next = []
        self._creations = 0

    def routes(self) -> list[Route]:
        return [
            route("desk", "GET", "/desk/api/whoami", lambda _: wire.json_reply(200, {"name": "handrail"})),
            route("desk", "POST", "/desk/api/tickets", self._create),
            route("desk", "GET", "/desk/api/tickets", self._search),
            route("desk", "GET", "/desk/api/tickets/{id}", self._read),
            route("", "GET", "/desk/tickets/{id}", self._show),
            route("control", "POST", "/desk/faults", self._script),
            route("control", "GET", "/desk/counts", self._counts),
        ]

    def _create(self, request: Request) -> Reply:
        body = request.json()
        subject, correlation = text_field(body, "subject"), text_field(body, "correlation")
        with self._estate.lock:
            self._creations += 1
            marked = _MARK.search(subject)
            fault = marked[1] if marked and marked[1] in FAULTS else self._next.pop(0) if self._next else ""
            if fault in _REFUSALS:
                return _REFUSALS[fault]()
            ticket = self._store(subject, correlation, body)
        reply = wire.json_reply(201, ticket)
        if fault == "truncated":
            return wire.truncated(reply)
        return reply.by(_SENDERS.get(fault, wire.whole))

    def _store(self, subject: str, correlation: str, body: dict[str, Any]) -> dict[str, Any]:
        number = f"T-{len(self._tickets) + 1001}"
        ticket = {
            "id": number,
            "url": f"{self._estate.url}/desk/tickets/{number}",
            "subject": subject,
            "correlation": correlation,
            "severity": str(body.get("severity", "")),
            "description": str(body.get("description", "")),
            "internal_queue_token": f"{CANARY}queue",
        }
        self._tickets[number] = ticket
        self._estate.effects.record(service="desk", key=correlation, tenant="", what=f"ticket {number}")
        return ticket

    def _search(self, request: Request) -> Reply:
        wanted = request.query.get("correlation")
        with self._estate.lock:
            found = [t for t in self._tickets.values() if wanted in (None, t["correlation"])]
        return wire.json_reply(200, {"items": found})

    def _read(self, request: Request) -> Reply:
        ticket = self._tickets.get(request.params["id"])
        return wire.problem(404, "not-found", "No such ticket.") if ticket is None else wire.json_reply(200, ticket)

    def _show(self, request: Request) -> Reply:
        ticket = self._tickets.get(request.params["id"])
        if ticket is None:
            return _page(404, "No such ticket", "")
        facts = html.escape(f"{ticket['correlation']} {ticket['severity']}")
        title = html.escape(f"{ticket['id']} {ticket['subject']}")
        return _page(200, title, f"{facts}</p><pre>{html.escape(ticket['description'])}</pre><p>")

    def _script(self, request: Request) -> Reply:
        given = request.json().get("next")
        if not isinstance(given, list) or not all(name in FAULTS or name == "" for name in given):
            raise BadRequest(f"next must be a list of: {', '.join(FAULTS)}; an empty text is a good answer")
        with self._estate.lock:
            self._next = list(given)
        return wire.json_reply(201, {"added": len(given)})

    def _counts(self, _request: Request) -> Reply:
        with self._estate.lock:
            counts = {"creations": self._creations, "tickets": len(self._tickets), "faults_left": len(self._next)}
        return wire.json_reply(200, counts)
