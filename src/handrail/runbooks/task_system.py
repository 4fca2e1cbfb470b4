"""The support task system as configured: where tasks come from and where outcomes are written back to."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.kernel.configured import Configured
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


_configured = Configured[TaskSystem](
    missing="No task system is configured: add [tasks] to handrail.toml.", code="tasks-unconfigured"
)
configure, find, get, use = _configured.set, _configured.find, _configured.get, _configured.use
