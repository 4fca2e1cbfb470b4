"""The support task system as configured: where tasks come from and where outcomes are written back to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secret


@dataclass(frozen=True, slots=True)
class TaskSystem:
    """``*_at``: where in a listed task (JSON pointer or JMESPath) its parts are. Paths are below the connector's URL;
    ``outcome_path`` holds ``{task}`` once. Without ``webhook_secret`` no pushed task is accepted."""

    connector: str
    workspace: str
    list_path: str
    items_at: str
    next_at: str
    key_at: str
    runbook_at: str
    version_at: str
    payload_at: str
    outcome_path: str
    webhook_secret: Secret | None = None


_configured: list[TaskSystem | None] = [None]


def configure(system: TaskSystem | None) -> None:
    """Called once a process by ``conf``."""
    _configured[0] = system


def find() -> TaskSystem | None:
    return _configured[0]


def get() -> TaskSystem:
    """Raises Misconfigured when no task system is configured."""
    system = find()
    if system is None:
        raise Misconfigured("No task system is configured: add [tasks] to handrail.toml.", code="tasks-unconfigured")
    return system


@contextmanager
def use(system: TaskSystem | None) -> Iterator[None]:
    """``system`` in place of the configured one, for a test."""
    before = _configured[0]
    _configured[0] = system
    try:
        yield
    finally:
        _configured[0] = before
