"""The entitlement ledger: what the customer is entitled to, how roles follow from it, and the last audit marker."""

from __future__ import annotations

from handrail.sandbox.faults import disturbed
from handrail.sandbox.routing import Route, route
from handrail.sandbox.services.records import record_reply
from handrail.sandbox.state import EstateState
from handrail.sandbox.wire import Reply, Request
from handrail.sandbox.world import public


class EntitlementService:
    def __init__(self, estate: EstateState) -> None:
        self._estate = estate

    def routes(self) -> list[Route]:
        return [route("entitlements", "GET", "/entitlements/{tenant}", self._read)]

    def _read(self, request: Request) -> Reply:
        tenant = request.params["tenant"]
        return disturbed(self._estate.faults.take("entitlements.read", tenant), lambda: self._record(tenant))

    def _record(self, tenant: str) -> Reply:
        with self._estate.lock:
            found = self._estate.world.entitlements.get(tenant)
            return record_reply(public(found) if found else None)
