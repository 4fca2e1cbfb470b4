"""From what a source asks to the operation that a connector executes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handrail.connectors.operation import Operation
from handrail.definitions import operations, profile_sources
from handrail.kernel.errors import Misconfigured

__all__ = ["Operation", "build"]


def build(asked: profile_sources.AnySource, scope: Mapping[str, Any]) -> Operation:
    """Raises Invalid (``placeholder``) for a value that is absent or can't stand where it is asked to."""
    if isinstance(asked, profile_sources.Saml | profile_sources.Blobs):
        raise Misconfigured(f"The connector {asked.connector} has no such read.", code="wrong-connector")
    return operations.build(asked, scope, None)
