"""JSON over HTTP."""

from handrail.connectors.rest.connector import KINDS, RestConfig, RestConnector
from handrail.connectors.rest.operations import Call, Get, GetNext, WriteRequest

__all__ = ["KINDS", "Call", "Get", "GetNext", "RestConfig", "RestConnector", "WriteRequest"]
