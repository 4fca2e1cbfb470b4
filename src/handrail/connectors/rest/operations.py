"""What can be asked of a JSON service over HTTP."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from handrail.connectors.config import HeaderName
from handrail.connectors.operation import IdempotencyKey, Operation, Path

QueryValue = str | int | float | bool


class Get(Operation):
    """``GET path?query``. The path is already percent-encoded; query values are encoded here.

    ``page``: one page of a list is asked for, by somebody who asks for the others; else a part is never an answer.
    Each of its items is to be judged by itself: what no JSON value of ours can be is a text that nothing can keep.
    """

    path: Path
    query: dict[str, QueryValue] = Field(default_factory=dict, max_length=50)
    page: bool = False


class Call(Operation):
    """An effect: ``method path`` with a JSON body, and ``Idempotency-Key`` where a key is given."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)
    effect: ClassVar[bool] = True
    method: Literal["POST", "PUT", "PATCH", "DELETE"]
    path: Path
    query: dict[str, QueryValue] = Field(default_factory=dict, max_length=50)
    # Left out is not the same as null: without the field no body is sent (``has_body``).
    json_body: JsonValue = Field(default=None, validation_alias="json")
    idempotency_key: IdempotencyKey | None = None

    @property
    def has_body(self) -> bool:
        return "json_body" in self.model_fields_set


class WriteRequest(Call):
    """A call with headers beside: only configuration makes such, no definition."""

    headers: dict[HeaderName, str] = Field(default_factory=dict, max_length=20)


class GetNext(Get):
    """A further page of the list at ``path``, by what each page named as the next one: URI ``references``, absolute or
    relative to the page before. Another origin than the connector's is refused."""

    references: tuple[Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,4000}$")], ...]
