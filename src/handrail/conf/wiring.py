"""Hands configuration to the parts that need it: connectors are built once a process, from plain data."""

from __future__ import annotations

from handrail.conf import config
from handrail.connectors import registry
from handrail.runbooks import task_system


def connect() -> None:
    """Builds the configured connectors and task system. Raises Misconfigured naming section and field."""
    loaded = config.load()
    registry.configure(registry.Registry.build(registry.parse(loaded.connectors), config.secrets()))
    task_system.configure(_task_system(loaded))


def _task_system(loaded: config.Config) -> task_system.TaskSystem | None:
    if loaded.tasks is None:
        return None
    return task_system.TaskSystem(**loaded.tasks.model_dump(exclude={"webhook_secret"}))
