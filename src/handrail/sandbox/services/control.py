"""What the demo and the tests steer by: health, scenarios, faults, the ledger of effects, counts, and the reset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from handrail.sandbox import wire
from handrail.sandbox.faults import ScriptedFault
from handrail.sandbox.routing import Route, route
from handrail.sandbox.scenarios import SCENARIOS
from handrail.sandbox.state import EstateState
from handrail.sandbox.wire import BadRequest, Reply, Request


class ControlService:
    def __init__(self, estate: EstateState, reset: Callable[[], None]) -> None:
        """``reset`` sets the whole estate back to its beginning."""
        self._estate = estate
        self._reset_estate = reset

    def routes(self) -> list[Route]:
        return [
            route("", "GET", "/healthz", lambda _: wire.json_reply(200, {"status": "ok"})),
            route("", "GET", "/", lambda _: wire.json_reply(200, {"name": "Handrail practice estate"})),
            route("control", "GET", "/scenarios", self._scenarios),
            route("control", "GET", "/ledger", self._ledger),
            route("control", "GET", "/counts", lambda _: wire.json_reply(200, self._estate.effects.calls())),
            route("control", "GET", "/faults", self._faults),
            route("control", "POST", "/faults", self._script),
            route("control", "POST", "/tasks/{task}/again", self._delegate_again),
            route("control", "POST", "/reset", self._reset),
        ]

    def _scenarios(self, _request: Request) -> Reply:
        with self._estate.lock:
            ids = {task["scenario"]: key for key, task in self._estate.world.tasks.items()}
        return wire.json_reply(200, {"items": [{"task": ids[s.name], **s.as_json()} for s in SCENARIOS]})

    def _ledger(self, request: Request) -> Reply:
        entries = self._estate.effects.entries(tenant=request.query.get("tenant"), service=request.query.get("service"))
        return wire.json_reply(200, {"items": entries})

    def _faults(self, _request: Request) -> Reply:
        pending: list[dict[str, Any]] = [{**asdict(f), "body": dict(f.body)} for f in self._estate.faults.pending()]
        return wire.json_reply(200, {"items": pending})

    def _script(self, request: Request) -> Reply:
        given = request.json().get("next")
        if not isinstance(given, list):
            raise BadRequest("next must be a list of faults")
        faults = [ScriptedFault.parse(value) for value in given]
        self._estate.faults.add(*faults)
        return wire.json_reply(201, {"added": len(faults)})

    def _delegate_again(self, request: Request) -> Reply:
        """A new task that asks for the same as an earlier one."""
        with self._estate.lock:
            if request.params["task"] not in self._estate.world.tasks:
                return wire.problem(404, "not-found", "There is no such task.")
            return wire.json_reply(201, self._estate.world.delegate_again(request.params["task"]))

    def _reset(self, _request: Request) -> Reply:
        self._reset_estate()
        return wire.json_reply(200, {"status": "reset"})
