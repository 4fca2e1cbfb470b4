"""The estate as a whole: its records, faults, effects and services, and going back to the beginning."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from handrail.sandbox.effects import Effects
from handrail.sandbox.faults import Faults
from handrail.sandbox.routing import Router, Service
from handrail.sandbox.scenarios import SCENARIOS
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
from handrail.sandbox.world import World

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


class Estate:
    """``lock`` guards ``world`` and everything that the services keep; no request is made while it is held."""

    def __init__(self, *, url: str, tokens: Mapping[str, str], ledger_path: Path | None) -> None:
        self.url = url
        self.tokens = dict(tokens)
        self.lock = threading.RLock()
        self._ledger_path = ledger_path
        self.effects = Effects(ledger_path)
        self.faults = Faults()
        self.world = World(SCENARIOS)
        self.roles = roles.Roles(self)
        self.jobs = jobs.Jobs(self)
        self.desk = desk.Desk(self)
        self.cases = cases.Cases(self)
        self.lane = lane.Lane(self)
        services: list[Service] = [
            registry.Registry(self),
            entitlements.Entitlements(self),
            credentials.Credentials(self),
            tasks.Tasks(self),
            control.Control(self),
            self.roles,
            self.jobs,
            self.desk,
            self.cases,
            self.lane,
        ]
        self.router = Router(route for service in services for route in service.routes())

    def reset(self) -> None:
        """Every record, fault and count as at the beginning. The ledger file, where there is one, goes on."""
        with self.lock:
            self.effects = Effects(self._ledger_path)
            self.faults = Faults()
            for scenario in SCENARIOS:
                self.faults.add(*scenario.script())
            self.world = World(SCENARIOS)
            self.jobs.reset()
            self.desk.reset()
            self.cases.reset()
            self.lane.reset()
            self.roles.reset()
