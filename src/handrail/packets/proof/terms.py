"""The building blocks of the signed documents: bounded text, names, digests, instants, and their strict reading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, PlainSerializer, StringConstraints, TypeAdapter, ValidationError

from handrail.kernel.errors import Fault, Invalid
from handrail.kernel.hostile import clean_text

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
STRICT = ConfigDict(extra="forbid", strict=True)
MAX_SAFE_INTEGER = 2**53 - 1  # RFC 8785 goes no further
MAX_TEXT = 500
MAX_FAULTS = 20

T = TypeVar("T")


def _clean(text: str) -> str:
    if clean_text(text, limit=MAX_TEXT) != text:  # PF-25
        raise ValueError("holds control, formatting or doubled white-space characters: clean it first")
    return text


def _utc(value: datetime) -> datetime:
    if value.utcoffset() != timedelta(0):  # PF-25
        raise ValueError("must be a UTC instant")
    return value.astimezone(UTC)


def instant_text(value: datetime) -> str:
    """One spelling only: RFC 3339, UTC, six digits of the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT), AfterValidator(_clean)]
Slug = Annotated[str, StringConstraints(max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]  # PF-25
PacketRef = Annotated[str, StringConstraints(pattern=r"^PKT-[0-9A-HJKMNP-TV-Z]{10}$")]
Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]
Ordinal = Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER)]
Instant = Annotated[datetime, AfterValidator(_utc), PlainSerializer(instant_text, return_type=str)]
Hexadecimal = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
StatementType = Literal["https://in-toto.io/Statement/v1"]


def read(adapter: TypeAdapter[T], raw: bytes, *, what: str) -> T:
    """``raw`` JSON as the adapter's type; unknown fields, coercions and nesting over pydantic's limit are refused.

    Raises Invalid with a fault for each field.
    """
    try:
        return adapter.validate_json(raw)
    except ValidationError as error:
        raise invalid(error, what=what) from None


def invalid(error: ValidationError, *, what: str) -> Invalid:
    """A validation error as Invalid: where and what, never the value."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    faults = [Fault(_place(entry["loc"]), entry["msg"]) for entry in details[:MAX_FAULTS]]
    return Invalid(f"The {what} is not valid: {faults[0]}.", code="proof", faults=faults)


def _place(location: Sequence[Any]) -> str:
    return ".".join(clean_text(str(part), limit=60) for part in location)
