"""JSON over HTTP."""

from handrail.connectors.rest.operations import Call, Get

__all__ = ["Call", "Get"]
