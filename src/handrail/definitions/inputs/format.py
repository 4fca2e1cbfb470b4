"""The input fields of a task or an assembly: the subset of JSON Schema that can be checked in bounded time."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from handrail.definitions.language.valuetypes import Base, ValueType
from handrail.definitions.source.scalars import Closed, Line


class Rules(Closed):
    """What may be asked of a text or number."""

    format: Literal["email", "uuid", "date", "date-time", "uri", "hostname", "ipv4", "ipv6"] | None = None
    pattern: Annotated[str, Field(max_length=500)] | None = None
    enum: Annotated[list[JsonValue], Field(min_length=1, max_length=200)] | None = None
    min_length: Annotated[int | None, Field(alias="minLength", ge=0)] = None
    max_length: Annotated[int | None, Field(alias="maxLength", ge=0)] = None
    minimum: float | int | None = None
    maximum: float | int | None = None


class Items(Rules):
    """What the members of a task's list are."""

    type: Base


class TaskField(Rules):
    """One field of the task: the subset of JSON Schema that can be checked in bounded time and typed for conditions."""

    type: Literal["string", "integer", "number", "boolean", "object", "array"]
    items: Items | None = None
    min_items: Annotated[int | None, Field(alias="minItems", ge=0)] = None
    max_items: Annotated[int | None, Field(alias="maxItems", ge=0)] = None
    unique_items: Annotated[bool | None, Field(alias="uniqueItems")] = None
    description: Line | None = None

    def value_type(self, *, optional: bool) -> ValueType:
        if self.type == "array":
            return ValueType(self.items.type if self.items else "string", many=True, optional=optional)
        return ValueType(self.type, optional=optional)

    def json_schema(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True, exclude_none=True, exclude={"description"})
