"""The estate as a whole: its records, faults, effects and services, and going back to the beginning."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from handrail.sandbox.routing import Router, Service
from handrail.sandbox.services import (
    cases,
    control,
    credentials,
    desk,
    entitlements,
    jobs,
    lane,
    registry,
    roles,
    tasks,
)
from handrail.sandbox.state import EstateState

# One bearer token for each service; ``webhook`` is the key of signed webhooks. They open nothing but this estate.
PRACTICE_TOKENS: Mapping[str, str] = {
    "registry": "practice-registry",
    "entitlements": "practice-entitlements",
    "sync-jobs": "practice-sync-jobs",
    "credentials": "practice-credentials",
    "tasks": "practice-tasks",
    "roles": "practice-roles",
    "desk": "practice-desk",
    "cases": "practice-cases",
    "federation": "practice-federation",
    "attachments": "practice-attachments",
    "lane": "practice-lane",
    "control": "practice-control",
    "webhook": "whsec_cHJhY3RpY2UtZXN0YXRlLXdlYmhvb2sta2V5",
}


class Estate(EstateState):
    """The shared state with the services that work on it. A service knows the state, and only those services by name
    that it changes itself."""

    def __init__(self, *, url: str, tokens: Mapping[str, str], ledger_path: Path | None) -> None:
        super().__init__(url=url, tokens=tokens, ledger_path=ledger_path)
        self.roles = roles.RoleService(self)
        self.jobs = jobs.JobService(self, self.roles)
        self.desk = desk.DeskService(self)
        self.cases = cases.CaseService(self)
        self.lane = lane.LaneService(self)
        services: list[Service] = [
            registry.RegistryService(self),
            entitlements.EntitlementService(self),
            credentials.CredentialService(self, self.jobs),
            tasks.TaskService(self),
            control.ControlService(self, self.reset),
            self.roles,
            self.jobs,
            self.desk,
            self.cases,
            self.lane,
        ]
        self.router = Router(route for service in services for route in service.routes())

    def reset(self) -> None:
        """The state and what every service keeps, as at the beginning."""
        with self.lock:
            self.restart()
            self.jobs.reset()
            self.desk.reset()
            self.cases.reset()
            self.lane.reset()
            self.roles.reset()
