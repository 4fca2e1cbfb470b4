"""Hands configuration to the parts that need it: connectors are built once a process, from plain data."""

from __future__ import annotations

from handrail.conf import config
from handrail.connectors import registry


def connect() -> None:
    """Builds the configured connectors. Raises Misconfigured naming section and field."""
    registry.configure(registry.Registry.build(registry.parse(config.load().connectors), config.secrets()))
