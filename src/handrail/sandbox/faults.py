"""Faults by script: what goes wrong, where (``point``), for which subject (``subject``), how often.

A point is a service and what is asked of it, such as ``sync-jobs.start``; a subject is a tenant, a case or a lane.
Faults of one point and subject are taken in order, each as often as it says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from handrail.sandbox import wire
from handrail.sandbox.wire import BadRequest, Reply

# Planted wherever a careless program would copy from. No log, record, page or packet may ever hold it.
CANARY = "CANARY-secret-"
FOREVER = 1_000_000


class FaultKind(StrEnum):
    BUSY = "busy"  # 503, nothing done
    THROTTLED = "throttled"  # 429 with Retry-After, nothing done
    ANSWER = "answer"  # the status and body given, nothing done
    CUT_BEFORE = "cut-before"  # connection reset, nothing done
    STALL_BEFORE = "stall-before"  # no answer in time, nothing done
    CUT_AFTER = "cut-after"  # done, connection reset
    STALL_AFTER = "stall-after"  # done, no answer in time
    TRUNCATED = "truncated"  # done, half of the JSON
    REWRITE = "rewrite"  # done, ``body`` merged over the answer
    BEHAVE = "behave"  # the service itself misbehaves as ``behaviour`` says


@dataclass(frozen=True, slots=True)
class ScriptedFault:
    point: str
    subject: str
    kind: FaultKind
    times: int = 1
    seconds: float = 10.0
    status: int = 422
    retry_after: int = 1
    behaviour: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: Any) -> ScriptedFault:
        """A fault from JSON. Raises BadRequest that names the field."""
        if not isinstance(value, dict):
            raise BadRequest("a fault must be an object")
        unknown = set(value) - set(cls.__slots__)
        if unknown:
            raise BadRequest(f"a fault has no field {min(unknown)}")
        try:
            return cls(**{**value, "kind": FaultKind(str(value.get("kind")))})
        except (TypeError, ValueError):
            raise BadRequest(f"a fault needs point, subject and kind, one of {', '.join(FaultKind)}") from None


class FaultScript:
    """The script. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._script: list[ScriptedFault] = []

    def add(self, *faults: ScriptedFault) -> None:
        with self._lock:
            self._script += faults

    def pending(self) -> list[ScriptedFault]:
        with self._lock:
            return list(self._script)

    def take(self, point: str, subject: str) -> ScriptedFault | None:
        """The next fault of this point and subject, used up by one."""
        with self._lock:
            for index, fault in enumerate(self._script):
                if (fault.point, fault.subject) == (point, subject):
                    left = fault.times - 1
                    self._script[index : index + 1] = [replace(fault, times=left)] if left else []
                    return fault
        return None


def _error_body(code: str) -> dict[str, str]:
    return {
        "error": code,
        "message": f"upstream said: Bearer {CANARY}{code}",
        "debug": f"password={CANARY}{code}-debug",
    }


def _refusal(fault: ScriptedFault) -> Reply:
    leaky = {"x-debug-session": f"{CANARY}header"}
    if fault.kind is FaultKind.BUSY:
        return wire.json_reply(503, _error_body("busy"), x_debug_session=leaky["x-debug-session"])
    if fault.kind is FaultKind.THROTTLED:
        return wire.json_reply(429, _error_body("throttled"), retry_after=str(fault.retry_after))
    if fault.kind is FaultKind.ANSWER:
        return wire.json_reply(
            fault.status, {**_error_body("refused"), **fault.body}, x_debug_session=f"{CANARY}header"
        )
    if fault.kind is FaultKind.CUT_BEFORE:
        return Reply(503).by(wire.cut)
    return wire.json_reply(503, _error_body("late")).by(wire.stalled(fault.seconds))


def disturbed(fault: ScriptedFault | None, act: Callable[[], Reply]) -> Reply:
    """What ``act`` answers, disturbed as ``fault`` says; kinds that do nothing don't call ``act`` at all."""
    if fault is None or fault.kind is FaultKind.BEHAVE:
        return act()
    if fault.kind is FaultKind.CUT_AFTER:
        return act().by(wire.cut)
    if fault.kind is FaultKind.STALL_AFTER:
        return act().by(wire.stalled(fault.seconds))
    if fault.kind is FaultKind.TRUNCATED:
        return wire.truncated(act())
    if fault.kind is FaultKind.REWRITE:
        reply = act()
        body = wire.Request("", "", {}, {}, reply.body).json()
        return wire.json_reply(fault.status if fault.status != 422 else reply.status, {**body, **fault.body})
    return _refusal(fault)
