"""Parameters that several operations share, with their bounds."""

from __future__ import annotations

from typing import Annotated, Any

from django.urls import register_converter
from django.urls.converters import PathConverter
from ninja import Path, Query
from pydantic import AfterValidator, AwareDatetime, StringConstraints

from handrail.api.problems import Problem
from handrail.kernel.clock import in_utc


class KeyConverter(PathConverter):
    """One segment of an address that may hold anything: the web server hands ``%2F`` on as ``/``, and a tenant of an
    old installation may have any key. Addresses that end in it come after those that go on."""

    regex = r"[\s\S]+"


register_converter(KeyConverter, "key")

TenantKey = Annotated[
    str, Path(max_length=128, pattern=r"^[^\x00]+$", description="The tenant's key, percent-encoded (`/` as `%2F`).")
]
RunRef = Annotated[str, Path(pattern=r"^RUN-[0-9A-Z]{1,20}$", description="The run's reference, RUN-….")]
ExceptionRef = Annotated[str, Path(pattern=r"^EXC-[0-9A-Z]{1,20}$", description="The exception packet's reference.")]
MessageRef = Annotated[str, Path(pattern=r"^MSG-[0-9A-Z]{1,20}$", description="The message's reference, MSG-….")]
PacketRef = Annotated[str, Path(pattern=r"^PKT-[0-9A-Z]{1,20}$", description="The packet's reference, PKT-….")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The revision's number.")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
DefinitionId = Annotated[int, Path(ge=1, le=2**62, description="The definition's id, as the list gives it.")]
Word = Annotated[str, Query(max_length=128, pattern=r"^[^\x00]*$")]
_Time = Annotated[AwareDatetime, AfterValidator(in_utc)]
Before = Annotated[_Time | None, Query(description="Only older ones: the time of the last of a list.")]
After = Annotated[
    str,
    Query(
        pattern=r"^([A-Z]{2,4}-[0-9A-Z]{1,20})?$",
        description="The next page: the reference of the last one of the page before. Unlike `before` it leaves out "
        "none of that same moment.",
    ),
]
Limit = Annotated[int, Query(ge=1, le=500, description="At most this many, newest first.")]
Instant = Annotated[_Time | None, Query(description="A time with its offset, such as 2026-03-01T00:00:00Z.")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500)]

REFUSALS: dict[int, Any] = dict.fromkeys((400, 401, 403, 404, 409, 413, 422, 500, 503), Problem)
