"""The role-assignment service: scim2-server, a SCIM 2.0 implementation that is not ours, mounted at /scim/v2.

Around it: the faults, and roles that show only after some reads.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx2
from scim2_server.applications.wsgi import WSGIApplication
from scim2_server.memory import InMemoryStorage
from scim2_server.requests import ScimRequest
from scim2_server.service import ScimService
from scim2_server.utils import load_default_provider

from handrail.sandbox.faults import disturbed
from handrail.sandbox.routing import Route, route
from handrail.sandbox.state import EstateState
from handrail.sandbox.wire import Reply, Request

PREFIX = "/scim/v2"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_TYPE = "application/scim+json"
_provider = cache(load_default_provider)


@dataclass(slots=True)
class _Deferred:
    reads_left: int
    user_names: Sequence[str]
    role: str


class RoleService:
    def __init__(self, estate: EstateState) -> None:
        self._estate = estate
        self._lock = threading.Lock()
        self._deferred: dict[str, _Deferred] = {}
        self._application: Any = None
        self._pristine = False

    def routes(self) -> list[Route]:
        return [route("roles", "*", PREFIX + "{path:path}", self._handle)]

    def reset(self) -> None:
        """The users of all customers, as the records have them. Costs nothing when nobody wrote since."""
        with self._lock:
            self._deferred.clear()
            if self._pristine:
                return
        provider = _provider()
        application = WSGIApplication(InMemoryStorage(), provider, ScimService(provider, secret="practice"))
        for tenant, people in self._estate.world.people.items():
            for person in people:
                body = {
                    "schemas": [_USER, ENTERPRISE],
                    "userName": person["userName"],
                    "active": True,
                    "roles": [{"value": role} for role in person["roles"]],
                    ENTERPRISE: {"organization": tenant},
                }
                application.serve(self._scim("POST", "/Users", {}, {"content-type": _TYPE}, json.dumps(body).encode()))
        with self._lock:
            self._application = application
            self._pristine = True

    def grant(self, user_names: Sequence[str], role: str) -> int:
        """Gives ``role`` to users over SCIM, by real requests. Returns to how many; those who have it are left."""
        headers = {"authorization": f"Bearer {self._estate.tokens['roles']}", "content-type": _TYPE}
        granted = 0
        url = self._estate.url + PREFIX
        # Plain HTTP to this process: loading the certificates of the world would take longer than the grant.
        with httpx2.Client(base_url=url, headers=headers, timeout=10, trust_env=False, verify=False) as client:
            for name in user_names:
                found = client.get("/Users", params={"filter": f"userName eq {json.dumps(name)}"}).json()["Resources"]
                if not found or role in [held["value"] for held in found[0].get("roles", [])]:
                    continue
                change = {"op": "add", "path": "roles", "value": [{"value": role}]}
                body = {"schemas": [_PATCH], "Operations": [change]}
                client.patch(f"/Users/{found[0]['id']}", content=json.dumps(body)).raise_for_status()
                granted += 1
        return granted

    def grant_later(self, tenant: str, user_names: Sequence[str], role: str, *, after_reads: int) -> None:
        """The role shows only once this customer's users were read ``after_reads`` times."""
        with self._lock:
            self._deferred[tenant] = _Deferred(after_reads, user_names, role)

    def _handle(self, request: Request) -> Reply:
        tenant = self._subject(request)
        self._propagate(tenant)
        return disturbed(self._estate.faults.take("roles.read", tenant), lambda: self._serve(request))

    def _subject(self, request: Request) -> str:
        asked = request.query.get("filter", "")
        return next((t for t in self._estate.world.tenants if f'"{t}"' in asked), "")

    def _propagate(self, tenant: str) -> None:
        with self._lock:
            waiting = self._deferred.get(tenant)
            if waiting is None:
                return
            waiting.reads_left -= 1
            if waiting.reads_left > 0:
                return
            del self._deferred[tenant]
        self.grant(waiting.user_names, waiting.role)

    def _serve(self, request: Request) -> Reply:
        scim = self._scim(request.method, request.params["path"], request.query, request.headers, request.body)
        with self._lock:
            self._pristine = self._pristine and request.method == "GET"
            answer = self._application.serve(scim)
        body = b"" if answer.body is None else json.dumps(answer.body).encode()
        return Reply(int(answer.status), body, {name.lower(): value for name, value in answer.headers.items()})

    def _scim(self, method: str, path: str, query: Any, headers: Any, body: bytes) -> ScimRequest:
        return ScimRequest(
            method=method, base_url=self._estate.url + PREFIX, path=path, query=query, headers=headers, body=body
        )
