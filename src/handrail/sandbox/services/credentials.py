"""The inventory of provisioning credentials: ids, states and fingerprints; never a secret.

``activate`` does not deduplicate: a second call for the same credential is a conflict.
"""

from __future__ import annotations

from handrail.sandbox import wire
from handrail.sandbox.faults import ScriptedFault, disturbed
from handrail.sandbox.routing import Route, route
from handrail.sandbox.services.jobs import JobService
from handrail.sandbox.services.records import record_reply, text_field
from handrail.sandbox.state import EstateState
from handrail.sandbox.wire import Reply, Request
from handrail.sandbox.world import public


class CredentialService:
    def __init__(self, estate: EstateState, jobs: JobService) -> None:
        self._estate = estate
        self._jobs = jobs

    def routes(self) -> list[Route]:
        return [
            route("credentials", "GET", "/credentials/{tenant}", self._read),
            route("credentials", "POST", "/credentials/{tenant}/{credential}/activate", self._activate),
        ]

    def _read(self, request: Request) -> Reply:
        tenant = request.params["tenant"]
        return disturbed(self._estate.faults.take("credentials.read", tenant), lambda: self._record(tenant))

    def _record(self, tenant: str) -> Reply:
        self._jobs.settle()
        with self._estate.lock:
            found = self._estate.world.credentials.get(tenant)
            return record_reply(public(found) if found else None)

    def _activate(self, request: Request) -> Reply:
        fault = self._estate.faults.take("credentials.activate", request.params["tenant"])
        return disturbed(fault, lambda: self._switch(request, fault))

    def _switch(self, request: Request, fault: ScriptedFault | None) -> Reply:
        tenant, credential = request.params["tenant"], request.params["credential"]
        retire = text_field(request.json(), "retire")
        with self._estate.lock:
            record = self._estate.world.credentials.get(tenant)
            if record is None:
                return record_reply(None)
            states = {item["id"]: item["state"] for item in record["items"]}
            if (states.get(credential), states.get(retire)) != ("pending", "active"):
                return wire.problem(409, "wrong-state", "The new credential must be pending and the old one active.")
            if fault is None or fault.behaviour != "no-effect":
                for item in record["items"]:
                    item["state"] = {credential: "active", retire: "retired"}.get(item["id"], item["state"])
                record["revision"] += 1
                key = request.headers.get("idempotency-key", credential)
                self._estate.effects.record(
                    service="credentials", key=key, tenant=tenant, what=f"{credential} active, {retire} retired"
                )
            return wire.json_reply(200, {"id": credential, "status": "active", "retired": retire})
