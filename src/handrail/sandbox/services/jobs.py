"""The identity-sync job runner: starts a job once per idempotency key, reports its status, finds it by key.

``entitlement-resync`` gives the role to each named administrator and leaves an audit marker; it ends within the call.
``issue-credential`` takes a moment and ends with a new, pending credential.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from handrail.sandbox import wire
from handrail.sandbox.faults import ScriptedFault, disturbed
from handrail.sandbox.routing import Route, route
from handrail.sandbox.services.records import text_field
from handrail.sandbox.services.roles import RoleService
from handrail.sandbox.state import EstateState
from handrail.sandbox.wire import Reply, Request
from handrail.sandbox.world import fingerprint

# How long issuing a credential takes: long enough to be polled for, short enough to watch.
ISSUE_SECONDS = 0.8
# Reads of the role state until a late grant shows.
LATE_READS = 6
JOBS = ("entitlement-resync", "issue-credential")


@dataclass(slots=True)
class Job:
    id: str
    job: str
    key: str
    given: dict[str, Any]
    tenant: str
    status: str = "running"
    due_at: float | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        named = {"id": self.id, "job": self.job, "status": self.status, "tenant": self.tenant}
        return {**named, "idempotency_key": self.key, **self.details}


class JobService:
    def __init__(self, estate: EstateState, roles: RoleService) -> None:
        self._estate = estate
        self._roles = roles
        self._jobs: dict[str, Job] = {}

    def reset(self) -> None:
        self._jobs = {}

    def routes(self) -> list[Route]:
        return [
            route("sync-jobs", "POST", "/jobs", self._start_wrapped),
            route("sync-jobs", "POST", "/jobs/{job}", lambda r: self._start(r, r.params["job"], r.json())),
            route("sync-jobs", "GET", "/jobs/{id}", self._poll),
            route("sync-jobs", "GET", "/jobs", self._look_up),
        ]

    def settle(self) -> None:
        """Ends the jobs whose time has come."""
        with self._estate.lock:
            for job in self._jobs.values():
                if job.status == "running" and job.due_at is not None and time.monotonic() >= job.due_at:
                    self._issued(job)

    def _start_wrapped(self, request: Request) -> Reply:
        body = request.json()
        given = body.get("with")
        if not isinstance(given, dict):
            raise wire.BadRequest("with must be an object")
        return self._start(request, text_field(body, "job"), given)

    def _start(self, request: Request, name: str, given: dict[str, Any]) -> Reply:
        key = request.headers.get("idempotency-key", "")
        tenant = text_field(given, "tenant")
        if not key or name not in JOBS or tenant not in self._estate.world.tenants:
            return wire.problem(422, "refused", "An Idempotency-Key, a known job and a known tenant are needed.")
        fault = self._estate.faults.take("sync-jobs.start", tenant)
        return disturbed(fault, lambda: self._once(name, key, given, tenant, fault))

    def _once(self, name: str, key: str, given: dict[str, Any], tenant: str, fault: ScriptedFault | None) -> Reply:
        with self._estate.lock:
            known = next((job for job in self._jobs.values() if job.key == key), None)
            if known is not None:
                if (known.job, known.given) != (name, given):
                    return wire.problem(409, "key-reused", "This key was used with other content.")
                return self._reply(known)
            job = Job(f"job_{len(self._jobs) + 1:04}", name, key, given, tenant)
            self._jobs[job.id] = job
        work: Callable[[Job, str], None] = self._resync if name == "entitlement-resync" else self._issue
        work(job, fault.behaviour if fault else "")
        return self._reply(job)

    def _reply(self, job: Job) -> Reply:
        with self._estate.lock:
            return wire.json_reply(202 if job.status == "running" else 200, job.as_json())

    def _resync(self, job: Job, behaviour: str) -> None:
        admins, role = list(job.given.get("admins", ())), text_field(job.given, "role")
        if behaviour == "stays-running":
            return
        named = admins[:1] if behaviour == "partial" else admins
        if behaviour == "late":
            self._roles.grant_later(job.tenant, named, role, after_reads=LATE_READS)
        elif behaviour != "no-effect":
            self._roles.grant(named, role)
        if behaviour == "broader-role":
            self._roles.grant(named[:1], "tenant-owner")
        with self._estate.lock:
            self._after_resync(job, behaviour, role, len(named))
            job.details = {"changed": len(named), "skipped": len(admins) - len(named)}
            job.status = "done"

    def _after_resync(self, job: Job, behaviour: str, role: str, count: int) -> None:
        world = self._estate.world
        if behaviour != "no-effect":
            self._estate.effects.record(
                service="sync-jobs", key=job.key, tenant=job.tenant, what=f"{role} to {count} users"
            )
        if behaviour not in ("no-marker", "no-effect"):
            ledger = world.entitlements[job.tenant]
            ledger["audit_marker"] = f"resync:{job.id}"
            ledger["revision"] += 1
        if behaviour == "change-tier":
            tenant = world.tenants[job.tenant]
            tenant["plan"]["tier"] = "enterprise"
            tenant["revision"] += 1

    def _issue(self, job: Job, behaviour: str) -> None:
        if behaviour != "stays-running":
            job.due_at = time.monotonic() + ISSUE_SECONDS

    def _issued(self, job: Job) -> None:
        record = self._estate.world.credentials[job.tenant]
        credential = f"cred_{job.tenant.removeprefix('ten_')}_{len(record['items']) + 1}"
        record["items"].append({"id": credential, "state": "pending", "fingerprint": fingerprint(credential)})
        record["revision"] += 1
        job.status = "done"
        job.details = {"credential_id": credential}
        self._estate.effects.record(
            service="sync-jobs", key=job.key, tenant=job.tenant, what=f"{credential} issued, pending"
        )

    def _poll(self, request: Request) -> Reply:
        self.settle()
        with self._estate.lock:
            job = self._jobs.get(request.params["id"])
        if job is None:
            return wire.problem(404, "not-found", "No such job.")
        return disturbed(self._estate.faults.take("sync-jobs.poll", job.tenant), lambda: self._reply(job))

    def _look_up(self, request: Request) -> Reply:
        self.settle()
        key = request.query.get("idempotency_key") or request.query.get("key")
        with self._estate.lock:
            job = next((job for job in self._jobs.values() if key and job.key == key), None)
        return wire.problem(404, "not-found", "No job with this key.") if job is None else self._reply(job)
