"""Reads of authoritative state and calls, through the connectors. Never inside a transaction."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from handrail.connectors import registry
from handrail.connectors.operation import Performer
from handrail.connectors.outcome import ReadFailed, Reading
from handrail.definitions.runbook.compiled import CompiledRunbook
from handrail.kernel.errors import Invalid
from handrail.runbooks.limits import gate
from handrail.runbooks.limits.gate import HeldUp, TurnWait
from handrail.runbooks.timing import Timing

# A read changes nothing, so a passing fault is asked about again at once; this many times in all.
READ_TRIES = 3
_NOT_FOUND = 404
_UNAUTHORIZED = 401


def connector(name: str) -> Performer:
    """The configured connector. Raises Misconfigured."""
    return cast(Performer, registry.get(name))


class Unreadable(Exception):
    """Authoritative state that could not be read, or did not look as declared. ``message`` holds no outside text.

    ``held_up``: it was not asked; the connector is at a limit, or its circuit breaker is open.

    ``absent``: it answered, but what is asked for is not there, or not as declared: after an action perhaps not yet.
    ``refused``: it refused credentials that their file may replace.
    """

    def __init__(
        self,
        read: str,
        message: str,
        *,
        retryable: bool,
        absent: bool = False,
        refused: bool = False,
        retry_after_seconds: float | None = None,
        held_up: HeldUp | None = None,
    ) -> None:
        super().__init__(message)
        self.read = read
        self.message = message
        self.retryable = retryable
        self.absent = absent
        self.refused = refused
        self.retry_after_seconds = retry_after_seconds
        self.held_up = held_up


@dataclass(frozen=True, slots=True)
class Readings:
    """``values``: by read, what the definition takes. ``evidence``: by read, version, digest and time."""

    values: dict[str, dict[str, Any]]
    evidence: list[dict[str, Any]]


def read_all(
    runbook: CompiledRunbook,
    names: Iterable[str],
    scope: dict[str, Any],
    timing: Timing,
    *,
    tries: int = READ_TRIES,
    turn_wait: TurnWait | None = None,
) -> Readings:
    """The named reads, in the order of the definition, each seeing those before it.

    ``turn_wait``: at the gates of connectors; else that of somebody who looks on, and has no lease to keep. Raises
    Unreadable, Misconfigured.
    """
    turn_wait = turn_wait or TurnWait(timing.limit_wait_seconds, timing.limit_wait_seconds)
    wanted = set(names)
    values: dict[str, dict[str, Any]] = {}
    evidence: list[dict[str, Any]] = []
    for name, read in runbook.reads.items():
        if name not in wanted:
            continue
        reading = _read(runbook, name, scope | values, timing, turn_wait, tries=tries)
        try:
            values[name] = runbook.extract(name, reading.value)
        except Invalid as error:
            raise Unreadable(name, error.message, retryable=False, absent=True) from None
        evidence.append(
            {
                "source": name,
                "connector": read.connector,
                "version": reading.version,
                "digest": reading.digest,
                "read_at": reading.read_at.isoformat(),
                "values": values[name],
            }
        )
    return Readings(values, evidence)


def _read(
    runbook: CompiledRunbook,
    name: str,
    scope: dict[str, Any],
    timing: Timing,
    turn_wait: TurnWait,
    *,
    tries: int,
) -> Reading:
    read = runbook.reads[name]
    try:
        operation = runbook.operation(read.spec, scope)
    except Invalid as error:
        raise Unreadable(name, error.message, retryable=False) from None
    source = connector(read.connector)
    for attempt in range(1, tries + 1):
        turn_wait.keep(source.deadline_seconds)
        try:
            return gate.read(read.connector, source, operation, turn_wait=turn_wait)
        except HeldUp as error:
            raise Unreadable(name, error.message, retryable=True, held_up=error) from None
        except ReadFailed as error:
            refused = error.http_status == _UNAUTHORIZED  # asked again at once, it might lock the account
            if not error.retryable or refused or attempt == tries:
                raise Unreadable(
                    name,
                    error.message,
                    retryable=error.retryable,
                    absent=error.http_status == _NOT_FOUND,
                    refused=refused,
                    retry_after_seconds=error.retry_after_seconds,
                ) from None
            pause = error.retry_after_seconds or timing.read_pause_seconds * attempt
            time.sleep(min(pause, timing.short_wait_seconds))
    raise AssertionError("the loop returns or raises")
