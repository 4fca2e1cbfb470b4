"""Every change of a SCIM resource is one PATCH (RFC 7644 §3.5.2)."""

from __future__ import annotations

from pydantic import JsonValue

from handrail.connectors.scim.grammar import quoted
from handrail.connectors.scim.operations import AddMember, AddRole, Change, Patch, RemoveMember, RemoveRole

_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

Effect = Patch | AddMember | RemoveMember | AddRole | RemoveRole


def as_patch(effect: Effect) -> Patch:
    """The effect as a Patch. Adding what is there and removing what is not change nothing, so a repeat is harmless."""
    if isinstance(effect, AddMember):
        return Patch(resource="Groups", id=effect.group, operations=(_add("members", effect.member),))
    if isinstance(effect, RemoveMember):
        return Patch(resource="Groups", id=effect.group, operations=(_remove("members", effect.member),))
    if isinstance(effect, AddRole):
        return Patch(resource="Users", id=effect.user, operations=(_add("roles", effect.role),))
    if isinstance(effect, RemoveRole):
        return Patch(resource="Users", id=effect.user, operations=(_remove("roles", effect.role),))
    return effect


def patch_body(patch: Patch) -> dict[str, JsonValue]:
    """The request's body. By hand: the typed PatchOp of scim2-models refuses paths into extensions unknown to it."""
    operations: list[JsonValue] = [change.model_dump(exclude_unset=True) for change in patch.operations]
    return {"schemas": [_SCHEMA], "Operations": operations}


def _add(attribute: str, value: str) -> Change:
    return Change(op="add", path=attribute, value=[{"value": value}])


def _remove(attribute: str, value: str) -> Change:
    return Change(op="remove", path=f"{attribute}[value eq {quoted(value)}]")
