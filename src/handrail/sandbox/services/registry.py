"""The tenant registry: who the customer is, on which plan, and who its designated administrators are."""

from __future__ import annotations

from handrail.sandbox.faults import disturbed
from handrail.sandbox.routing import Route, route
from handrail.sandbox.services.records import record_reply
from handrail.sandbox.state import EstateState
from handrail.sandbox.wire import Reply, Request
from handrail.sandbox.world import public


class RegistryService:
    def __init__(self, estate: EstateState) -> None:
        self._estate = estate

    def routes(self) -> list[Route]:
        return [route("registry", "GET", "/registry/tenants/{tenant}", self._read)]

    def _read(self, request: Request) -> Reply:
        tenant = request.params["tenant"]
        return disturbed(self._estate.faults.take("registry.read", tenant), lambda: self._record(tenant))

    def _record(self, tenant: str) -> Reply:
        with self._estate.lock:
            found = self._estate.world.tenants.get(tenant)
            return record_reply(public(found) if found else None)
