"""What the services of the estate share: where it listens, its records, the scripted faults, and what they did."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from handrail.sandbox.effects import Effects
from handrail.sandbox.faults import FaultScript
from handrail.sandbox.scenarios import SCENARIOS
from handrail.sandbox.world import World


class EstateState:
    """``lock`` guards ``world`` and everything that the services keep; no request is made while it is held."""

    def __init__(self, *, url: str, tokens: Mapping[str, str], ledger_path: Path | None) -> None:
        self.url = url
        self.tokens = dict(tokens)
        self.lock = threading.RLock()
        self._ledger_path = ledger_path
        self.effects = Effects(ledger_path)
        self.faults = FaultScript()
        self.world = World(SCENARIOS)

    def restart(self) -> None:
        """Every record, fault and count as at the beginning. The ledger file, where there is one, goes on."""
        with self.lock:
            self.effects = Effects(self._ledger_path)
            self.faults = FaultScript()
            for scenario in SCENARIOS:
                self.faults.add(*scenario.script())
            self.world = World(SCENARIOS)
