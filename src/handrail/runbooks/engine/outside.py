"""Reads of authoritative state and calls, through the connectors. Never inside a transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from handrail.connectors import registry
from handrail.connectors.operation import Performer
from handrail.connectors.outcome import ReadFailed, Reading
from handrail.definitions.runbook.compiled import CompiledRunbook
from handrail.kernel.errors import Invalid
from handrail.runbooks.timing import Timing

# A read changes nothing, so a passing fault is asked about again at once; this many times in all.
READ_TRIES = 3
_NOT_FOUND = 404


def connector(name: str) -> Performer:
    """The configured connector. Raises Misconfigured."""
    return cast(Performer, registry.get(name))


class Unreadable(Exception):
    """Authoritative state that could not be read, or did not look as declared. ``message`` holds no outside text.

    ``absent``: it answered, but what is asked for is not there, or not as declared: after an action perhaps not yet.
    """

    def __init__(
        self,
        read: str,
        message: str,
        *,
        retryable: bool,
        absent: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.read = read
        self.message = message
        self.retryable = retryable
        self.absent = absent
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Readings:
    """``values``: by read, what the definition takes. ``evidence``: by read, version, digest and time."""

    values: dict[str, dict[str, Any]]
    evidence: list[dict[str, Any]]


def _no_lease(_: float) -> None:
    """A preview reads without a run, so there is no lease to extend."""


def read_all(
    runbook: CompiledRunbook,
    names: Iterable[str],
    scope: dict[str, Any],
    timing: Timing,
    *,
    renew_lease: Callable[[float], None] = _no_lease,
    tries: int = READ_TRIES,
) -> Readings:
    """The named reads, in the order of the definition, each seeing those before it.

    ``renew_lease`` is called before each try with the seconds that the try may take. Raises Unreadable, Misconfigured.
    """
    wanted = set(names)
    values: dict[str, dict[str, Any]] = {}
    evidence: list[dict[str, Any]] = []
    for name, read in runbook.reads.items():
        if name not in wanted:
            continue
        reading = _read(runbook, name, scope | values, timing, renew_lease=renew_lease, tries=tries)
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
    *,
    renew_lease: Callable[[float], None],
    tries: int,
) -> Reading:
    read = runbook.reads[name]
    try:
        operation = runbook.operation(read.spec, scope)
    except Invalid as error:
        raise Unreadable(name, error.message, retryable=False) from None
    source = connector(read.connector)
    for attempt in range(1, tries + 1):
        renew_lease(source.deadline_seconds)
        try:
            return source.read(operation)
        except ReadFailed as error:
            if not error.retryable or attempt == tries:
                raise Unreadable(
                    name,
                    error.message,
                    retryable=error.retryable,
                    absent=error.http_status == _NOT_FOUND,
                    retry_after_seconds=error.retry_after_seconds,
                ) from None
            pause = error.retry_after_seconds or timing.read_pause_seconds * attempt
            time.sleep(min(pause, timing.short_wait_seconds))
    raise AssertionError("the loop returns or raises")
