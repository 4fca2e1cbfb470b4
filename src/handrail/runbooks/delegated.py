"""A delegated task as it comes in, bounded before anything is asked of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handrail.connectors.paths import why_not_segment
from handrail.definitions.runbook.compiled import CompiledRunbook
from handrail.kernel.canonical import canonical_bytes, digest
from handrail.kernel.errors import Fault, Invalid
from handrail.kernel.hostile import is_storable
from handrail.kernel.ids import Prefix, new_ref

KEY_LIMIT = 128
RUNBOOK_LIMIT = 64
VERSION_LIMIT = 2**31 - 1
SUBJECT_LIMIT = 400


@dataclass(frozen=True, slots=True)
class IncomingTask:
    """A delegated task as the task system gives it. ``payload`` must fit the runbook's task schema. ``made_here``: a
    person described it on a page, so its key is none of a task system's.

    Raises Invalid, when it is made, for what no run could keep or report: a key, runbook name or version out of bounds,
    a key that can't stand in a path, a payload with a number or a text that JSON or PostgreSQL can't hold.
    """

    key: str
    runbook: str
    version: int
    payload: Mapping[str, Any]
    made_here: bool = False

    def __post_init__(self) -> None:
        faults = []
        if not 0 < len(self.key) <= KEY_LIMIT or not is_storable(self.key):
            faults.append(Fault("key", f"expected 1 to {KEY_LIMIT} characters, no NUL and no half surrogate pair"))
        elif (why := why_not_segment(self.key)) is not None:
            # Its outcome could never be reported: the key is part of the path.
            faults.append(Fault("key", why))
        if not 0 < len(self.runbook) <= RUNBOOK_LIMIT or not is_storable(self.runbook):
            faults.append(Fault("runbook", f"expected a runbook's name of at most {RUNBOOK_LIMIT} characters"))
        if not 0 < self.version <= VERSION_LIMIT:
            faults.append(Fault("version", f"expected 1 to {VERSION_LIMIT}"))
        if not _can_be_kept(self.payload):
            faults.append(Fault("payload", "no whole number over 2^53, no NUL and no half surrogate pair"))
        if faults:
            raise Invalid("This is not a task that Handrail can keep.", code="task-malformed", faults=faults)

    @property
    def digest(self) -> str:
        return digest({"runbook": self.runbook, "version": self.version, "payload": dict(self.payload)})


def new_key() -> str:
    """A key for a task that a person makes here, such as ``WEB-7K3M9QX2ZA``."""
    return new_ref(Prefix.TASK)


def subject_of(runbook: CompiledRunbook, payload: Mapping[str, Any]) -> str:
    """What the run of a validated task concerns. Raises Invalid when that is longer than a run can keep."""
    subject = runbook.subject(payload)
    if len(subject) > SUBJECT_LIMIT:
        fault = Fault(", ".join(runbook.spec.subject), f"at most {SUBJECT_LIMIT} characters together")
        raise Invalid("The subject of this task is too long.", code="task", faults=[fault])
    return subject


def _can_be_kept(payload: Mapping[str, Any]) -> bool:
    try:
        canonical_bytes(dict(payload))
    except (ValueError, RecursionError):
        return False
    waiting: list[Any] = [dict(payload)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str) and not is_storable(item):
            return False
    return True
