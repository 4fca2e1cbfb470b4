"""The sources of a vendor escalation: cases, rosters, vendor tickets, hold history, plans, federation, attachments.

``POST /cases/{case}/change`` and the like stand for other people's work while a packet is under review.
"""

from __future__ import annotations

from typing import Any

from handrail.kernel.canonical import digest_bytes
from handrail.sandbox import federation, outage, wire
from handrail.sandbox.faults import disturbed
from handrail.sandbox.routing import Route, route
from handrail.sandbox.services.records import record_reply, text_field
from handrail.sandbox.state import EstateState
from handrail.sandbox.wire import BadRequest, Reply, Request
from handrail.sandbox.world import merged, public

_TYPES = {"har": "application/json", "trace": "application/json", "other": "text/plain; charset=utf-8"}


class CaseService:
    def __init__(self, estate: EstateState) -> None:
        self._estate = estate
        self.reset()

    def reset(self) -> None:
        self._records: dict[str, dict[str, Any]] = {
            f"cases/{outage.CASE}": outage.case(),
            f"rosters/{outage.VENDOR}": outage.roster(),
            f"plans/{outage.VENDOR}": outage.plans(),
            "vendor-tickets": outage.vendor_tickets(),
            "holds": outage.hold_history(),
            "connectors": outage.inventory(),
        }
        self._metadata = federation.metadata()
        self._attachments = outage.attachments()

    def routes(self) -> list[Route]:
        return [
            route("cases", "GET", "/cases/{case}", lambda r: self._read(f"cases/{r.params['case']}")),
            route("cases", "GET", "/rosters/{vendor}", lambda r: self._read(f"rosters/{r.params['vendor']}")),
            route("cases", "GET", "/plans/{vendor}", lambda r: self._read(f"plans/{r.params['vendor']}")),
            route("cases", "GET", "/vendor-tickets", lambda r: self._list("vendor-tickets", "case", r)),
            route("cases", "GET", "/holds", lambda r: self._list("holds", "case", r)),
            route("federation", "GET", "/federation/connectors", lambda r: self._list("connectors", "tenant", r)),
            route("federation", "GET", "/federation/metadata/{tenant}", self._published),
            route("federation", "GET", "/federation/entities/{tenant}", self._all_published),
            route("attachments", "GET", "/attachments", self._attached),
            route("attachments", "GET", "/attachments/{id}/content", self._content),
            route("control", "POST", "/cases/{case}/timeline", self._note),
            route("control", "POST", "/cases/{case}/attachments", self._attach),
            route("control", "POST", "/change/{record:path}", self._change),
        ]

    def _read(self, name: str) -> Reply:
        def answer() -> Reply:
            with self._estate.lock:
                found = self._records.get(name)
                return record_reply(public(found) if found else None)

        return disturbed(self._estate.faults.take("cases.read", name), answer)

    def _list(self, name: str, by: str, request: Request) -> Reply:
        def answer() -> Reply:
            wanted = request.query.get(by)
            with self._estate.lock:
                record = public(self._records[name])
            record["items"] = [item for item in record["items"] if wanted in (None, item[by])]
            return record_reply(record)

        return disturbed(self._estate.faults.take("cases.read", name), answer)

    def _published(self, request: Request) -> Reply:
        return self._document(request, self._metadata)

    def _all_published(self, request: Request) -> Reply:
        return self._document(request, federation.entities(self._metadata))

    def _document(self, request: Request, text: str) -> Reply:
        if request.params["tenant"] != outage.TENANT:
            return record_reply(None)
        body = text.encode()
        headers = {"content-type": "application/samlmetadata+xml", "etag": f'"{digest_bytes(body)}"'}
        return disturbed(
            self._estate.faults.take("federation.metadata", outage.TENANT), lambda: wire.Reply(200, body, headers)
        )

    def _attached(self, request: Request) -> Reply:
        if request.query.get("case") != outage.CASE:
            return wire.json_reply(200, {"items": []})
        with self._estate.lock:
            items = [
                {"id": key, "name": name, "kind": kind, "bytes": len(data), "digest": digest_bytes(data)}
                for key, (name, kind, data) in self._attachments.items()
            ]
        return wire.json_reply(200, {"items": items})

    def _content(self, request: Request) -> Reply:
        found = self._attachments.get(request.params["id"])
        if found is None:
            return record_reply(None)
        _, kind, data = found
        return wire.Reply(200, data, {"content-type": _TYPES[kind], "etag": f'"{digest_bytes(data)}"'})

    def _note(self, request: Request) -> Reply:
        """Adds one entry to the timeline, as somebody on the bridge would."""
        body = request.json()
        entry = {name: text_field(body, name) for name in ("at", "kind", "visibility", "text")}
        with self._estate.lock:
            case = self._records.get(f"cases/{request.params['case']}")
            if case is None:
                return record_reply(None)
            case["timeline"].append(entry)
            case["revision"] += 1
            return record_reply(public(case), status=201)

    def _attach(self, request: Request) -> Reply:
        """Adds an attachment that comes in late."""
        body = request.json()
        name, kind, text = (text_field(body, field) for field in ("name", "kind", "text"))
        if kind not in _TYPES or request.params["case"] != outage.CASE:
            raise BadRequest(f"kind must be one of {', '.join(_TYPES)}, for a known case")
        with self._estate.lock:
            key = f"att_{len(self._attachments) + 1}"
            self._attachments[key] = (name, kind, text.encode())
        return wire.json_reply(201, {"id": key})

    def _change(self, request: Request) -> Reply:
        """Merges the body over a record; ``metadata`` takes ``entity_id``, ``entitlements/…`` the ledger's fields."""
        name, body = request.params["record"], request.json()
        with self._estate.lock:
            if name == "metadata":
                self._metadata = federation.metadata(text_field(body, "entity_id"))
                return wire.json_reply(200, {"status": "changed"})
            store, key = self._records, name
            if name.startswith("entitlements/"):
                store, key = self._estate.world.entitlements, name.removeprefix("entitlements/")
            if key not in store:
                return record_reply(None)
            store[key] = merged(store[key], body) | {"revision": store[key]["revision"] + 1}
            return record_reply(public(store[key]))
