"""The ground of the operation models: what a definition may name, after its placeholders are filled in."""

from __future__ import annotations

from typing import Annotated, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, StringConstraints

from handrail.connectors.finding import Finding
from handrail.connectors.outcome import Answer, Reading
from handrail.kernel.errors import Misconfigured

# Sent as a header: visible ASCII only, so that no key can end the header and begin another.
IdempotencyKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")]
# A path below the connector's base URL. It is checked again as a whole URL before anything is sent.
Path = Annotated[str, StringConstraints(pattern=r"^/[\x21-\x7e]*$", max_length=2000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Operation(BaseModel):
    """Strict and closed: no coercion, no unknown field. ``effect`` says whether it may change the other side."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    effect: ClassVar[bool] = False


@runtime_checkable
class Performer(Protocol):
    """A connector that carries operations out. Everything that it does is one HTTP call, or one paged reading."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def deadline_seconds(self) -> float:
        """The total time that one call may take, unless it is given another."""
        ...

    def check(self) -> list[Finding]: ...

    def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
        """Authoritative state. Raises ReadFailed; Misconfigured for an operation that this kind can't read with."""
        ...

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        """Any single call, effect or not; what happened is in the answer. Raises Misconfigured only."""
        ...


def not_mine(name: str, kind: str, operation: Operation) -> Misconfigured:
    """The error for an operation of another kind of connector."""
    asked = type(operation).__name__
    return Misconfigured(f"The connector {name} is of kind {kind}, which has no {asked} here.", code="wrong-connector")
