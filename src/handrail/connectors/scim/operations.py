"""What can be asked of a SCIM 2.0 service (RFC 7644)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue, StringConstraints

from handrail.connectors.operation import Name, Operation

Resource = Literal["Users", "Groups"]
Attribute = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.:$-]{0,199}$")]
Id = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Query(Operation):
    """All resources that match ``filter``, over all pages. The filter's values are already escaped."""

    resource: Resource
    filter: str | None = Field(default=None, min_length=1, max_length=2000)
    attributes: tuple[Attribute, ...] = Field(default=(), max_length=50, strict=False)


class Read(Operation):
    """One resource by its id."""

    resource: Resource
    id: Id
    attributes: tuple[Attribute, ...] = Field(default=(), max_length=50, strict=False)


class Members(Operation):
    """The members of the group ``group`` (its id), as a list."""

    group: Id


class Holders(Operation):
    """The users that hold ``role``, as a list of user resources."""

    role: Name


class Change(Operation):
    """One operation of a PATCH (RFC 7644 §3.5.2)."""

    op: Literal["add", "remove", "replace"]
    path: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    value: JsonValue = None


class Patch(Operation):
    """Change one resource."""

    effect: ClassVar[bool] = True
    resource: Resource
    id: Id
    operations: tuple[Change, ...] = Field(min_length=1, max_length=100, strict=False)


class AddMember(Operation):
    """Put ``member`` (a user's id) into ``group`` (its id)."""

    effect: ClassVar[bool] = True
    group: Id
    member: Id


class RemoveMember(Operation):
    """Take ``member`` out of ``group``."""

    effect: ClassVar[bool] = True
    group: Id
    member: Id


class AddRole(Operation):
    """Give ``role`` to ``user`` (its id)."""

    effect: ClassVar[bool] = True
    user: Id
    role: Name


class RemoveRole(Operation):
    """Take ``role`` from ``user``."""

    effect: ClassVar[bool] = True
    user: Id
    role: Name
