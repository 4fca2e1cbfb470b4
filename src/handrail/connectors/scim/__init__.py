"""SCIM 2.0 (RFC 7643, RFC 7644)."""

from handrail.connectors.scim.connector import KINDS, ScimConfig, ScimConnector
from handrail.connectors.scim.operations import (
    AddMember,
    AddRole,
    Change,
    Holders,
    Members,
    Patch,
    Query,
    Read,
    RemoveMember,
    RemoveRole,
)

__all__ = [
    "KINDS",
    "AddMember",
    "AddRole",
    "Change",
    "Holders",
    "Members",
    "Patch",
    "Query",
    "Read",
    "RemoveMember",
    "RemoveRole",
    "ScimConfig",
    "ScimConnector",
]
